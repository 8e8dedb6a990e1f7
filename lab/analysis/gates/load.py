"""Gates on the load generator: did it do the work that it was asked for, when it was asked to?"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from lab.analysis.gates.capacity import saturation
from lab.analysis.gates.gate import INVALID, PASS, Gate, decided, judge, judge_worst, not_applicable, unchecked
from lab.analysis.gates.limits import (
    ALIKE,
    ARRIVALS,
    ATTRIBUTION,
    CLOCK,
    EDGE_ARRIVALS,
    LAG,
    LITTLE,
    LOAD_CPU,
    MIN_LITTLE_REQUESTS,
    REQUESTS,
    ROWS,
)
from lab.analysis.gates.rungs import Worst, busiest_load, efforts, latest, of_what_counts
from lab.analysis.trial.latency import measured
from lab.analysis.trial.shares import attributed
from lab.record.types import (
    GateResult,
    LoadCounters,
    NodeLoad,
    Phase,
    PhaseWindow,
    RequestKind,
    TrialRecord,
    TrialResult,
)
from lab.scenario.kinds import FRONTS


def load_cpu(result: TrialResult) -> GateResult:
    """A saturated load generator measures itself: CPU of the busiest load process in its busiest second.

    On the machine where that is most. On a ladder: in the rungs that count.
    """
    busy = busiest_load(result, result.record.measure)
    if climbed := of_what_counts(efforts(result)):
        busy = max((effort.cpu for effort in climbed if effort.cpu is not None), default=None)
    return unchecked(LOAD_CPU, "readings") if busy is None else judge(LOAD_CPU, busy.value, node=busy.node)


def clock(result: TrialResult) -> GateResult:
    """How well the clocks are known of the kernels that run load and arm: the worst of them."""
    return held_to(CLOCK, result.record)


def held_to(gate: Gate, record: TrialRecord) -> GateResult:
    """The worst bound of a trial's clocks against the limits of a gate."""
    several = len(record.nodes) > 1
    clocks = [*((node.name if several else "", node.clock) for node in record.nodes), ("", record.clock)]
    bounds = [Worst(clock.bound_s, name) for name, clock in clocks if clock is not None]
    if not bounds:
        return not_applicable(gate, "one-clock")
    worst = max(bounds)  # of equal ones that with a name
    return judge(gate, worst.value, node=worst.node)


def arrivals(result: TrialResult, cpu_count: int) -> GateResult:
    """Arrivals sent in the measure window ÷ arrivals scheduled in it, and no drops while the arm has capacity left.

    Sent are counted by ``t_sent_s`` whatever instant they were scheduled for, so that the arrivals which wait at the
    two ends of the window cancel out; ``EDGE_ARRIVALS`` may be missing besides, for they weigh more than 1% in a
    short trial. Where the arm is at its capacity (see ``saturation``) missing work is its result: a finding.
    """
    if not result.record.load.open_model:
        return not_applicable(ARRIVALS, "closed-model")
    if why := _disturbed(result):
        return not_applicable(ARRIVALS, why)
    counts = arrival_counts(result)
    if not counts.scheduled:
        return unchecked(ARRIVALS, "no-arrival")
    if not counts.missing:
        return decided(ARRIVALS, PASS, counts.share)
    if saturation(result, cpu_count):
        return decided(ARRIVALS, PASS, counts.share, "capacity")
    return decided(ARRIVALS, INVALID, counts.share)


def _disturbed(result: TrialResult) -> str:
    """Why work may be left undone on purpose in a trial, "" where it may not."""
    return "drill" if result.record.drill else "ladder" if result.record.ladder else ""


def requests(result: TrialResult) -> GateResult:
    """Requests that were on the wire in the measure window, those included that an earlier phase had sent.

    Whether they succeeded is the arm's business; without any the generator, or the locustfile, asked for nothing. A
    client of the locustfile's own tells what it asked for in events.
    """
    window = result.record.measure
    asked = _kinds(result.tables.requests, RequestKind.ARRIVAL, RequestKind.FOLLOW).filter(
        (pl.col("t_sent_s") < window.end_s) & (pl.col("t_done_s").is_null() | (pl.col("t_done_s") >= window.start_s))
    )
    told = result.tables.user_events.filter(pl.col("phase") == Phase.MEASURE)
    return judge(REQUESTS, float(asked.height + told.height))


def rows(result: TrialResult) -> GateResult:
    """The load processes' own counts against the rows that they left, over the whole trial.

    Where several machines drove load: of the one that lost most.
    """
    kept = {"": _kept(result.record.load, _arrival_rows(result.tables.requests).height)}
    kept |= {node.name: _kept(node.load, node.load.rows) for node in result.record.nodes if node.load}
    return judge_worst(ROWS, kept, "no-arrival")


def _kept(load: LoadCounters | NodeLoad, rows: int) -> float | None:
    """The part of what was counted that is there; None where nothing was."""
    counted = load.started + load.dropped + load.unfinished
    return 1.0 - (abs(counted - rows) + abs(load.scheduled - counted)) / counted if counted else None


def lag(result: TrialResult) -> GateResult:
    """Tell how late the dispatcher handed arrivals to free lanes; the response times contain it.

    Where several machines drove load: of the one that was latest.
    On a ladder: the worst of the rungs that count. One at which it came late does not, nor do those above it; where
    that is the lowest, nothing is left of the trial.
    """
    if not result.record.load.open_model:
        return not_applicable(LAG, "closed-model")
    late = latest(result, lambda load: load.dispatch_lag_p99_s)
    if climbed := of_what_counts(efforts(result)):
        late = max((effort.lag for effort in climbed if effort.lag is not None), default=None)
    return unchecked(LAG, "no-lag") if late is None else judge(LAG, late.value, node=late.node)


def little(result: TrialResult) -> GateResult:
    """Little's law, L = λW, on the requests that were answered.

    L, the mean number in flight, is integrated over every request that was on the wire in the window: those that
    straddle an edge count with the part inside it. λ and W are what a report would print: requests that *ended* in the
    window ÷ its length, and their mean service time. The two agree in a steady state only. They part when the number
    in flight grows or shrinks over the window, when the window is short against the service time, or when instants are
    wrong. Requests that were never answered are on neither side: that is the arm's doing, and a finding. Rows that are
    missing altogether change both sides alike: that is the business of ``rows``.
    """
    if why := _disturbed(result):
        return not_applicable(LITTLE, why)
    window = result.record.measure
    sent = _kinds(result.tables.requests, RequestKind.ARRIVAL, RequestKind.FOLLOW).filter(
        (pl.col("t_sent_s") < window.end_s) & pl.col("t_done_s").is_not_null()
    )
    done = sent.filter((pl.col("t_done_s") >= window.start_s) & (pl.col("t_done_s") < window.end_s))
    if done.height < MIN_LITTLE_REQUESTS:
        return unchecked(LITTLE, "few-requests")
    expected = float((done["t_done_s"] - done["t_sent_s"]).sum()) / window.length_s
    if expected <= 0:
        return unchecked(LITTLE, "instants")
    return judge(LITTLE, abs(_in_flight_s(sent, window) / window.length_s / expected - 1))


def _in_flight_s(sent: pl.DataFrame, window: PhaseWindow) -> float:
    end = pl.col("t_done_s").clip(window.start_s, window.end_s)
    start = pl.col("t_sent_s").clip(window.start_s, window.end_s)
    return float(sent.select((end - start).clip(lower_bound=0.0).sum()).item())


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalCounts:
    """Arrivals of the measure window; one whose task made no request counts as sent."""

    scheduled: int
    sent: int
    dropped: int

    @property
    def share(self) -> float:
        """Sent ÷ scheduled."""
        return self.sent / self.scheduled

    @property
    def missing(self) -> bool:
        """Work was dropped, or more is missing than can wait at the window's end."""
        short = ARRIVALS.beyond(self.share, ARRIVALS.invalid) and self.scheduled - self.sent > EDGE_ARRIVALS
        return bool(self.dropped) or short


def arrival_counts(result: TrialResult) -> ArrivalCounts:
    """Scheduled, sent and dropped in the measure window."""
    window, table = result.record.measure, result.tables.requests
    measured = _arrival_rows(table).filter(pl.col("phase") == Phase.MEASURE)
    sent = _kinds(table, RequestKind.ARRIVAL).filter(
        (pl.col("t_sent_s") >= window.start_s) & (pl.col("t_sent_s") < window.end_s)
    )
    dropped, empty = (_kinds(measured, kind).height for kind in (RequestKind.DROP, RequestKind.EMPTY))
    return ArrivalCounts(scheduled=measured.height, sent=sent.height + empty, dropped=dropped)


def _arrival_rows(table: pl.DataFrame) -> pl.DataFrame:
    return _kinds(table, RequestKind.ARRIVAL, RequestKind.EMPTY, RequestKind.DROP)


def _kinds(table: pl.DataFrame, *kinds: RequestKind) -> pl.DataFrame:
    return table.filter(pl.col("kind").is_in([str(kind) for kind in kinds]))


def _fronted(kind: str) -> bool:
    front = FRONTS.get(kind)
    return front is None or front.hops > 0


def attribution(result: TrialResult) -> GateResult:
    """Successful requests of the measure phase whose serving process is known ÷ all of them."""
    record = result.record
    if record.processes == 1:
        return not_applicable(ATTRIBUTION, "one-process")
    known = attributed(measured(result.tables.requests))
    if known is None:
        return unchecked(ATTRIBUTION, "no-success")
    nobody = "none-behind" if _fronted(record.front) else "none-direct"
    return judge(ATTRIBUTION, known, nobody if record.attribution == "none" else record.attribution)


def rates_alike(rates: Mapping[str, float]) -> GateResult:
    """Throughput of all arms of one closed-model block within 1.5%: what they share may be the limit, the generator.

    ``rates`` are successful requests a second of two or more arms. The value is the largest ÷ the smallest − 1. In
    the open model the rate sets the throughput, and likeness means nothing.
    """
    if not all(rates.values()):
        return unchecked(ALIKE, "no-success")
    return judge(ALIKE, max(rates.values()) / min(rates.values()) - 1)
