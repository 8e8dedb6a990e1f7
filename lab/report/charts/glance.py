"""Drawings of a few pixels: the interval of a ratio in a table's cell, and the icon that says how a run came out."""

import base64
from collections.abc import Mapping
from math import log

from lab.report.charts.svg import ARM_COLOURS, drawing_of, num, tag

WIDTH, HEIGHT = 64.0, 12.0
FARTHEST = log(1.5)  # −33% and +50%: what lies beyond ends at the edge
BLUE, RED, GREEN, _, AMBER, _, GREY = ARM_COLOURS
ICONS: Mapping[str, tuple[str, str]] = {  # a colour, and a shape for those who do not tell colours apart
    "better": (GREEN, "M9 17l5 5 9-12"),
    "worse": (RED, "M16 8v15M9 17l7 7 7-7"),
    "trade": (AMBER, "M9 11h14M9 21h14M19 7l4 4-4 4M13 17l-4 4 4 4"),
    "partly": (AMBER, "M8 16a8 8 0 0 0 16 0z"),
    "equivalent": (BLUE, "M8 12h16M8 20h16"),
    "small": (AMBER, "M8 19c4-9 7 4 10 0s4-4 6-5"),
    "open": (GREY, "M11 12c0-7 11-7 10 0 0 4-5 4-5 8M16 24v1"),
    "numbers": (GREY, "M9 13h14M9 19h14M14 8l-2 16M20 8l-2 16"),
    "invalid": ("#a3260f", "M10 10l12 12M22 10l-12 12"),
    "holds": (GREEN, "M9 13l5 5 9-12M9 25h14"),
    "violated": (RED, "M16 7a9 9 0 1 0 .1 0M10 22l12-12"),
    "undecided": (GREY, "M8 16h.1M16 16h.1M24 16h.1"),
    "failing": (RED, "M16 8v10M16 22v2"),
    "": (GREY, "M8 16h16"),
}


def interval_bar(low: float, estimate: float, high: float) -> str:
    """An interval of ratios on a log axis with 1 in the middle."""
    left, at, right = (_place(ratio) for ratio in (low, estimate, high))
    middle = HEIGHT / 2
    return drawing_of(
        tag("line", class_="one", x1=WIDTH / 2, x2=WIDTH / 2, y2=HEIGHT),
        tag("line", class_="whisker", x1=left, x2=max(right, left + 1), y1=middle, y2=middle),
        tag("rect", class_="at", x=at - 1.5, y=2, width=3, height=HEIGHT - 4),
        class_="interval",
        viewBox=f"0 0 {num(WIDTH)} {num(HEIGHT)}",
    )


def _place(ratio: float) -> float:
    part = max(-1.0, min(1.0, log(ratio) / FARTHEST)) if ratio > 0 else -1.0  # an infinite end is at the edge too
    return WIDTH / 2 * (1 + part * 0.95)


def icon(outcome: str) -> str:
    """The address of the icon of an outcome, which holds the drawing itself."""
    colour, shape = ICONS.get(outcome, ICONS[""])
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" '
        f'fill="{colour}"/><path d="{shape}" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round"/></svg>'
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"
