"""What must hold of every page at every width: nothing leaves its figure, nothing is cut, no row is a screen high."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from playwright.sync_api import Page

WIDTHS = (390, 794, 1400)  # a phone, paper, a screen
MEDIA = ("light", "dark", "print")
HIGHEST_ROW_PX = 200
FAULTS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def show_as(page: Page, medium: str, width: int) -> None:
    """Lay the page out for one of ``MEDIA`` at a width in pixels."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(
        media="print" if medium == "print" else "screen", color_scheme="dark" if medium == "dark" else "light"
    )


def every_shape(page: Page) -> Iterator[tuple[str, int]]:
    """Lay one page out for every medium at every width, one after the other: its layout needs no loading anew."""
    for medium, width in product(MEDIA, WIDTHS):
        show_as(page, medium, width)
        yield medium, width


def worth_a_picture(medium: str, width: int) -> bool:
    """Whether people would look at this shape: dark and paper differ from light by colour and by what is open."""
    return medium == MEDIA[0] or width == max(WIDTHS)


def faults(page: Page, root: str = "body") -> list[str]:
    """Everything below ``root`` that is outside its figure, cut, or a row too high, as the page is laid out now."""
    return [str(fault) for fault in page.evaluate(FAULTS, [root, HIGHEST_ROW_PX])]
