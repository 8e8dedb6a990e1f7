"""Take the pictures of docs/images: ``python docs/screenshots.py [RUN]``; without RUN of what the tutorial recorded."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from sample import RECORDED

from lab.run.conclude import conclude

IMAGES = Path(__file__).parent / "images"
FIRST_SCREEN: ViewportSize = {"width": 960, "height": 900}  # the narrowest with two columns: text stays readable
SHARP = 2  # device pixels a pixel: whoever opens a picture by itself finds more in it
MARGIN = 16
FIGURES = ("tail",)


def main(run: Path = RECORDED) -> None:
    """The answer in both colours, and a figure, from a report that this version of the lab draws; the run stays."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is missing: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = conclude(run, into=Path(folder)).written.html
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, page in _pages(browser, report.absolute().as_uri()):
            page.evaluate("document.getElementById('tools').hidden = true")
            _picture(page, IMAGES / f"{name}.png")
            for key in FIGURES if name == "report" else ():
                page.locator(f"#{key}").screenshot(path=IMAGES / f"{key}.png")
        browser.close()


def _picture(page: Page, target: Path) -> None:
    """From the top of the page to the end of the answer: no line is cut, whatever the answer is."""
    answer = page.locator("#answer").bounding_box()
    if answer is None:
        sys.exit("the report has no answer")
    width, height = FIRST_SCREEN["width"], answer["y"] + answer["height"] + MARGIN
    page.screenshot(path=target, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})


def _pages(browser: Browser, address: str) -> Iterator[tuple[str, Page]]:
    for name, dark in (("report", False), ("report-dark", True)):
        page = browser.new_page(
            viewport=FIRST_SCREEN, device_scale_factor=SHARP, color_scheme="dark" if dark else "light"
        )
        page.goto(address)
        yield name, page


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
