"""How the live view looks in small: styles, bars, and text that fits its place and cannot move the cursor."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from lab.report.renderers.text import one_line

PLAIN = Style()
STRONG = Style(bold=True)
FAINT = Style(dim=True)
WARN = Style(color="yellow")
BAD = Style(color="red", bold=True)
CPU = Style(color="cyan")
MEMORY = Style(color="magenta")
SHARE = Style(color="blue")
GOOD = Style(color="green")

EIGHTHS = " ▏▎▍▌▋▊▉"
FULL, HALF, EMPTY = "━", "╸", "─"
LABEL = 6  # cells of the labels on the left, with the space before them


def line(label: str = "") -> Text:
    """The begin of one line of the view, which is cut at the terminal's edge."""
    text = Text(no_wrap=True, overflow="ellipsis")
    return text.append(f" {label:<{LABEL}}", FAINT) if label else text.append(" ")


def cut(text: str, width: int) -> str:
    """``text`` as one printable line of at most ``width`` cells; an ellipsis stands for what is missing."""
    short = Text(one_line(text))
    short.truncate(max(0, width), overflow="ellipsis")
    return short.plain


def bar(fraction: float, cells: int) -> str:
    """A bar of ``cells`` cells in steps of an eighth; anything above nothing shows at least one step."""
    steps = min(8 * cells, round(8 * cells * fraction))
    whole, rest = divmod(max(steps, 1) if fraction > 0 else 0, 8)
    return ("█" * whole + (EIGHTHS[rest] if rest else "")).ljust(cells)


def progress_bar(fraction: float, cells: int) -> tuple[str, str]:
    """What is done and what is to do, together ``cells`` cells."""
    halves = round(2 * cells * min(1.0, max(0.0, fraction)))
    done = FULL * (halves // 2) + HALF * (halves % 2)
    return done, EMPTY * (cells - len(done))


def first_that_fits(candidates: Iterable[str], width: int) -> str:
    """The first candidate of at most ``width`` cells, else the last one cut."""
    last = ""
    for last in candidates:
        if cell_len(last) <= width:
            return last
    return cut(last, width)
