"""The table of the first screen: each arm's medians side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lab.analysis.conditions import expected_metrics
from lab.analysis.judge.verdict import Verdict
from lab.analysis.ladders import climbs_of
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import METRICS, Metric, Unit
from lab.metrics.capacity import CAPACITY
from lab.report.content import Audience, Cell, Column, Table
from lab.report.parts.capacity_words import middle_range
from lab.report.parts.cells import (
    UNKNOWN,
    columns,
    compared_cells,
    compared_columns,
    compared_table,
    metric_cell,
    only,
    words,
)
from lab.report.parts.late_answers import late_beside, late_told
from lab.report.parts.values import (
    ONE_RATIO,
    THIN,
    Judgements,
    arm_names,
    contenders,
    fallback_note,
    is_thin,
    ratio_note,
    shown_value,
)

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
    """The primaries, what is expected and what everybody asks for: median of each arm, change against the baseline."""
    primary = summary.scenario.compare.primary
    beside = (other for key, other in BESIDE if key in primary)
    keys = dict.fromkeys((*primary, *expected_metrics(summary.scenario), *beside, *HEADLINE))
    arms = contenders(summary)
    rows = tuple(
        (*words(_title(summary, key), METRICS[key].unit), *_row(summary, METRICS[key], arms, judgements))
        for key in keys
        if any(_value(summary, arm.name, METRICS[key]).text != UNKNOWN for arm in summary.arms)
    )
    table = Table(
        key="headline",
        title="The arms side by side",
        columns=tuple(_headline_columns(summary.baseline, arms)),
        rows=rows,
        note=_note(summary, judgements, keys, changes=bool(arms)),
    )
    return compared_table(table)


def _note(summary: RunSummary, judgements: Judgements, keys: Collection[str], *, changes: bool) -> str:
    """Say what the numbers are; ``changes``: and what the columns beside them are."""
    late = late_told(summary) if late_beside(summary) else ""
    known = any(summary.valid_for(key) for key in keys)
    change = "median of the blocks' ratios." if len(summary.blocks) > 1 else ONE_RATIO
    if judgements and known:
        change = ratio_note(judgements) + fallback_note(summary, judgements, keys) + _narrower(judgements, keys)
    told = f"; change against {summary.baseline}: {change}" if changes else "."
    return " ".join(filter(None, (late, f"{_basis(summary, keys)}{told}")))


def _basis(summary: RunSummary, keys: Collection[str]) -> str:
    """Which blocks the numbers are of."""
    valid, one = [bool(summary.valid_for(key)) for key in keys], len(summary.blocks) == 1
    if not any(valid):
        return (
            "Values of the only block, which is not valid" if one else "Medians over all blocks, none of which is valid"
        )
    if all(valid):
        return "Values of the only block" if one else "Medians over the blocks that are valid for each metric"
    if one:
        return f"Values of the only block, which says nothing about the arms where it is not valid ({NOT_VALID})"
    return (
        "Medians over the blocks that are valid for each metric; where that is none "
        f"({NOT_VALID}) over all blocks, which says nothing about the arms"
    )


def _narrower(judgements: Judgements, keys: Collection[str]) -> str:
    """Say that the answer has another interval of what is equivalent than this table; empty where no row has one."""
    equivalent = (found for (key, _), found in judgements.items() if key in keys)
    alike = (found.equivalence for found in equivalent if found.verdict is Verdict.EQUIVALENT and found.interval)
    told = " and ".join(f"{level * 100:.4g}%" for level in sorted({each.level for each in alike if each}))
    return f" What is equivalent was decided by a narrower interval ({told}), which the answer has." if told else ""


def _title(summary: RunSummary, key: str) -> str:
    """The metric's, with a warning where its numbers do not count and those of others do, or tell little."""
    if not summary.valid_for(key) and summary.decision.used:
        return f"{METRICS[key].title} ({NOT_VALID})"
    thin = any(is_thin(summary, key, arm) for arm in arm_names(summary))
    return f"{METRICS[key].title} ({THIN})" if thin else METRICS[key].title


def _headline_columns(baseline: str, arms: list[str]) -> Iterator[Column]:
    yield from (*columns("metric"), *only(Audience.PROGRAMS, columns("unit")), *columns(numeric=[baseline]))
    for arm in arms:
        yield from (*columns(numeric=[arm]), *compared_columns(f"against {baseline}", f"{arm} ratio"))


def _value(summary: RunSummary, arm: str, metric: Metric) -> Cell:
    """The arm's median; of capacities that mostly lie beyond the ladder, beyond what it lies."""
    value = shown_value(summary, arm, metric.key)
    if value is None and metric.key == CAPACITY and (told := middle_range(climbs_of(summary, arm))):
        return Cell(told, None)
    return metric_cell(metric, value)


def _row(summary: RunSummary, metric: Metric, arms: list[str], judgements: Judgements) -> Iterator[Cell]:
    yield _value(summary, summary.baseline, metric)
    for arm in arms:
        found = summary.metrics[Reading(metric.key, arm)]
        yield _value(summary, arm, metric)
        sizes = metric.unit is not Unit.COUNT or metric.key.startswith("cpu.")
        judged = judgements.get(Reading(metric.key, arm))
        middle = found.ratio if summary.valid_for(metric.key) else found.ratio_all
        told = metric.differences or sizes
        yield from compared_cells(metric, judged if told else None, middle if told else None)
