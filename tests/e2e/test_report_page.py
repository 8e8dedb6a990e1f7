"""The report as a browser sees it: no network, no console error, charts drawn, readable without scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.conftest import REPOSITORY, Outcome

pytestmark = pytest.mark.e2e

ARTEFACTS = REPOSITORY / "artifacts"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium; without it this tier fails, it does not skip."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium (make test does it as root)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_draws_its_charts_and_asks_nobody(browser: Browser, smoke: tuple[Outcome, Path], scheme: str) -> None:
    """Charts are drawn, the console is silent, and nothing but the file itself is requested."""
    _, folder = smoke
    page = browser.new_page(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": 1200, "height": 900}
    )
    console: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: console.append(f"error: {error}"))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"file://{folder / 'report.html'}")
    page.wait_for_function("document.querySelectorAll('.marks').length >= 6", timeout=20_000)

    assert console == []
    assert [url for url in requested if not url.startswith(("file://", "data:", "blob:"))] == []
    assert "Does everything work end to end" in page.inner_text("h1")
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"report-{scheme}.png", full_page=True)
    page.close()


def test_the_tables_are_there_without_scripts(browser: Browser, smoke: tuple[Outcome, Path]) -> None:
    """With scripts off the numbers stay readable."""
    _, folder = smoke
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{folder / 'report.html'}")
    assert page.locator("table").count() >= 5
    assert "memory (PSS), steady" in page.inner_text("body")
    context.close()
