"""A table in as many columns as a terminal has: side by side, else stacked, else a few arms at a time."""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from rich.table import Table as RichTable
from rich.text import Text

from lab.report.content import Table
from lab.report.renderers.text import one_line

BETWEEN = 2  # blanks between two columns
Rows = Sequence[Sequence[str]]


def tables(whole: Table, arms: Collection[str], width: int) -> Iterator[RichTable]:
    """One table where it fits; else intervals stand below their numbers, and each table has as many arms as fit.

    ``arms``: the columns of an arm begin with the one that has its name for a title, and stay together. A table
    without arms is left to wrap. Rows with a command are not in it: no line of a command may be wrapped.
    """
    table = whole.shown
    titles = [one_line(column.title) for column in table.columns]
    rows = [[one_line(cell.text) for cell in row] for row in table.rows if not any(cell.command for cell in row)]
    starts = [number for number, column in enumerate(table.columns) if column.title in arms]
    every = range(len(titles))
    if not starts or _width(_longest(titles, rows)) <= width:
        yield _made(table, titles, rows, every)
        return
    titles, rows = _stacked(table, titles, " "), [_stacked(table, row, " (") for row in rows]
    head = every[: starts[0]]
    words = [max(len(word) for row in rows for word in row[number].split() or [""]) for number in head]
    least = [*words, *_longest(titles, rows)[starts[0] :]]
    shown = [*head]
    for arm in (every[begin:end] for begin, end in pairwise([*starts, len(titles)])):
        if len(shown) > len(head) and _width([least[number] for number in (*shown, *arm)]) > width:
            yield _made(table, titles, rows, shown, stacked=True)
            shown = [*head]
        shown += arm
    yield _made(table, titles, rows, shown, stacked=True)


def _stacked(table: Table, texts: Sequence[str], at: str) -> list[str]:
    """Those of numeric columns in two lines."""
    parted = f"\n{at.strip()}"
    return [text.replace(at, parted, 1) if of.numeric else text for of, text in zip(table.columns, texts, strict=True)]


def _longest(titles: Sequence[str], rows: Rows) -> list[int]:
    """The longest line of each column."""
    columns = zip(*(titles, *rows), strict=True)
    return [max(len(line) for text in column for line in text.split("\n")) for column in columns]


def _width(columns: Sequence[int]) -> int:
    return sum(columns) + BETWEEN * (len(columns) - 1)


def _made(table: Table, titles: Sequence[str], rows: Rows, shown: Sequence[int], *, stacked: bool = False) -> RichTable:
    """Some columns of a table; where they are stacked only words wrap, never numbers. The last one has the note."""
    note = Text(one_line(table.note), style="dim") if shown[-1] == len(titles) - 1 else None
    rich = RichTable(box=None, pad_edge=False, caption=note, caption_justify="left")
    for number in shown:
        numeric = table.columns[number].numeric
        rich.add_column(
            Text(titles[number]),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=stacked and numeric,
        )
    for row in rows:
        rich.add_row(*(Text(row[number]) for number in shown))
    return rich
