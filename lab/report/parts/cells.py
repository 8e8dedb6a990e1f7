"""Stored values into words: one formatter for each unit, one scale for each axis."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf, isfinite, isinf

from lab.analysis.judge.intervals import Interval
from lab.analysis.judge.verdict import Judgement
from lab.metrics import Group, Metric, Unit
from lab.report.content import Audience, Cell, Column, Table
from lab.report.parts.effects import signed_size, size_of_shift
from lab.units import GIB, MIB, format_bytes, format_count, format_factor, format_rate, format_ratio, format_seconds

FORMATTERS: Mapping[Unit, Callable[[float], str]] = {
    Unit.BYTES: format_bytes,
    Unit.SECONDS: format_seconds,
    Unit.COUNT: format_count,
    Unit.PER_SECOND: format_rate,
    Unit.FRACTION: format_ratio,
    Unit.RATIO: format_factor,
}
TRAILING_ZEROS = re.compile(r"\.0+(?=\D|$)|(?<=\.\d)0+(?=\D|$)")
UNKNOWN = "–"
DIFFERENCE = "difference"
NEVER = "not in the trial"
NOT_OVER = "drill not over"  # so that nobody knows its harm
COUNTED_TO_THE_END = ("drill.harm", "drill.cpu", "drill.radius", "drill.slots", "drill.restarts")
FAILED = "failed"  # the value lies among requests that failed: it is infinite


def quantity(unit: Unit, value: float | None) -> str:
    """``34.1 MiB``; an unknown value is a dash, never a zero, and an infinite one is ``failed``."""
    if value is None:
        return UNKNOWN
    return FAILED if isinf(value) else FORMATTERS[unit](value).replace("-", "−")


def round_limit(unit: Unit, value: float | None) -> str:
    """A limit as people say it: ``"2 ms"`` and ``"90%"`` instead of ``"2.00 ms"`` and ``"90.0%"``."""
    return TRAILING_ZEROS.sub("", quantity(unit, value))


def metric_quantity(metric: Metric, value: float | None) -> str:
    """A value of a metric; an infinite one of a drill did not come to its end in the trial."""
    if metric.group is Group.DRILL and value is not None and isinf(value):
        return NOT_OVER if metric.key in COUNTED_TO_THE_END else NEVER
    if metric.group is Group.DRILL and value == 0:
        counted = metric.unit is not Unit.SECONDS or metric.key in ("drill.harm", "drill.cpu")
        return "none" if counted else "at once"
    return quantity(metric.unit, value)


def metric_cell(metric: Metric, value: float | None) -> Cell:
    """As ``cell``, of a metric."""
    return Cell(metric_quantity(metric, value), value)


def cell(unit: Unit, value: float | None) -> Cell:
    """A numeric cell that keeps the stored value."""
    return Cell(quantity(unit, value), value)


def ratio_cell(ratio: float | None) -> Cell:
    """A ratio to the baseline."""
    return Cell(quantity(Unit.RATIO, ratio), ratio)


def words(*texts: object) -> tuple[Cell, ...]:
    """Cells of plain text."""
    return tuple(Cell(str(text)) for text in texts)


def columns(*titles: str, numeric: Iterable[str] = ()) -> tuple[Column, ...]:
    """Text columns, then numeric ones."""
    return (*(Column(title=title) for title in titles), *(Column(title=title, numeric=True) for title in numeric))


def only(reader: Audience, found: Iterable[Column]) -> tuple[Column, ...]:
    """The same columns for this reader alone."""
    return tuple(replace(column, reader=reader) for column in found)


def ratio_columns(title: str, name: str) -> tuple[Column, ...]:
    """For ``ratio_cells``: a column called ``title`` for people, three that begin with ``name`` for programs."""
    return (
        *only(Audience.PEOPLE, columns(numeric=[title])),
        *only(Audience.PROGRAMS, columns(numeric=[name, f"{name} low", f"{name} high"])),
    )


def compared_columns(title: str, name: str) -> tuple[Column, ...]:
    """For ``compared_cells``: those of ``ratio_columns``, and three of the difference for programs."""
    return (*ratio_columns(title, name), *difference_columns(name.removesuffix("ratio")))


def difference_columns(name: str = "") -> tuple[Column, ...]:
    """What ``compared_cells`` gives programs of a difference; ``name`` ends with a space."""
    return only(Audience.PROGRAMS, columns(numeric=[f"{name}{DIFFERENCE}{end}" for end in ("", " low", " high")]))


def compared_table(table: Table) -> Table:
    """The table without columns of differences that nothing stands in: most compare ratios alone."""
    kept = [
        place
        for place, column in enumerate(table.columns)
        if DIFFERENCE not in column.title or any(row[place].value is not None for row in table.rows)
    ]
    rows = tuple(tuple(row[place] for place in kept) for row in table.rows)
    return replace(table, columns=tuple(table.columns[place] for place in kept), rows=rows)


def ratio_cells(
    ratio: float | None, interval: Interval | None, *, judged: bool = False, mark: str = ""
) -> tuple[Cell, ...]:
    """A ratio as a change with its interval and a mark behind it, then ratio, low and high end as numbers."""
    shown = change_cell(ratio, interval, judged=judged)
    shown = replace(shown, text=f"{shown.text} {mark}") if mark and shown.value is not None else shown
    return (shown, ratio_cell(ratio), *interval_cells(interval))


def compared_cells(metric: Metric, judged: Judgement | None, ratio: float | None, mark: str = "") -> tuple[Cell, ...]:
    """As ``ratio_cells``, ``ratio`` where no estimate is; what is judged by its differences has those, and no ratio."""
    word = judged is not None and judged.verdict is not None
    if not metric.differences:
        estimate, interval = (judged.estimate, judged.interval) if judged else (None, None)
        return (*ratio_cells(estimate or ratio, interval, judged=word, mark=mark), *map(ratio_cell, (None,) * 3))
    more = judged.difference if judged else None
    ends = (more.estimate, more.low, more.high) if more else (judged.shift if judged else None, None, None)
    told = Cell(_difference(metric, ends), strong=word)
    return (told, *ratio_cells(None, None)[1:], *(cell(metric.unit, end) for end in ends))


def _difference(metric: Metric, ends: Sequence[float | None]) -> str:
    """``"+120 ms (−30.0 ms…+300 ms)"``: a difference and its interval, where that is known and has a width."""
    told = [size_of_shift(metric, end) for end in ends if end is not None]
    return f"{told[0]} ({told[1]}…{told[2]})" if len(set(told)) > 1 else next(iter(told), UNKNOWN)


def change_cell(ratio: float | None, interval: Interval | None = None, *, judged: bool = False) -> Cell:
    """A ratio as a signed change, with its interval where it has one: ``"+7.2% (+7.0…+7.5%)"``."""
    if ratio is None or not isfinite(ratio):
        return Cell(quantity(Unit.RATIO, ratio), ratio)
    span = None if interval is None else (interval.low, ratio, interval.high)
    return Cell(signed_size(ratio, interval), ratio, span=span, strong=judged)


def interval_cells(interval: Interval | None) -> tuple[Cell, ...]:
    """Both ends of an interval of ratios, unknown where nothing bounds it."""
    ends = (interval.low, interval.high) if interval else (inf, inf)
    return tuple(ratio_cell(end if isfinite(end) else None) for end in ends)


def span_words(unit: Unit, low: float, high: float) -> str:
    """``"205/s to 219/s"``, ``"205/s or more"`` where nothing bounds it."""
    if isfinite(low) and isfinite(high):
        return f"{quantity(unit, low)} to {quantity(unit, high)}"
    known = low if isfinite(low) else high
    return f"{quantity(unit, known)} or {'more' if known == low else 'less'}" if isfinite(known) else "no end known"


def axis(unit: Unit, values: Iterable[float | None]) -> tuple[float, str]:
    """(divisor, label) that make an axis readable: values ÷ divisor are in the labelled unit."""
    largest = max((abs(value) for value in values if value is not None and isfinite(value)), default=0.0)
    if unit is Unit.BYTES:
        return (GIB, "GiB") if largest >= 10 * GIB else (MIB, "MiB")
    if unit is Unit.SECONDS:
        return (1.0, "s") if largest >= 1 else (1e-3, "ms")
    if unit is Unit.FRACTION:
        return 0.01, "%"
    return 1.0, "" if unit is Unit.RATIO else unit.value
