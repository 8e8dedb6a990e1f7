"""Across the points of a sweep: curves of every arm, and how little is enough of what is swept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.analysis.expectations import Outcome
from lab.analysis.points import PointResult
from lab.analysis.sweep import CurvePoint, Demand, Line, axis_of, curve, demands, lines_of
from lab.metrics import METRICS, Metric, Unit
from lab.plan.axes import AXES, Axis
from lab.report.charts.curves import Curves, Plot, Series, columns_for
from lab.report.charts.scales import linear
from lab.report.charts.svg import fill_key
from lab.report.content import Figure, Section, section
from lab.report.parts.answers import capital
from lab.report.parts.cells import axis
from lab.report.sections.expectation_sentences import WANTING
from lab.scenario.model import Scenario

CURVES = ("memory.pss.total", "p50", "p95", "p99", "cpu.per_1k", "throughput", "errors", "boot")
NONE_ENOUGH = {
    "processes": "no number that was tried",
    "cpus": "no CPU quota that was tried",
    "memory": "no memory limit that was tried",
}
ALONE, AMONG_OTHERS = 230.0, 150.0  # pixels of a panel: a sweep of two axes has up to twelve


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
    axis = AXES[found.key]
    rate = "" if found.rate is None else f" at {found.rate:g}/s"
    where = f", {found.where}" if found.where else ""
    by_outcome: dict[tuple[Outcome, str], list[float]] = {}
    for amount, outcome in sorted(found.outcomes.items(), key=lambda item: [*Outcome].index(item[1])):
        by_outcome.setdefault((outcome, WANTING if amount in found.spoiled else ""), []).append(amount)
    unit = " MiB" if found.key == "memory" else ""
    told = "; ".join(
        f"{outcome.value} at {', '.join(map('{:g}'.format, at))}{unit}{why}"
        for (outcome, why), at in by_outcome.items()
    )
    return f"{found.arm}: {_enough(found, axis)} for {slo}{rate}{where} ({told})."


def _enough(found: Demand, axis: Axis) -> str:
    if found.enough is None:
        return f"{NONE_ENOUGH[found.key]} is shown to be enough"
    verb = "are" if found.key == "processes" and found.enough != 1 else "is"
    return f"{axis.amount(found.enough)} {verb} enough"


def _figure(scenario: Scenario, points: Sequence[PointResult], metric: Metric) -> Figure | None:
    """A panel for each of the other values that are swept, on the same axes, with one line for each arm.

    None where fewer than two points of each line have a value.
    """
    along = axis_of(scenario)
    lines = lines_of(scenario, points, along)
    found = [[curve(line.points, metric.key, arm.name, along) for arm in scenario.arms] for line in lines]
    size, unit = axis(metric.unit, (one.high for curves in found for own in curves for one in own))
    plots = tuple(
        Plot(series=tuple(_series(scenario, line, curves, size)), heading=line.title)
        for line, curves in zip(lines, found, strict=True)
    )
    series = [own for plot in plots for own in plot.series]
    if all(len(own.xs) < 2 for own in series):
        return None
    apart = "A panel for each other value that is swept, all on the same axes. " if len(plots) > 1 else ""
    return Figure(
        key=f"sweep-{metric.key}",
        title=f"{capital(metric.title)}, by {along.title}",
        sentence=f"{apart}A dot is a point that was measured: the Hodges–Lehmann estimate over the valid blocks, with "
        "its 95% interval; with few blocks, their median and range. A point is left out if a block has no value, or "
        "none is valid. Each point has its own trials; points are not judged against one another.",
        chart=Curves(
            title=f"{metric.title} by {along.title}",
            arms=tuple(arm.name for arm in scenario.arms),
            plots=plots,
            x=linear([x for own in series for x in own.xs], zero=True),
            y=linear([y for own in series for y in (*own.low, *own.high)], zero=True),
            x_title=along.title,
            y_title=_y_title(metric, unit),
            keys=(fill_key("interval", 0.15),),
            columns=columns_for(len(plots)),
            height=ALONE if len(plots) == 1 else AMONG_OTHERS,
        ),
    )


def _y_title(metric: Metric, unit: str) -> str:
    return f"{metric.heading} ({unit})" if unit and metric.unit is not Unit.COUNT else metric.heading


def _series(scenario: Scenario, line: Line, curves: Sequence[Sequence[CurvePoint]], size: float) -> Iterator[Series]:
    for place, (arm, found) in enumerate(zip(scenario.arms, curves, strict=True)):
        yield Series(
            arm=place,
            name=f"{arm.name}, {line.title}" if line.title else arm.name,
            xs=[one.at for one in found],
            ys=[one.value / size for one in found],
            low=[one.low / size for one in found],
            high=[one.high / size for one in found],
            points=True,
        )
