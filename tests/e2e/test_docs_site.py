"""The documentation site as a browser opens it from a folder: no server, no network, and the search works."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import TimeoutError as NotYet

from tests.e2e.conftest import IN_A_BROWSER, REPOSITORY
from tests.waiting import until

pytestmark = IN_A_BROWSER
HEARD_MS = 3000


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The site, built as `make docs` builds it."""
    shutil.copytree(REPOSITORY / "docs", tmp_path / "docs")
    runpy.run_path(str(REPOSITORY / "docs" / "sample.py"))["write_sample"](docs=tmp_path / "docs")
    shutil.copy(REPOSITORY / "zensical.toml", tmp_path)
    zensical = Path(sys.executable).with_name("zensical")
    subprocess.run([zensical, "build", "--strict", "--clean"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "site"


def test_a_word_is_found_without_a_server(browser: Browser, site: Path) -> None:
    """Typing a word of another page lists that page, and nothing was asked of anybody."""
    asked: list[str] = []
    broken: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto((site / "howto" / "budgets.html").as_uri())
    box = page.get_by_role("combobox", name="Search")

    def heard() -> bool:
        """Its script hears the key once it has been loaded and has run, which nothing else tells."""
        page.keyboard.press("Control+k")
        with suppress(NotYet):
            box.wait_for(timeout=HEARD_MS)
        return box.is_visible()

    until(heard, "the page hears the key")
    box.press_sequentially("starved")

    expect(box).to_have_value("starved")
    expect(page.locator(f"id={box.get_attribute('aria-controls')}")).to_contain_text("Reading the report")
    page.close()

    assert broken == []
    assert [url for url in asked if not url.startswith("file:")] == []
