"""Cells of a table as the page shows them: numbers aligned on their decimal point, ratios with a small interval."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from lab.report.charts.glance import interval_bar
from lab.report.content import Cell, Column, Table
from lab.report.parts.cells import UNKNOWN

NOTHING = Markup("")
SHORT, SENTENCE = 20, 60  # characters
WIDEST_TAIL = 24  # characters of the widest class of page.css
_NUMBER = re.compile(r"([≤≥×−+±]? ?[\d,]+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ShownCell:
    """``head`` ends where the decimals begin; all tails of a column are at least ``width`` characters wide."""

    looks: str
    head: str
    tail: str = ""
    width: int = 0
    span: Markup = NOTHING


def aligned(table: Table) -> list[list[ShownCell]]:
    """The rows of a table with the decimal points of each numeric column one below the other."""
    shown = [[_shown(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]
    widths = [_tail_width(column, [row[place] for row in shown]) for place, column in enumerate(table.columns)]
    return [
        [ShownCell(cell.looks, cell.head, cell.tail, width, cell.span) for cell, width in zip(row, widths, strict=True)]
        for row in shown
    ]


def stands_as_cards(table: Table) -> bool:
    """Tell whether a phone shows each row as a card: with a sentence in it a row is wider than any phone."""
    cells = [cell for row in table.rows for cell in row]
    return any(len(cell.text) > SENTENCE for cell in cells) and not any(cell.span for cell in cells)


def drawn_columns(table: Table) -> set[int]:
    """The places of the columns that have intervals to draw."""
    return {place for row in table.rows for place, cell in enumerate(row) if cell.span}


def _shown(cell: Cell, column: Column) -> ShownCell:
    found = _number(cell) if column.numeric else _text(cell)
    return replace(found, looks=f"{found.looks} on-{cell.verdict}".lstrip()) if cell.verdict else found


def _tail_width(column: Column, cells: Sequence[ShownCell]) -> int:
    return min(WIDEST_TAIL, max((len(cell.tail) for cell in cells), default=0)) if column.numeric else 0


def _text(cell: Cell) -> ShownCell:
    if cell.command:
        return ShownCell("command", cell.text)
    if cell.text == UNKNOWN:
        return ShownCell("short unknown", cell.text)
    length = len(cell.text)
    return ShownCell("short" if length < SHORT else "sentence" if length > SENTENCE else "", cell.text)


def _number(cell: Cell) -> ShownCell:
    looks = "number judged" if cell.strong else "number"
    found = _NUMBER.fullmatch(cell.text)
    head, tail = found.groups() if found else ("", cell.text)
    span = Markup(interval_bar(*cell.span)) if cell.span else NOTHING  # noqa: S704  numbers alone
    return ShownCell(looks, head, tail, 0, span)
