"""Across the points of a sweep: how a metric of each arm goes with N or the rate, and the smallest N that is enough.

Points are not compared with one another (METHOD 10): a curve has each point's own value and interval, no verdict.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from lab.analysis.comparison import may_conclude
from lab.analysis.conditions import condition
from lab.analysis.expectations import Outcome
from lab.analysis.judge.intervals import blocks_needed, wilcoxon_interval
from lab.analysis.points import PointResult
from lab.metric_types import Reading
from lab.scenario.compare import Expect
from lab.scenario.model import Scenario
from lab.scenario.slo import of_arm

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One metric of one arm at one point, in the metric's unit: the middle of its valid blocks.

    With enough blocks ``value`` is the Hodges–Lehmann estimate, ``low`` and ``high`` its interval (Wilcoxon, LEVEL);
    with few the median, the least and the greatest.
    """

    at: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The smallest number of processes that is enough for an arm at one rate; None where none of those swept is.

    ``outcomes``: whether the SLO holds, by N. An N counts only when it holds there and at every larger one.
    """

    arm: str
    rate: float | None
    processes: int | None
    outcomes: Mapping[int, Outcome]


def by_number(scenario: Scenario) -> bool:
    """Whether curves go with N; else they go with the rate."""
    return len(scenario.sweep.processes) > 1 or not scenario.sweep.rate


def curve(points: Sequence[PointResult], metric: str, arm: str, *, number: bool) -> tuple[CurvePoint, ...]:
    """The course of a metric of an arm, without points at which a valid block has no value."""
    return tuple(sorted(_curve(points, Reading(metric, arm), number=number), key=lambda one: one.at))


def _curve(points: Sequence[PointResult], reading: Reading, *, number: bool) -> Iterator[CurvePoint]:
    for one in points:
        found, scenario = one.summary.metrics[reading], one.point.scenario
        values = [found.values[block] for block in one.summary.valid_for(reading.metric)]
        known = [value for value in values if value is not None and isfinite(value)]
        if found.median is None or not known or len(known) < len(values):
            continue
        at = float(scenario.budget.processes if number else scenario.load.rate or 0.0)
        if len(known) >= blocks_needed(LEVEL):
            interval = wilcoxon_interval(known, LEVEL)
            yield CurvePoint(at=at, value=interval.estimate, low=interval.low, high=interval.high)
        else:
            yield CurvePoint(at=at, value=found.median, low=min(known), high=max(known))


def demands(scenario: Scenario, points: Sequence[PointResult]) -> tuple[Demand, ...]:
    """For each arm, and each rate that is swept; empty without an SLO or without several N."""
    if not scenario.sweep.slo or len(scenario.sweep.processes) < 2:
        return ()
    rates = scenario.sweep.rate or (scenario.load.rate,)
    return tuple(_demand(scenario.sweep.slo, points, arm.name, rate) for arm in scenario.arms for rate in rates)


def _demand(slo: str, points: Sequence[PointResult], arm: str, rate: float | None) -> Demand:
    there = sorted(
        (one for one in points if one.point.scenario.load.rate == rate),
        key=lambda one: one.point.scenario.budget.processes,
    )
    outcomes = {one.point.scenario.budget.processes: _outcome(slo, one, arm) for one in there}
    enough = None
    for number in sorted(outcomes, reverse=True):
        if outcomes[number] is not Outcome.HOLDS:
            break
        enough = number
    return Demand(arm=arm, rate=rate, processes=enough, outcomes=outcomes)


def _outcome(slo: str, one: PointResult, arm: str) -> Outcome:
    """Violated where one condition is, undecided where one is that."""
    found = [
        condition(one.summary, Expect(that=that), concluded=may_conclude(one.summary)).result.outcome
        for that in of_arm(slo, arm)
    ]
    return next((worst for worst in (Outcome.VIOLATED, Outcome.UNDECIDED) if worst in found), Outcome.HOLDS)
