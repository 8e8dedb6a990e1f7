"""Across the points of a sweep: curves of every arm, and how many processes are enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.analysis.expectations import Outcome
from lab.analysis.points import PointResult
from lab.analysis.sweep import Demand, by_number, curve, demands
from lab.metrics import METRICS, Metric, Unit
from lab.report.charts.curves import Curves, Plot, Series
from lab.report.charts.scales import linear
from lab.report.charts.svg import fill_key
from lab.report.content import Figure, Section, section
from lab.report.parts.values import arm_names
from lab.scenario.model import Scenario
from lab.units import MIB

CURVES = ("memory.pss.total", "p50", "p95", "p99", "cpu.per_1k", "throughput", "errors", "boot")
UNITS = {Unit.BYTES: (MIB, "MiB"), Unit.SECONDS: (0.001, "ms")}


def sweep_section(scenario: Scenario, points: Sequence[PointResult]) -> Section:
    """Empty for a run that sweeps nothing."""
    if not scenario.sweep:
        return section("sweep", "Across the points")
    keys = dict.fromkeys((*scenario.compare.primary, *CURVES))
    figures = (_figure(scenario, points, METRICS[key]) for key in keys)
    said = tuple(demand_sentence(found, scenario.sweep.slo) for found in demands(scenario, points))
    return section("sweep", "Across the points", *figures, sentences=said, short="Curves")


def demand_sentence(found: Demand, slo: str) -> str:
    """``"workers: 2 processes are enough for p95 <= 50ms at 200/s (holds at 2, 4; violated at 1)."``"""
    rate = "" if found.rate is None else f" at {found.rate:g}/s"
    by_outcome = [
        f"{outcome.value} at {', '.join(str(number) for number, own in found.outcomes.items() if own is outcome)}"
        for outcome in Outcome
        if outcome in found.outcomes.values()
    ]
    number = found.processes
    enough = (
        "no number that was tried is shown to be enough"
        if number is None
        else f"{number} process{' is' if number == 1 else 'es are'} enough"
    )
    return f"{found.arm}: {enough} for {slo}{rate} ({'; '.join(by_outcome)})."


def _figure(scenario: Scenario, points: Sequence[PointResult], metric: Metric) -> Figure | None:
    """One line for each arm, and each of the other values that are swept; None where fewer than two points have one."""
    number = by_number(scenario)
    series = list(_series(scenario, points, metric, number=number))
    if all(len(own.xs) < 2 for own in series):
        return None
    _, unit = UNITS.get(metric.unit, (1.0, ""))
    axis = "number of serving processes" if number else "requests a second"
    return Figure(
        key=f"sweep-{metric.key}",
        title=f"{metric.title[0].upper()}{metric.title[1:]}, by {axis}",
        sentence="The middle of the valid blocks (Hodges–Lehmann) with its 95% interval; with few blocks their median, "
        "and from the least to the greatest. A point is left out where a block has no value. Each has trials of its "
        "own; points are not judged against one another.",
        chart=Curves(
            title=f"{metric.title} by {axis}",
            arms=tuple(arm_names(points[0].summary)),
            plots=(Plot(series=tuple(series)),),
            x=linear([x for own in series for x in own.xs], zero=True),
            y=linear([y for own in series for y in (*own.low, *own.high)], zero=True),
            x_title=axis,
            y_title=" ".join(filter(None, (metric.called, f"({unit})" if unit else ""))),
            keys=(fill_key("interval", 0.15),),
        ),
    )


def _series(scenario: Scenario, points: Sequence[PointResult], metric: Metric, *, number: bool) -> Iterator[Series]:
    size, _ = UNITS.get(metric.unit, (1.0, ""))
    others = (scenario.sweep.rate if number else ()) or (None,)
    for dash, other in enumerate(others):
        there = [one for one in points if other is None or one.point.scenario.load.rate == other]
        for place, arm in enumerate(scenario.arms):
            found = curve(there, metric.key, arm.name, number=number)
            yield Series(
                arm=place,
                name=arm.name if other is None else f"{arm.name}, {other:g}/s",
                xs=[one.at for one in found],
                ys=[one.value / size for one in found],
                low=[one.low / size for one in found],
                high=[one.high / size for one in found],
                dash=dash,
            )
