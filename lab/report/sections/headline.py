"""The table of the first screen: each arm's medians side by side."""

from __future__ import annotations

from collections.abc import Iterator

from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import METRICS, Metric, Unit
from lab.report.content import Cell, Column, Reader, Table
from lab.report.parts.cells import (
    columns,
    metric_cell,
    only,
    ratio_cells,
    ratio_columns,
    words,
)
from lab.report.parts.late_answers import late_beside, late_told
from lab.report.parts.values import Judgements, fallback_note, ratio_note, shown_value

NOT_VALID = "no valid block"
HEADLINE = (
    "p50",
    "p99",
    "throughput",
    "errors",
    "memory.pss.total",
    "memory.cgroup.anon",
    "cpu.per_1k",
    "share.max",
    "boot",
)


BESIDE = (("memory.pss.idle", "memory.slope.per_1k"),)  # who asks what stays asks about growth; no bound is known


def headline(summary: RunSummary, judgements: Judgements) -> Table:
    """The primaries and a few metrics everybody asks for: median of each arm, ratio to the baseline."""
    primary = summary.scenario.compare.primary
    keys = dict.fromkeys((*primary, *(other for key, other in BESIDE if key in primary), *HEADLINE))
    contenders = [arm.name for arm in summary.arms if arm.name != summary.baseline]
    rows = tuple(
        (*words(_title(summary, key), METRICS[key].unit), *_row(summary, METRICS[key], contenders, judgements))
        for key in keys
        if any(shown_value(summary, arm.name, key) is not None for arm in summary.arms)
    )
    valid = {key: bool(summary.valid_for(key)) for key in keys}
    basis = "the blocks that are valid for each metric" if any(valid.values()) else "all blocks, none of which is valid"
    if any(valid.values()) and not all(valid.values()):
        basis += f"; where that is none ({NOT_VALID}) over all blocks, which says nothing about the arms"
    return Table(
        key="headline",
        title="The arms side by side",
        columns=tuple(_headline_columns(summary.baseline, contenders)),
        rows=rows,
        note=(f"{told} " if (told := late_told(summary)) and late_beside(summary) else "")
        + f"Medians over {basis}; ratio to {summary.baseline}: "
        + (
            ratio_note(judgements) + fallback_note(summary, judgements, keys)
            if judgements and any(valid.values())
            else "median of the blocks' ratios."
        ),
    )


def _title(summary: RunSummary, key: str) -> str:
    """The metric's, with a warning where its numbers do not count and those of others do."""
    warn = not summary.valid_for(key) and bool(summary.decision.used)
    return f"{METRICS[key].title} ({NOT_VALID})" if warn else METRICS[key].title


def _headline_columns(baseline: str, contenders: list[str]) -> Iterator[Column]:
    yield from (*columns("metric"), *only(Reader.PROGRAMS, columns("unit")), *columns(numeric=[baseline]))
    for arm in contenders:
        yield from (*columns(numeric=[arm]), *ratio_columns(f"against {baseline}", f"{arm} ratio"))


def _row(summary: RunSummary, metric: Metric, contenders: list[str], judgements: Judgements) -> Iterator[Cell]:
    yield metric_cell(metric, shown_value(summary, summary.baseline, metric.key))
    for arm in contenders:
        found = summary.metrics[Reading(metric.key, arm)]
        yield metric_cell(metric, shown_value(summary, arm, metric.key))
        counted = metric.unit is not Unit.COUNT or metric.key.startswith("cpu.")
        judged = judgements.get(Reading(metric.key, arm))
        middle = found.ratio if summary.valid_for(metric.key) else found.ratio_all
        ratio = (judged.estimate if judged else None) or middle
        interval = judged.interval if judged else None
        word = judged is not None and judged.verdict is not None
        yield from ratio_cells(ratio, interval, judged=word) if counted else ratio_cells(None, None)
