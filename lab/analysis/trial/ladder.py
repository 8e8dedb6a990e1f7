"""The ladder of one trial: what became of each rung, and the capacity that follows (METHOD 10). Pure.

The capacity is where the margin, made to rise with the rate by isotonic regression, crosses zero on the logarithm of
the rate.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl

from lab.analysis.gates.rungs import efforts
from lab.analysis.trial.latency import measured
from lab.analysis.trial.slots import due_quantile_s, worst_slot
from lab.metric_types import Group
from lab.metrics import METRICS
from lab.metrics.capacity import CAPACITY
from lab.record.schema import RequestKind
from lab.record.types import LadderRecord, RungRecord, TrialRecord, TrialResult
from lab.scenario.capacity import Objective, objective

ENDED = 0.99  # of what was offered must have ended in time; how much of it may fail is the objective's share alone
SENT = 0.99  # of what was planned must have been offered by the generator
FAR = 0.01  # beyond the allowed share: so many requests fail, or are left undone, of no generator that is late or busy
MIXED = (Group.LATENCY, Group.CAPACITY, Group.CPU, Group.BALANCE)  # of a ladder they would be of many rates
WORST_MARGIN = 3.0  # log: what no number can be given for, such as a percentile among failures, is e³ times too much
FEW = 0.01  # bad requests at a rung that tells what requests cost the generator: failing ones cost it something else


class Held(StrEnum):
    """What a rung says of its arm."""

    GOOD = "good"
    BAD = "bad"
    UNDRAINED = "undrained"  # bad, and requests of it were still on their way when the next rung began
    SHORT = "short"  # the generator did not offer what was planned, or not in time, and the arm did not break either
    NOT_COUNTED = "not counted"  # it ran, but at a lower one the arm had not drained, or the generator fell short


class Edge(StrEnum):
    """Why a ladder has no capacity: it ends before, or begins beyond."""

    NONE = ""
    TOP = "top"  # every rung that counts held: the capacity is the rate of the highest of them or more
    BOTTOM = "bottom"  # no rung held
    UNKNOWN = "unknown"  # no rung says anything


@dataclass(frozen=True, slots=True, kw_only=True)
class RungResult:
    """One rung: ``offered`` and ``achieved`` a second, ``quantile_s`` of the response times (infinite among failures).

    ``achieved``: of the requests due, those that succeeded before the next rung began.
    ``bad_share``: of the requests due, those that failed, were never sent or never answered. ``margin`` ≤ 0 holds.
    """

    rate: float
    held: Held
    offered: float = 0.0
    achieved: float = 0.0
    quantile_s: float = math.inf
    bad_share: float = 0.0
    margin: float = WORST_MARGIN

    @property
    def counts(self) -> bool:
        """Whether it says anything of the arm."""
        return self.held not in (Held.SHORT, Held.NOT_COUNTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """The ladder of a trial: its rungs in order, and ``capacity`` in requests a second, None at an ``edge``.

    ``worst_slot``: at the last good rung, the ``slot_quantile`` of the slowest serving process ÷ that of all, infinite
    among failures; None unless two are known or more, each with as many requests as it takes to be shown.
    """

    slo: str
    rungs: tuple[RungResult, ...]
    capacity: float | None
    edge: Edge
    worst_slot: float | None = None

    @property
    def top(self) -> float | None:
        """The rate of the highest rung that counts."""
        return max((rung.rate for rung in self.rungs if rung.counts), default=None)

    @property
    def short(self) -> bool:
        """Whether the generator did not carry every rung that would have counted."""
        return any(rung.held is Held.SHORT for rung in self.rungs)

    @property
    def last_good(self) -> float | None:
        """The rate of the highest rung below which, and at which, every rung held."""
        good = None
        for rung in self.rungs:
            if rung.held is not Held.GOOD:
                break
            good = rung.rate
        return good

    @property
    def answered(self) -> tuple[RungResult, ...]:
        """The rungs that count at which nearly all requests were answered before the next rung, well or late."""
        ended = (Held.GOOD, Held.BAD)
        return tuple(rung for rung in self.rungs if rung.held in ended and rung.bad_share <= FEW)


def climb(result: TrialResult) -> Climb | None:
    """What became of each rung; None for a trial without a ladder."""
    record = result.record
    if record.ladder is None or not record.ladder.rungs:
        return None
    due = measured(result.tables.requests).filter(pl.col("t_scheduled_s").is_not_null())
    carried = [effort.carried for effort in efforts(result)] or [True] * len(record.ladder.rungs)
    rungs = tuple(_rungs(record.ladder, due, carried))
    said = [rung for rung in rungs if rung.counts]
    capacity, edge = crossing([rung.rate for rung in said], [rung.margin for rung in said])
    found = Climb(slo=record.ladder.slo, rungs=rungs, capacity=capacity, edge=edge)
    return replace(found, worst_slot=worst_slot(record.ladder, due, found.last_good))


def hold(record: TrialRecord, requests: pl.DataFrame, slo: str) -> RungResult:
    """A whole trial of the open model at one rate, held against the objective as a rung that nothing follows."""
    window = record.measure
    rung = RungRecord(rate=record.point.rate or 0.0, start_s=window.start_s, count_s=window.start_s, end_s=window.end_s)
    due = measured(requests).filter(pl.col("t_scheduled_s").is_not_null())
    return _rung(rung, due, math.inf, objective(slo), offered=_offered(rung, due))


def climb_values(found: Climb | None) -> Mapping[str, float | None]:
    """The capacity, and no number of what was measured over all rungs at once: a mix of rates says nothing."""
    if found is None:
        return {CAPACITY: None}
    mixed = {metric.key: None for metric in METRICS.values() if metric.group in MIXED}
    return {**mixed, CAPACITY: found.capacity}


def crossing(rates: Sequence[float], margins: Sequence[float]) -> tuple[float | None, Edge]:
    """Where the margins, made to rise with the rate (PAVA), cross zero; the edge where they do not."""
    if not rates:
        return None, Edge.UNKNOWN
    from scipy.optimize import isotonic_regression  # half a second, which only a ladder pays

    logs, rising = np.log(rates), np.asarray(isotonic_regression(margins).x, float)
    if rising[-1] <= 0:
        return None, Edge.TOP
    if rising[0] > 0:
        return None, Edge.BOTTOM
    above = int(np.argmax(rising > 0))
    below = above - 1
    part = -rising[below] / (rising[above] - rising[below])
    return float(math.exp(logs[below] + part * (logs[above] - logs[below]))), Edge.NONE


def _rungs(ladder: LadderRecord, rows: pl.DataFrame, carried: Sequence[bool]) -> Iterator[RungResult]:
    wanted, ended = objective(ladder.slo), False
    nexts = [*(rung.start_s for rung in ladder.rungs[1:]), math.inf]
    for rung, next_s, in_time in zip(ladder.rungs, nexts, carried, strict=True):
        if ended:
            yield RungResult(rate=rung.rate, held=Held.NOT_COUNTED)
            continue
        offered = in_time and _offered(rung, rows)
        found = _rung(rung, rows, next_s, wanted, offered=offered)
        ended = not offered or found.held is Held.UNDRAINED
        yield found


def _rung(rung: RungRecord, rows: pl.DataFrame, next_s: float, wanted: Objective, *, offered: bool) -> RungResult:
    """``offered``: whether the generator offered what was planned, and in time."""
    length_s = rung.end_s - rung.count_s
    due = rows.filter((pl.col("t_scheduled_s") >= rung.count_s) & (pl.col("t_scheduled_s") < rung.end_s))
    done = due.filter("ok", pl.col("t_done_s") < next_s)  # by the end of the drain: an answer may outlast the window
    late = due.filter("ok", pl.col("t_done_s") >= next_s).height
    rate, achieved, ended = due.height / length_s, done.height / length_s, (due.height - late) / length_s
    bad = due.filter(~pl.col("ok")).height / due.height if due.height else 1.0
    quantile_s = due_quantile_s(due, wanted.quantile)
    broken = (_log(bad / wanted.bad_share), _log(ENDED * rate / ended if ended else math.inf))
    # A share that is kept is near its limit at any rate, and would draw the crossing down to the rung below.
    margin = max([_log(quantile_s / wanted.limit_s), *(one for one in broken if one > 0)])
    return RungResult(
        rate=rung.rate,
        held=_held(rung, rows, next_s, margin) if offered or _broke(due, next_s, wanted) else Held.SHORT,
        offered=rate,
        achieved=achieved,
        quantile_s=quantile_s,
        bad_share=bad,
        margin=margin,
    )


def _broke(due: pl.DataFrame, next_s: float, wanted: Objective) -> bool:
    """Whether the arm failed, or left undone until the next rung, far more than the objective allows.

    Failures take the generator's time, so an arm's collapse makes it late: that must not excuse the arm. What was
    dropped counts for nothing here, for a generator that stands still drops as well.
    """
    in_time = (pl.col("ok") & (pl.col("t_done_s") < next_s)).fill_null(value=False)
    lost = due.filter(~in_time, pl.col("kind") != RequestKind.DROP)
    return lost.height > (wanted.bad_share + FAR) * due.height


def _offered(rung: RungRecord, rows: pl.DataFrame) -> bool:
    return _due_in(rung, rows).height >= SENT * rung.rate * (rung.end_s - rung.start_s) - _chance(rung)


def _due_in(rung: RungRecord, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter((pl.col("t_scheduled_s") >= rung.start_s) & (pl.col("t_scheduled_s") < rung.end_s))


def _held(rung: RungRecord, rows: pl.DataFrame, next_s: float, margin: float) -> Held:
    """Whether it had drained when the next began is asked of every request that was due in it, settling included."""
    undrained = _due_in(rung, rows).filter(pl.col("t_done_s").is_null() | (pl.col("t_done_s") >= next_s))
    if margin > 0 and not undrained.is_empty():
        return Held.UNDRAINED
    return Held.GOOD if margin <= 0 else Held.BAD


def _chance(rung: RungRecord) -> float:
    """Poisson arrivals are fewer than planned by chance alone: four standard deviations."""
    return 4 * math.sqrt(rung.rate * (rung.end_s - rung.start_s))


def _log(ratio: float) -> float:
    """Within ± WORST_MARGIN, so that one rung of failures does not weigh more than all others together."""
    least, most = math.exp(-WORST_MARGIN), math.exp(WORST_MARGIN)
    return math.log(min(most, max(least, ratio)))
