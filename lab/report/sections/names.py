"""What the locustfile itself told: its requests by name, its own events, and the exceptions that it raised."""

from collections import Counter

from lab.analysis.summary import RunSummary
from lab.analysis.trial.names import MAX_NAMES, NAME_QUANTILES
from lab.metric_types import PRINT_BEYOND
from lab.metrics import Unit
from lab.report.content import Cell, Table
from lab.report.parts.cells import UNKNOWN, cell, columns, words
from lab.units import format_count

MAX_EXCEPTIONS = 20
QUANTILE_TITLES = tuple(f"p{100 * quantile:g}" for quantile in NAME_QUANTILES)


def name_table(summary: RunSummary) -> Table:
    """Requests of the measure phases by name and arm."""
    rows = tuple(
        (
            *words(line.name, arm.name),
            *(cell(Unit.COUNT, float(count)) for count in (line.requests, line.failures)),
            *(cell(Unit.SECONDS, value) for value in line.quantiles),
        )
        for line_name in dict.fromkeys(line.name for arm in summary.arms for line in arm.names)
        for arm in summary.arms
        for line in arm.names
        if line.name == line_name
    )
    return Table(
        key="names",
        title="Requests by name",
        columns=columns("request", "arm", numeric=("requests", "failed", *QUANTILE_TITLES)),
        rows=rows,
        note="Sums over the blocks, and medians of the blocks' service times; a block has a quantile with at least "
        f"{PRINT_BEYOND} requests beyond. The {MAX_NAMES} most frequent names.",
    )


def event_table(summary: RunSummary) -> Table:
    """The locustfile's own events of the measure phases by type, name and arm."""
    keys = dict.fromkeys((line.type, line.name) for arm in summary.arms for line in arm.events)
    rows = tuple(
        (
            *words(line.type, line.name, arm.name),
            *(cell(Unit.COUNT, float(count)) for count in (line.events, line.failures)),
            *map(_plain, (line.mean, *line.quantiles, line.mean_length)),
        )
        for key in keys
        for arm in summary.arms
        for line in arm.events
        if (line.type, line.name) == key
    )
    return Table(
        key="events",
        title="Events of the locustfile",
        columns=columns(
            "type", "event", "arm", numeric=("events", "failed", "mean value", *QUANTILE_TITLES, "mean length")
        ),
        rows=rows,
        note="What the locustfile reported itself, and not Locust's HTTP clients: these are no requests, and count in "
        "no other number. Values are as it gave them, milliseconds where it means a time. Sums over the blocks, and "
        "medians of the blocks.",
    )


def _plain(value: float | None) -> Cell:
    """A number whose unit nobody told."""
    return Cell(UNKNOWN if value is None else f"{value:.4g}", value)


def exception_table(summary: RunSummary) -> Table:
    """Exceptions in tasks and on_start by place."""
    counts = Counter[tuple[str, str]]()
    for trial in summary.trials:
        for told, count in trial.record.load.exceptions.items():
            counts[trial.record.arm, told] += count
    rows = tuple(
        (*words(arm, told), cell(Unit.COUNT, float(count))) for (arm, told), count in counts.most_common(MAX_EXCEPTIONS)
    )
    rest = len(counts) - MAX_EXCEPTIONS
    further = f" {format_count(rest)} further kinds." if rest > 0 else ""
    return Table(
        key="exceptions",
        title="Exceptions in the locustfile",
        columns=columns("arm", "where and what", numeric=("times",)),
        rows=rows,
        note=f"Over whole trials, warm-up included; a task that raised one has not done its work.{further}",
    )
