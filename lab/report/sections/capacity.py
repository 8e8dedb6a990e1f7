"""How much each arm carries: the ladder that it climbed, and where it stopped to hold its objective (METHOD 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite, log
from statistics import median

from lab.analysis.ladders import Confirmation, climbs_of, middle_capacity
from lab.analysis.summary import RunSummary
from lab.analysis.trial.ladder import Climb, Held, RungResult
from lab.metric_types import Unit
from lab.report.charts.curves import Curves, Plot, Series, columns_for
from lab.report.charts.scales import linear, logarithmic
from lab.report.charts.svg import DASHES, stroke_key
from lab.report.content import Cell, Figure, Section, Table, section
from lab.report.parts.capacity_words import brief, capacity_sentences, interval_of
from lab.report.parts.cells import UNKNOWN, cell, columns, quantity, words
from lab.report.parts.values import arm_names
from lab.scenario.capacity import Objective
from lab.units import format_seconds

MS = 1e3
LIMIT = 2  # the dash of the objective's line
Ends = tuple[float, float]
SHARES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)  # of its capacity, at which an arm's percentile is told


def capacity_section(summary: RunSummary, confirmed: Mapping[str, Confirmation]) -> Section:
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
        utilisation_figure(summary, climbs, wanted),
        _utilisation(summary, climbs, wanted),
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
    known = [_ms(rung) for found in climbs.values() for climb in found for rung in climb.rungs]
    times = [time for time in (*known, wanted.limit_s * MS) if time is not None]
    ends = (min(rates), max(rates)), (min(times), max(times))
    plots = tuple(_plot(place, arm, climbs[arm], wanted, *ends) for place, arm in shown)
    return Figure(
        key="ladder-course",
        title=f"{_called(wanted)} against the rate",
        sentence=f"One faint line a block, their median in strong; dashed, the {format_seconds(wanted.limit_s)} that "
        "the objective allows; upright, the capacity with its interval as a band, where it lies inside the ladder in "
        "every block. A line ends where a rung is not counted, or where the percentile lies among failures.",
        chart=Curves(
            title=f"{_called(wanted)} against the rate",
            arms=tuple(arm_names(summary)),
            plots=plots,
            x=linear(rates),
            y=logarithmic(times),
            x_title="requests a second",
            y_title=f"{_called(wanted)} (ms)",
            keys=(stroke_key("the objective", DASHES[LIMIT]),),
            columns=columns_for(len(plots)),
        ),
    )


def _called(wanted: Objective) -> str:
    return f"p{wanted.quantile * 100:g}"


def _plot(place: int, arm: str, climbs: Sequence[Climb], wanted: Objective, across: Ends, up: Ends) -> Plot:
    blocks = [
        Series(
            arm=place,
            name=f"{arm}, one block",
            xs=[rung.rate for rung in climb.rungs],
            ys=[_ms(rung) for rung in climb.rungs],
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


def _ms(rung: RungResult) -> float | None:
    return rung.quantile_s * MS if rung.counts and isfinite(rung.quantile_s) else None


def _middle(rungs: Sequence[RungResult]) -> float | None:
    """The median over the blocks in which the rung counts; None where it lies among failures, or it counts in none."""
    known = [rung.quantile_s for rung in rungs if rung.counts]
    middle = median(known) if known else float("inf")
    return middle * MS if isfinite(middle) else None


def utilisation_figure(summary: RunSummary, climbs: Mapping[str, Sequence[Climb]], wanted: Objective) -> Figure | None:
    """The percentile against the part of an arm's own capacity, up to where it is reached."""
    lines = [
        Series(arm=place, name=arm.name, xs=[100 * part for part, _ in found], ys=[ms for _, ms in found])
        for place, arm in enumerate(summary.arms)
        if len(found := _up_to_capacity(climbs[arm.name])) > 1
    ]
    if not lines:
        return None
    xs = [x for line in lines for x in line.xs]
    title = f"{_called(wanted)} against the used part of the capacity"
    return Figure(
        key="utilisation-course",
        title=title,
        sentence="Medians over the blocks at the rungs below an arm's own capacity (the median of its blocks), and at "
        "it between two rungs, as the capacity itself. A line ends before 100% where the next rung is not counted, or "
        f"has its percentile among failures, and below {format_seconds(wanted.limit_s)} where requests that failed or "
        "were left undone set the capacity. Below the lowest rung nothing is known.",
        chart=Curves(
            title=title,
            arms=tuple(arm_names(summary)),
            plots=(Plot(series=tuple(lines)),),
            x=linear(xs),
            y=linear([y for line in lines for y in line.ys], zero=True),
            x_title="% of the arm's own capacity",
            y_title=f"{_called(wanted)} (ms)",
        ),
    )


def _up_to_capacity(climbs: Sequence[Climb]) -> Sequence[tuple[float, float]]:
    """(part of the capacity, percentile in ms) of the rungs below it and at it; empty where it is not known.

    At it the percentile is what was measured at the rungs beside it, and not what the objective allows, which it never
    reached where failures set the capacity. That point is missing where the rung above has it among failures.
    """
    capacity = middle_capacity(climbs)
    if capacity is None:
        return ()
    points = _medians(climbs)
    at_it = _between(points, capacity)
    below = [(rate / capacity, ms) for rate, ms in points if ms is not None and rate < capacity]
    return [*below, *([(1.0, at_it)] if at_it is not None else [])]


def _medians(climbs: Sequence[Climb]) -> Sequence[tuple[float, float | None]]:
    """(rate, median percentile in ms) of the rungs."""
    rates = [rung.rate for rung in climbs[0].rungs]
    return [(rate, _middle([climb.rungs[number] for climb in climbs])) for number, rate in enumerate(rates)]


def _between(points: Sequence[tuple[float, float | None]], rate: float) -> float | None:
    """The percentile at a rate, interpolated as capacities are, on logarithms; None where a rung beside it has none."""
    for (low, below), (high, above) in pairwise(points):
        if low <= rate <= high and below is not None and above is not None:
            return float(below * (above / below) ** (log(rate / low) / log(high / low)))
    return None


def _utilisation(summary: RunSummary, climbs: Mapping[str, Sequence[Climb]], wanted: Objective) -> Table | None:
    """The percentile at parts of an arm's own capacity, interpolated between two rungs."""
    rows = []
    for arm in summary.arms:
        capacity = middle_capacity(climbs[arm.name])
        if capacity is None:
            continue
        points = _medians(climbs[arm.name])
        rows.append((*words(arm.name), *(_at(points, share * capacity) for share in SHARES)))
    known = [place for place in range(len(SHARES)) if any(row[place + 1].value is not None for row in rows)]
    if not known:
        return None
    return Table(
        key="utilisation",
        title=f"{_called(wanted)} at parts of the capacity",
        columns=columns("arm", numeric=[f"{SHARES[place]:.0%}" for place in known]),
        rows=tuple((row[0], *(row[place + 1] for place in known)) for row in rows),
        note="Of each arm's own capacity, the median of its blocks; between two rungs interpolated on logarithms, as "
        "the capacity itself. Below the lowest rung, and beside one whose percentile lies among failures, nothing is "
        "known.",
    )


def _at(points: Sequence[tuple[float, float | None]], rate: float) -> Cell:
    ms = _between(points, rate)
    return Cell(UNKNOWN) if ms is None else Cell(quantity(Unit.SECONDS, ms / MS), ms / MS)
