"""Every metric over the runs of one scenario, as a page of its own or for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from lab.metric_types import Reading
from lab.report.content import Cell, Content, Figure, Table, section
from lab.report.first_screen import NO_LEAD, Answer
from lab.report.parts.cells import columns, words
from lab.report.sections.overview import Entry
from lab.report.sections.trend import TrendContent, TrendRow, trend_of
from lab.report.told import Told
from lab.units import count_of, finite

WEAKER = "Runs at different times are weaker evidence than one run with both arms; nothing here is a verdict."
UNCHANGED = "Nothing that is on record changed between these runs."


def trends_of(entries: Sequence[Entry], scenario: str) -> tuple[TrendContent, ...]:
    """The trend of every metric that the runs have, what the newest judged first; empty where no run has a report."""
    first = trend_of(entries, scenario, "")
    if first is None:
        return ()
    judged = [key for entry in entries if entry.told and entry.info for key in entry.told.judged]
    keys = dict.fromkeys((first.metric.key, *judged, *(metric.key for metric in first.metrics)))
    found = (trend_of(entries, scenario, key) for key in keys if key in {metric.key for metric in first.metrics})
    return tuple(each for each in found if each)


def history_content(entries: Sequence[Entry], trends: Sequence[TrendContent], others: Sequence[str]) -> Content:
    """All of it: what changed as sentences, the judged metrics as a table, a figure of each metric.

    ``others``: the scenarios of which runs were given as well, and are not in it.
    """
    first = trends[0]
    judged = {key for entry in entries if entry.told for key in entry.told.judged}
    shown = [trend for trend in trends if trend.metric.key in judged] or trends[:1]
    left = f" Runs of other scenarios are left out (--scenario shows them): {', '.join(others)}." if others else ""
    left += _unfinished(entries, first)
    return Content(
        run_id=f"trend-{first.scenario}",
        arms=first.arms,
        question=f"How did {first.scenario} come out over {count_of(len(first.rows), 'run')}?",
        facts=(f"{first.rows[-1].row.when} to {first.rows[0].row.when} UTC", *_machines(first)),
        status=WEAKER + left,
        answers=tuple(Answer(sentence=text) for text in _changes(first)),
        figures=(),
        boxes=(),
        headline=_table(shown, first.arms),
        sections=(section("trend", "Over the runs", *_figures(trends)),),
        lead=NO_LEAD,
    )


def _unfinished(entries: Sequence[Entry], trend: TrendContent) -> str:
    """A sentence on the runs of this scenario that have no dot; "" where all have one."""
    shown = {row.row.name for row in trend.rows}
    names = [one.name for one in entries if one.info and one.info.scenario_name == trend.scenario]
    missing = [name for name in names if name not in shown]
    return f" Not finished, or without a report, and left out: {', '.join(missing)}." if missing else ""


def _figures(trends: Sequence[TrendContent]) -> Iterator[Figure]:
    for trend in trends:
        if trend.figure:
            yield replace(trend.figure, key=f"trend-{trend.metric.key}")


def _machines(trend: TrendContent) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.row.machine for row in trend.rows))


def _changes(trend: TrendContent) -> Iterator[str]:
    """What changed before which run, numbered as in the figures."""
    marked = [row for row in reversed(trend.rows) if row.mark]
    for row in marked:
        yield f"Changed at {row.mark}, before {row.row.name}: {'; '.join(row.changed)}."
    if not marked:
        yield UNCHANGED


def _table(trends: Sequence[TrendContent], arms: Sequence[str]) -> Table:
    """Every run of each metric that was judged, the oldest first."""
    return Table(
        key="trend",
        title="Judged metrics over the runs",
        columns=columns("metric", "run", "validity", "changed", numeric=arms),
        rows=tuple(_row(trend, row) for trend in trends for row in reversed(trend.rows)),
        note="The median of an arm over the valid blocks, in parentheses the 95% interval of that median, with few "
        "blocks, or where some failed, their range; failed where half of the blocks or more lie among failed requests. "
        "Values on different sides of a change are not comparable.",
    )


def _row(trend: TrendContent, row: TrendRow) -> tuple[Cell, ...]:
    values = (f"{value} ({span})" if span else value for value, span in zip(row.values, row.spans, strict=True))
    return (*words(trend.metric.heading, row.row.name, row.row.validity, row.mark), *map(Cell, values))


def history_document(entries: Sequence[Entry], trends: Sequence[TrendContent]) -> dict[str, Any]:
    """For programs, in stored units: what changed before each run, and each metric of each arm, null where unknown."""
    first = trends[0]
    told = {entry.name: entry.told for entry in entries if entry.told}
    runs = [row.row for row in reversed(first.rows)]
    return {
        "schema_version": 1,
        "scenario": first.scenario,
        "runs": [
            {"run": row.row.name, "when": row.row.when, "validity": row.row.validity.value, "changed": row.changed}
            for row in reversed(first.rows)
        ],
        "metrics": {
            trend.metric.key: {arm: [_value(told[run.name], trend, arm) for run in runs] for arm in first.arms}
            for trend in trends
        },
    }


def _value(told: Told, trend: TrendContent, arm: str) -> dict[str, Any] | None:
    found = told.values.get(Reading(trend.metric.key, arm))
    return {key: finite(number) for key, number in asdict(found).items()} if found else None
