"""`lab serve` as a person uses it: the list, a filter, a report, a trend, on a phone and a screen; Ctrl-C ends it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import IN_A_BROWSER, LAB, REPOSITORY, lab
from tests.e2e.layout import every_shape, faults, show_as, worth_a_picture
from tests.launched import launched
from tests.served_runs import FIRST, MOVED, REBUILT, SPOILED, serve_folder

pytestmark = IN_A_BROWSER

ARTEFACTS = REPOSITORY / "artifacts"
DEADLINE_S = 60.0
WIDTHS = (390, 1400)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that a running `lab serve` prints first; in the end Ctrl-C is no failure."""
    folder = serve_folder(tmp_path_factory.mktemp("runs"))
    command = [*LAB, "serve", str(folder), "--port", "0"]
    with launched(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, said) == (0, "Ctrl-C ends it\n")


@pytest.mark.parametrize("width", WIDTHS)
def test_runs_are_found_opened_and_followed(browser: Browser, url: str, width: int) -> None:
    """From the list by a filter to a report, and to the trend, where the changes are named."""
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    show_as(page, "light", width)
    page.goto(url)
    rows = page.locator(".run:not(.head)")
    expect(rows).to_have_count(7)
    page.get_by_label("Text").fill("fuse-overlayfs")
    page.get_by_label("Validity").select_option("not valid")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 7 runs")
    expect(rows.locator(f'a[href="/run/{SPOILED}/report.html"]')).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    page.locator(f'a[href="/run/{FIRST}/report.html"]').click()
    expect(page.locator("#answer")).to_be_visible()
    page.get_by_role("button", name="Dark").click()  # the report's own script runs
    assert page.locator("html").get_attribute("data-theme") == "dark"

    page.go_back()
    page.get_by_role("link", name="quickstart").first.click()
    page.get_by_label("Metric").select_option("cpu.per_1k")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#trend svg.figure circle")).to_have_count(2 * 5)
    expect(page.locator("#trend .guide")).to_have_count(2)
    for name, words in ((MOVED, "storage driver: overlay2 → fuse-overlayfs"), (REBUILT, "image app")):
        row = page.locator("tbody tr").filter(has=page.locator(f'a[href="/run/{name}/report.html"]'))
        expect(row.locator(".changed")).to_contain_text(words.partition(":")[0])
        expect(page.locator("#changes")).to_contain_text(words)
    page.close()

    assert said == []
    assert all(address.startswith((url, "data:")) for address in asked), asked


@pytest.mark.parametrize("place", ["", "trend?scenario=quickstart", "?text=nothing"])
def test_every_page_fits(browser: Browser, url: str, place: str) -> None:
    """By the rules of the report; what was seen is kept as a picture."""
    page = browser.new_page()
    page.goto(f"{url}{place}")
    ARTEFACTS.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "-", place) or "runs"
    found = {}
    for medium, width in every_shape(page):
        if worth_a_picture(medium, width):
            page.screenshot(path=ARTEFACTS / f"serve-{name}-{medium}-{width}.png")
        found[medium, width] = faults(page)
    page.close()

    assert len(found) == 9
    assert not any(found.values()), found


def test_a_port_that_is_taken_is_exit_4(url: str, tmp_path: Path) -> None:
    """A sentence with what to do, and no traceback."""
    port = url.rstrip("/").rpartition(":")[2]
    lab("serve", tmp_path, "--port", port).refused(4, f"port {port} of 127.0.0.1: another program has it", "--port")
