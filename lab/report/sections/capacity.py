"""How much each arm carries: the ladder that it climbed, and where it stopped to hold its objective (METHOD 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from statistics import median

from lab.analysis.ladders import Confirmation, climbs_of
from lab.analysis.summary import RunSummary
from lab.analysis.trial.ladder import Climb, Held, RungResult
from lab.metric_types import Unit
from lab.report.charts.curves import Curves, Plot, Series, columns_for
from lab.report.charts.scales import linear, logarithmic
from lab.report.charts.svg import DASHES, stroke_key
from lab.report.content import Cell, Figure, Section, Table, section
from lab.report.parts.capacity_words import brief, capacity_sentences, interval_of
from lab.report.parts.cells import UNKNOWN, cell, columns
from lab.report.parts.values import arm_names
from lab.report.sections.capacity_used import MS, NO_PILOT, Piloted, called, rung_ms, used_figure, used_table
from lab.scenario.capacity import Objective
from lab.units import format_seconds

LIMIT = 2  # the dash of the objective's line
Ends = tuple[float, float]


def capacity_section(
    summary: RunSummary, confirmed: Mapping[str, Confirmation], piloted: Piloted = NO_PILOT
) -> Section:
    """Empty for a run without a ladder."""
    title = "How much each arm carries"
    asked = summary.scenario.capacity
    climbs = {arm.name: climbs_of(summary, arm.name) for arm in summary.arms}
    if asked is None or not any(climbs.values()):
        return section("capacity", title)
    wanted = asked.objective
    return section(
        "capacity",
        title,
        _table(summary, climbs),
        ladder_figure(summary, climbs, wanted),
        used_figure(summary, climbs, wanted, piloted),
        used_table(summary, climbs, wanted, piloted),
        sentences=tuple(
            text for arm, found in climbs.items() if found for text in capacity_sentences(arm, found, confirmed)
        ),
        short="Capacity",
    )


def _table(summary: RunSummary, climbs: Mapping[str, Sequence[Climb]]) -> Table:
    """A row for each rung, and for each arm in how many blocks it held, and its percentile."""
    arms = [arm for arm, found in climbs.items() if found]
    rates = [rung.rate for rung in next(found for found in climbs.values() if found)[0].rungs]
    rows = tuple(
        (
            cell(Unit.PER_SECOND, rate),
            *(one for arm in arms for one in _rung_cells([climb.rungs[place] for climb in climbs[arm]])),
        )
        for place, rate in enumerate(rates)
    )
    asked = summary.scenario.capacity
    return Table(
        key="ladder",
        title="Rung by rung",
        columns=columns(numeric=("rate", *(text for arm in arms for text in (arm, f"{arm}, held in")))),
        rows=rows,
        note=f"The objective is {asked.slo if asked else ''}. Medians over the valid blocks of the percentile that it "
        "names, and in how many of the blocks in which the rung counts the objective was held.",
    )


def _rung_cells(rungs: Sequence[RungResult]) -> tuple[Cell, Cell]:
    run = [rung for rung in rungs if rung.counts]
    if not run:
        return Cell(UNKNOWN), Cell("not counted")
    middle = median(rung.quantile_s for rung in run)
    good = sum(rung.held is Held.GOOD for rung in run)
    return cell(Unit.SECONDS, middle), Cell(f"{good}/{len(run)}", good / len(run))


def ladder_figure(summary: RunSummary, climbs: Mapping[str, Sequence[Climb]], wanted: Objective) -> Figure | None:
    """The percentile against the rate: every block faint, the median of each rung, and the objective's line."""
    shown = [(place, arm.name) for place, arm in enumerate(summary.arms) if climbs[arm.name]]
    rates = [rung.rate for found in climbs.values() for climb in found for rung in climb.rungs]
    known = [rung_ms(rung) for found in climbs.values() for climb in found for rung in climb.rungs]
    times = [time for time in (*known, wanted.limit_s * MS) if time is not None]
    ends = (min(rates), max(rates)), (min(times), max(times))
    plots = tuple(_plot(place, arm, climbs[arm], wanted, *ends) for place, arm in shown)
    return Figure(
        key="ladder-course",
        title=f"{called(wanted)} against the rate",
        sentence=f"One faint line a block, their median in strong; dashed, the {format_seconds(wanted.limit_s)} that "
        "the objective allows; upright, the capacity with its interval as a band, where it lies inside the ladder in "
        "every block. A line ends where a rung is not counted, or where the percentile lies among failures.",
        chart=Curves(
            title=f"{called(wanted)} against the rate",
            arms=tuple(arm_names(summary)),
            plots=plots,
            x=linear(rates),
            y=logarithmic(times),
            x_title="requests a second",
            y_title=f"{called(wanted)} (ms)",
            keys=(stroke_key("the objective", DASHES[LIMIT]),),
            columns=columns_for(len(plots)),
        ),
    )


def _plot(place: int, arm: str, climbs: Sequence[Climb], wanted: Objective, across: Ends, up: Ends) -> Plot:
    blocks = [
        Series(
            arm=place,
            name=f"{arm}, one block",
            xs=[rung.rate for rung in climb.rungs],
            ys=[rung_ms(rung) for rung in climb.rungs],
            faint=True,
        )
        for climb in climbs
    ]
    rates = [rung.rate for rung in climbs[0].rungs]
    middles = [_middle([climb.rungs[number] for climb in climbs]) for number in range(len(rates))]
    limit = Series(arm=place, name="the objective", xs=across, ys=[wanted.limit_s * MS] * 2, dash=LIMIT)
    middle = Series(arm=place, name=arm, xs=rates, ys=middles)
    heading = f"{arm}: {brief(climbs)}"
    return Plot(series=(*blocks, *_mark(place, climbs, up), middle, limit), heading=heading, arm=place)


def _mark(place: int, climbs: Sequence[Climb], up: Ends) -> Iterator[Series]:
    """The capacity as an upright line, and its interval as a band."""
    if (found := interval_of(climbs)) is None:
        return
    middle, *ends = found
    name = f"capacity {brief(climbs)}"
    yield Series(arm=place, name=name, xs=ends, ys=(None, None), low=[up[0]] * 2, high=[up[1]] * 2)
    yield Series(arm=place, name=name, xs=[middle] * 2, ys=up, border=True)


def _middle(rungs: Sequence[RungResult]) -> float | None:
    """The median over the blocks in which the rung counts; None where it lies among failures, or it counts in none."""
    known = [rung.quantile_s for rung in rungs if rung.counts]
    middle = median(known) if known else float("inf")
    return middle * MS if isfinite(middle) else None
