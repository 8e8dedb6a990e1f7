"""Across the points of a sweep: how a metric of each arm goes with N, a quota or the rate, and how little is enough.

Points are not compared with one another (METHOD 10): a curve has each point's own value and interval, no verdict.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from lab.analysis.conditions import condition, for_want_of_blocks
from lab.analysis.contests import may_conclude
from lab.analysis.expectations import Outcome
from lab.analysis.judge.intervals import blocks_needed, wilcoxon_interval
from lab.analysis.points import PointResult
from lab.metric_types import Reading
from lab.plan.axes import AXES, Axis, mode_of, swept_axes
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
    """The smallest amount of a resource that is enough for an arm, on the axis ``key``; None where none tried is.

    ``outcomes``: whether the SLO holds, by amount. One counts only when it holds there and at every larger one.
    ``spoiled``: the amounts at which it is undecided for want of valid blocks. ``rate`` is what was asked for;
    ``where`` names what else was swept, as in ``"512.0 MiB split"``.
    """

    arm: str
    key: str
    where: str
    rate: float | None
    enough: float | None
    outcomes: Mapping[float, Outcome]
    spoiled: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points that differ in nothing but where they are on the axis of a curve; ``title`` says what they share."""

    title: str
    rate: float | None
    where: str
    points: tuple[PointResult, ...]


def axis_of(scenario: Scenario) -> Axis:
    """The axis that curves go along: the first with several values, of N, quotas and rate in that order."""
    several = (axis for axis in AXES.values() if len(axis.swept(scenario)) > 1)
    return next(several, next((axis for axis in AXES.values() if axis.swept(scenario)), AXES["processes"]))


def lines_of(scenario: Scenario, points: Sequence[PointResult], axis: Axis) -> tuple[Line, ...]:
    """The points by everything that is swept beside the axis, and by the mode of its quota where it has both."""
    others = [other for other in swept_axes(scenario) if other is not axis and len(other.swept(scenario)) > 1]
    modes = {mode_of(value) for value in axis.swept(scenario)}
    groups: dict[tuple[str, float | None, str], list[PointResult]] = {}
    for one in points:
        there = one.point.scenario
        mode = [mode_of(axis.at(there))] if len(modes) > 1 else []
        said = [*mode, *(other.called(other.at(there)) for other in others if other.is_resource)]
        rates = [there.load.rate] if AXES["rate"] in others and there.load.rate is not None else []
        title = ", ".join([*said, *(AXES["rate"].amount(rate) for rate in rates)])
        groups.setdefault((title, there.load.rate if axis.is_resource else None, ", ".join(said)), []).append(one)
    return tuple(
        Line(title=title, rate=rate, where=where, points=tuple(own)) for (title, rate, where), own in groups.items()
    )


def curve(points: Sequence[PointResult], metric: str, arm: str, axis: Axis) -> tuple[CurvePoint, ...]:
    """The course of a metric of an arm, without points at which a valid block has no value."""
    return tuple(sorted(_curve(points, Reading(metric, arm), axis), key=lambda one: one.at))


def _curve(points: Sequence[PointResult], reading: Reading, axis: Axis) -> Iterator[CurvePoint]:
    for one in points:
        if (found := one.summary.metrics.get(reading)) is None:
            continue  # this arm cannot run there
        scenario = one.point.scenario
        values = [found.values[block] for block in one.summary.valid_for(reading.metric)]
        known = [value for value in values if value is not None and isfinite(value)]
        if found.median is None or not known or len(known) < len(values):
            continue
        at = axis.number(axis.at(scenario))
        if len(known) >= blocks_needed(LEVEL):
            interval = wilcoxon_interval(known, LEVEL)
            yield CurvePoint(at=at, value=interval.estimate, low=interval.low, high=interval.high)
        else:
            yield CurvePoint(at=at, value=found.median, low=min(known), high=max(known))


def demands(scenario: Scenario, points: Sequence[PointResult]) -> tuple[Demand, ...]:
    """For each arm, and each of the other settings that are swept; empty without an SLO, which asks what is enough."""
    if not scenario.sweep.slo:
        return ()
    axis = axis_of(scenario)
    lines = lines_of(scenario, points, axis)
    return tuple(_demand(scenario.sweep.slo, line, arm.name, axis) for arm in scenario.arms for line in lines)


def _demand(slo: str, line: Line, arm: str, axis: Axis) -> Demand:
    found = {axis.number(axis.at(one.point.scenario)): _outcome(slo, one, arm) for one in line.points}
    outcomes = {amount: outcome for amount, (outcome, _) in sorted(found.items())}
    enough = None
    for amount in sorted(outcomes, reverse=True):
        if outcomes[amount] is not Outcome.HOLDS:
            break
        enough = amount
    spoiled = tuple(amount for amount in outcomes if found[amount][1])
    return Demand(
        arm=arm, key=axis.key, where=line.where, rate=line.rate, enough=enough, outcomes=outcomes, spoiled=spoiled
    )


def _outcome(slo: str, one: PointResult, arm: str) -> tuple[Outcome, bool]:
    """Violated where one condition is, or the arm cannot run; undecided where one is that, and whether by the machine.

    It is by the machine where every condition that is undecided lacks valid blocks.
    """
    if arm in one.run.fallen.get(one.point.key, {}):
        return Outcome.VIOLATED, False
    concluded = may_conclude(one.summary)
    found = [condition(one.summary, Expect(that=that), concluded=concluded) for that in of_arm(slo, arm)]
    outcomes = [each.result.outcome for each in found]
    worst = next((worst for worst in (Outcome.VIOLATED, Outcome.UNDECIDED) if worst in outcomes), Outcome.HOLDS)
    return worst, worst is Outcome.UNDECIDED and for_want_of_blocks(found)
