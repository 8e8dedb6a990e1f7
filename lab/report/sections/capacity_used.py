"""The percentile of an arm at parts of its own capacity: from the ladder, and below it from the pilot (METHOD 10.9).

Each block is taken at parts of its own capacity, as ratios pair blocks: at less than all of it the objective is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite, log
from types import MappingProxyType

from lab.analysis.ladders import percentile_at
from lab.analysis.summary import RunSummary
from lab.analysis.trial.ladder import Climb, RungResult
from lab.analysis.trial.middle import middle_capacity
from lab.metric_types import PRINT_BEYOND, Unit
from lab.report.charts.curves import Curves, Plot, Series
from lab.report.charts.scales import linear
from lab.report.charts.svg import DASHES, stroke_key
from lab.report.content import Cell, Figure, Table
from lab.report.parts.cells import UNKNOWN, columns, quantity, words
from lab.report.parts.values import arm_names
from lab.scenario.capacity import Objective
from lab.units import format_seconds

MS = 1e3
PILOT_DASH = 1
SHARES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)  # of its capacity, at which an arm's percentile is told
GRID = tuple(number / 20 for number in range(1, 21))  # and drawn
Climbs = Mapping[str, Sequence[Climb]]
Piloted = Mapping[str, Sequence[tuple[float, float]]]  # by arm, (rate, percentile in s) of one deployment
NO_PILOT: Piloted = MappingProxyType({})
PILOT_TOLD = (
    "from the pilot: one deployment and a few seconds a rate, where "
    f"{PRINT_BEYOND} requests or more are expected beyond the percentile"
)


def called(wanted: Objective) -> str:
    """``"p99"``."""
    return f"p{wanted.quantile * 100:g}"


def rung_ms(rung: RungResult) -> float | None:
    """The percentile of a rung; None where it lies among failures, or the rung does not count."""
    return rung.quantile_s * MS if rung.counts and isfinite(rung.quantile_s) else None


def used_figure(summary: RunSummary, climbs: Climbs, wanted: Objective, piloted: Piloted) -> Figure | None:
    """The percentile against the part of an arm's own capacity, up to where it is reached."""
    lines = [line for place, arm in enumerate(summary.arms) for line in _lines(place, arm.name, climbs, piloted)]
    if not lines:
        return None
    title = f"{called(wanted)} against the used part of the capacity"
    pilot = any(line.dash for line in lines)
    below = f"Below the lowest rung, dashed, {PILOT_TOLD}." if pilot else f"Below the lowest rung {_why_none(summary)}."
    return Figure(
        key="utilisation-course",
        title=title,
        sentence="Each block at parts of its own capacity, between two rungs interpolated as the capacity itself, and "
        "the median of the blocks where most of them tell. A line ends before 100% where the next rung is not counted, "
        f"or has its percentile among failures, and below {format_seconds(wanted.limit_s)} where requests that failed "
        f"or were left undone set the capacity. {below}",
        chart=Curves(
            title=title,
            arms=tuple(arm_names(summary)),
            plots=(Plot(series=tuple(lines)),),
            x=linear([x for line in lines for x in line.xs]),
            y=linear([y for line in lines for y in line.ys], zero=True),
            x_title="% of the arm's own capacity",
            y_title=f"{called(wanted)} (ms)",
            keys=(stroke_key("pilot", DASHES[PILOT_DASH]),) if pilot else (),
        ),
    )


def _lines(place: int, arm: str, climbs: Climbs, piloted: Piloted) -> list[Series]:
    """The line of an arm's ladder, and that of its pilot up to where the ladder begins; empty where it has none."""
    ladder = [(share, ms) for share in GRID if (ms := at_share(climbs[arm], share)) is not None]
    if len(ladder) < 2:
        return []
    below = _below(arm, climbs, piloted)
    return [
        _series(place, arm, ladder),
        *([_series(place, f"{arm}, pilot", below, PILOT_DASH)] if len(below) > 1 else []),
    ]


def _series(place: int, name: str, points: Sequence[tuple[float, float]], dash: int = 0) -> Series:
    shares, times = [100 * share for share, _ in points], [ms for _, ms in points]
    return Series(arm=place, name=name, xs=shares, ys=times, dash=dash)


def at_share(climbs: Sequence[Climb], share: float) -> float | None:
    """The percentile in ms at this part of each block's own capacity; None where not most of them tell."""
    seconds = percentile_at(climbs, share)
    return None if seconds is None else seconds * MS


def _below(arm: str, climbs: Climbs, piloted: Piloted) -> Sequence[tuple[float, float]]:
    """(part of the capacity, percentile in ms) of the pilot below the ladder, and where that begins; may be empty."""
    capacity = middle_capacity(climbs[arm]) if climbs[arm] else None
    first = next((share for share in GRID if at_share(climbs[arm], share) is not None), None)
    if capacity is None or first is None:
        return ()
    lowest = climbs[arm][0].rungs[0].rate
    told = [(rate / capacity, seconds * MS) for rate, seconds in piloted.get(arm, ()) if rate < lowest]
    there = at_share(climbs[arm], first) or 0.0
    return [*((share, ms) for share, ms in told if share < first), (first, there)]


def _between(points: Sequence[tuple[float, float]], share: float) -> float | None:
    """The percentile at a part of the capacity, interpolated on logarithms; None beyond the points."""
    for (low, below), (high, above) in pairwise(points):
        if low <= share <= high:
            return float(below * (above / below) ** (log(share / low) / log(high / low)))
    return None


def used_table(summary: RunSummary, climbs: Climbs, wanted: Objective, piloted: Piloted) -> Table | None:
    """The percentile at parts of an arm's own capacity, interpolated between two rungs."""
    rows = []
    for arm in summary.arms:
        if not climbs[arm.name] or middle_capacity(climbs[arm.name]) is None:
            continue
        below = _below(arm.name, climbs, piloted)
        rows.append((*words(arm.name), *(_cell(climbs[arm.name], below, share) for share in SHARES)))
    known = [place for place in range(len(SHARES)) if any(row[place + 1].value is not None for row in rows)]
    if not known:
        return None
    return Table(
        key="utilisation",
        title=f"{called(wanted)} at parts of the capacity",
        columns=columns("arm", numeric=[f"{SHARES[place]:.0%}" for place in known]),
        rows=tuple((row[0], *(row[place + 1] for place in known)) for row in rows),
        note="Of each block's own capacity, the median of the blocks; between two rungs interpolated on logarithms, as "
        f"the capacity itself. Below the lowest rung what is there comes {PILOT_TOLD}, and is marked; below that "
        f"{_why_none(summary)}. Nor is anything known beside a rung whose percentile lies among failures.",
    )


def _why_none(summary: RunSummary) -> str:
    """Why the percentile is not known below what was asked: there is no time for it where arms are slow."""
    asked = summary.scenario.capacity
    short = "the pilot of a look asks too few requests of slow arms to tell it" if asked and asked.quick else ""
    return f"nothing is known: {short or 'no pilot asked so little'}"


def _cell(climbs: Sequence[Climb], below: Sequence[tuple[float, float]], share: float) -> Cell:
    if (ms := at_share(climbs, share)) is not None:
        return Cell(quantity(Unit.SECONDS, ms / MS), ms / MS)
    if (ms := _between(below, share)) is not None:
        return Cell(f"{quantity(Unit.SECONDS, ms / MS)} (pilot)", ms / MS)
    return Cell(UNKNOWN)
