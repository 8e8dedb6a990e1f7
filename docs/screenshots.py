"""Take the pictures of docs/images from the report of a real run: ``python docs/screenshots.py runs/RUN``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

IMAGES = Path(__file__).parent / "images"
FIRST_SCREEN: ViewportSize = {"width": 960, "height": 900}  # the narrowest with two columns: text stays readable
SHARP = 2  # device pixels a pixel: whoever opens a picture by itself finds more in it
FIGURES = ("tail",)


def main(run: Path) -> None:
    """The first screen in both colours, and a figure."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, page in _pages(browser, (run / "report.html").absolute().as_uri()):
            page.evaluate("document.getElementById('tools').hidden = true")
            page.screenshot(path=IMAGES / f"{name}.png")
            for key in FIGURES if name == "report" else ():
                page.locator(f"#{key}").screenshot(path=IMAGES / f"{key}.png")
        browser.close()


def _pages(browser: Browser, address: str) -> Iterator[tuple[str, Page]]:
    for name, dark in (("report", False), ("report-dark", True)):
        page = browser.new_page(
            viewport=FIRST_SCREEN, device_scale_factor=SHARP, color_scheme="dark" if dark else "light"
        )
        page.goto(address)
        yield name, page


if __name__ == "__main__":
    main(Path(sys.argv[1]))
