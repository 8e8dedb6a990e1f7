"""Every table of a report as CSV, with stored values (bytes, seconds) instead of formatted ones."""

import csv
import io
from collections.abc import Iterator, Mapping

from lab.report.content import Audience, Content, Table
from lab.report.renderers.text import one_line

FORMULA = ("=", "+", "-", "@")  # a spreadsheet would run a text that begins so


def render_csv(content: Content) -> Mapping[str, str]:
    """CSV text of every table, by file name."""
    return {f"{table.key}.csv": _csv(table) for table in all_tables(content)}


def all_tables(content: Content) -> Iterator[Table]:
    """The tables in the order of the page."""
    yield content.headline
    for section in content.sections:
        yield from (p for p in section.parts if isinstance(p, Table) and p.reader is not Audience.PEOPLE)


def _csv(table: Table) -> str:
    table = table.of(Audience.PROGRAMS)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_text(column.title) for column in table.columns)
    numeric = [column.numeric for column in table.columns]
    for row in table.rows:
        writer.writerow(
            ("" if cell.value is None else repr(cell.value)) if is_number else _text(cell.text)
            for cell, is_number in zip(row, numeric, strict=True)
        )
    return out.getvalue()


def _text(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if line.startswith(FORMULA) else line
