"""The tables of a run of several points: every point with what was judged, and every drill with what it cost."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.analysis.conditions import expected_metrics
from lab.analysis.judge.verdict import Judgement
from lab.analysis.points import PointResult
from lab.metric_types import Reading
from lab.metrics import METRICS, Metric
from lab.report.content import Cell, Column, Table
from lab.report.parts.cells import UNKNOWN, metric_cell, words
from lab.report.parts.effects import deciding, signed_size, size_of_difference, size_of_shift
from lab.report.parts.judged import left_open
from lab.report.parts.values import shown_value
from lab.scenario.model import Scenario

COSTS = ("drill.harm", "drill.recovery")


def points_table(points: Sequence[PointResult]) -> Table:
    """Every point and metric that is judged or expected: each arm's median and change, with its verdict."""
    whole = points[0].whole.parsed_scenario
    arms = [arm.name for arm in whole.arms]
    return Table(
        key="points",
        title="Each drill against the baseline" if whole.drills else "The arms at each point",
        columns=(
            Column(title="point"),
            Column(title="metric"),
            *(
                column
                for arm in arms
                for column in (Column(title=arm, numeric=True), *_compared_columns(whole.baseline, arm))
            ),
        ),
        rows=tuple(_rows(points, whole)),
        note=f"Medians over the blocks that are valid for each metric; changes against {whole.baseline} pair the arms "
        "within each block, so they may differ from those of the medians. Points are not compared with one another.",
    )


def resilience_table(points: Sequence[PointResult]) -> Table:
    """Two rows for each drill: what it cost each arm, and how long, coloured by the verdict on it."""
    summary = points[0].summary
    rows = [
        (*words(one.point.title, METRICS[key].called), *(_cost(one, key, arm.name) for arm in summary.arms))
        for one in points
        for key in COSTS
        if any(shown_value(one.summary, arm.name, key) is not None for arm in summary.arms)
    ]
    return Table(
        key="resilience",
        title="Resilience: what each drill cost the arms",
        columns=(
            Column(title="drill"),
            Column(title="cost"),
            *(Column(title=arm.name, numeric=True) for arm in summary.arms),
        ),
        rows=tuple(rows),
        note=f"Medians over the valid blocks. A coloured number has a verdict against {summary.baseline}: better, or "
        "worse; a faint one could be either, and the others were not judged or are about the same.",
    )


def _cost(one: PointResult, key: str, arm: str) -> Cell:
    judged = {Reading(each.metric, each.arm): each.judgement.verdict for each in one.comparison.primaries}
    verdict = judged.get(Reading(key, arm))
    return replace(metric_cell(METRICS[key], shown_value(one.summary, arm, key)), verdict=verdict or "")


def _compared_columns(baseline: str, arm: str) -> tuple[Column, ...]:
    if arm == baseline:
        return ()
    return (Column(title=f"{arm}, change", numeric=True), Column(title="verdict"))


def _rows(points: Sequence[PointResult], whole: Scenario) -> Iterator[tuple[Cell, ...]]:
    for one in points:
        for key in dict.fromkeys((*whole.compare.primary, *expected_metrics(whole))):
            cells: list[Cell] = [*words(one.point.title, METRICS[key].title)]
            for arm in whole.arms:
                runs = Reading(key, arm.name) in one.summary.metrics
                cells.append(metric_cell(METRICS[key], shown_value(one.summary, arm.name, key) if runs else None))
                cells += _compared(one, key, arm.name) if arm.name != whole.baseline else ()
            yield tuple(cells)


def _change(found: Judgement, metric: Metric) -> Cell:
    if found.difference is not None:
        return Cell(size_of_difference(metric, found.difference), found.difference.estimate)
    if found.shift is not None:
        return Cell(size_of_shift(metric, found.shift), found.shift)
    if found.estimate is None:
        return Cell(UNKNOWN)
    return Cell(signed_size(found.estimate, deciding(found)), found.estimate)


def _compared(one: PointResult, key: str, arm: str) -> tuple[Cell, ...]:
    contests = (*one.comparison.primaries, *one.comparison.exploratory)
    found = {Reading(contest.metric, contest.arm): contest.judgement for contest in contests}.get(Reading(key, arm))
    if found is None:  # it, or the baseline, cannot run there
        return Cell(UNKNOWN), Cell("")
    verdict = found.verdict.value if found.verdict else ""
    open_ = "" if verdict or deciding(found) is None else left_open(found)
    return _change(found, METRICS[key]), Cell(verdict or open_, verdict=verdict)
