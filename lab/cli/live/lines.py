"""Lines of the live view: pieces of text with a style, made by hand because they are made twice a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.style import Style

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
INDENT = 7


class Line:
    """One line of the view. Nothing in it can move the cursor: every text is made printable."""

    def __init__(self, label: str | None = None) -> None:
        """With a ``label``, also an empty one, the text begins in the column behind the labels."""
        self.pieces: list[Segment] = []
        self.width = 0
        self.add(" " if label is None else f" {label:<{INDENT - 1}}", FAINT)

    def add(self, text: str, style: Style = PLAIN) -> Line:
        """Append ``text``."""
        self.pieces.append(Segment(text, style))
        self.width += cell_len(text)
        return self

    def left(self, text: str, width: int, style: Style = PLAIN) -> Line:
        """Append ``text`` in a column of ``width`` cells, cut or filled up, and a space."""
        return self.add(cut(text, width).ljust(width) + " ", style)

    def right(self, text: str, width: int, style: Style = PLAIN) -> Line:
        """As ``left``, but at the right side of its column."""
        return self.add(text.rjust(width) + " ", style)

    def gap_to(self, column: int) -> Line:
        """Spaces up to ``column``."""
        return self.add(" " * max(0, column - self.width))


class Lines:
    """What rich draws: the lines, each cut at the terminal's edge."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for number, line in enumerate(self._lines):
            if number:
                yield Segment.line()
            yield from Segment.adjust_line_length(line.pieces, options.max_width, pad=False)


def cut(text: str, width: int) -> str:
    """``text`` as one printable line of at most ``width`` cells; an ellipsis stands for what is missing."""
    text = one_line(text)
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)) + "…"


def bar(fraction: float, cells: int) -> str:
    """A bar of ``cells`` cells in steps of an eighth; anything above nothing shows at least one step."""
    steps = min(8 * cells, round(8 * cells * fraction))
    steps = max(steps, 1) if fraction > 0 else 0
    whole, rest = divmod(steps, 8)
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
