"""Gates on the load generator: did it do the work that it was asked for, when it was asked to?"""

from __future__ import annotations

import polars as pl

from lab.analysis.gates.capacity import saturation
from lab.analysis.gates.counters import busiest_second
from lab.analysis.gates.limits import (
    ARRIVALS,
    CAVEAT,
    EDGE_ARRIVALS,
    INVALID,
    LAG,
    LITTLE,
    LOAD_CPU,
    MIN_LITTLE_REQUESTS,
    PASS,
    ROWS,
)
from lab.analysis.gates.outcome import decided, judge, not_applicable, unchecked
from lab.record.types import GateResult, Phase, PhaseWindow, RequestKind, TrialResult
from lab.units import format_ratio, format_seconds

CLOSED = "the closed model has no schedule"


def load_cpu(result: TrialResult) -> GateResult:
    """A saturated load generator measures itself: CPU of the busiest load process in its busiest second."""
    busy = busiest_second(result.tables.host, "load_cpu_max_s", result.record.measure)
    if busy is None:
        return unchecked(LOAD_CPU, "the CPU readings of the load processes do not span the measure window")
    said = f"The busiest load process used {format_ratio(busy)} of a core in its busiest second"
    return judge(LOAD_CPU, busy, said, "Lower the rate, or give the load more processes (load.processes).")


def arrivals(result: TrialResult, cpu_count: int) -> GateResult:
    """Arrivals sent in the measure window ÷ arrivals scheduled in it, and no drops while the arm has capacity left.

    Sent are counted by ``t_sent_s`` whatever instant they were scheduled for, so that the arrivals which wait at the
    two ends of the window cancel out; ``EDGE_ARRIVALS`` may be missing besides, for they weigh more than 1 % in a
    short trial. Where the arm is at its capacity (see ``saturation``) missing work is its result and only a caveat.
    """
    if not result.record.load.open_model:
        return not_applicable(ARRIVALS, CLOSED)
    scheduled, sent, dropped = _arrival_counts(result)
    if not scheduled:
        return unchecked(ARRIVALS, "no arrival was scheduled in the measure window")
    share = sent / scheduled
    said = f"In the measure window {sent} of {scheduled} scheduled arrivals were sent, {dropped} dropped"
    short = ARRIVALS.beyond(share, ARRIVALS.invalid) and scheduled - sent > EDGE_ARRIVALS
    if not dropped and not short:
        return decided(ARRIVALS, PASS, share, f"{said}.")
    if why := saturation(result, cpu_count):
        advice = "The arm was at its capacity and its latencies describe a queue: lower the rate to compare latencies."
        return decided(ARRIVALS, CAVEAT, share, f"{said}, while {why}. {advice}")
    advice = (
        "No process of the arm, no quota and not the machine was at its limit: raise load.lanes. If that changes "
        "nothing, the arm waits for something other than CPU, and the rate must be lowered."
    )
    return decided(ARRIVALS, INVALID, share, f"{said}. {advice}")


def rows(result: TrialResult) -> GateResult:
    """The load process's own counts against the rows that it left, over the whole trial."""
    load = result.record.load
    counted = load.started + load.dropped + load.unfinished
    kept = _arrival_rows(result.tables.requests).height
    if not counted:
        return unchecked(ROWS, "the load process counted no arrival")
    uncounted = abs(load.scheduled - counted)
    said = f"The load process counted {counted} arrivals, the request table holds {kept}"
    if uncounted:
        said += f", and {uncounted} of the {load.scheduled} scheduled are in no counter"
    advice = "Requests were lost or counted twice: read locust.log of the trial."
    return judge(ROWS, 1.0 - (abs(counted - kept) + uncounted) / counted, said, advice)


def lag(result: TrialResult) -> GateResult:
    """How late the dispatcher handed arrivals to free lanes; the response times contain it."""
    if not result.record.load.open_model:
        return not_applicable(LAG, CLOSED)
    late_s = result.record.load.dispatch_lag_p99_s
    if late_s is None:
        return unchecked(LAG, "the load process reported no dispatcher lag")
    said = f"One arrival in a hundred was dispatched {format_seconds(late_s)} late or later"
    return judge(LAG, late_s, said, "Lower the rate, use more load processes, or keep the machine quieter.")


def little(result: TrialResult) -> GateResult:
    """Little's law, L = λW, on requests on the wire.

    L, the mean number in flight, is integrated over every request that was on the wire in the window: those that
    straddle an edge count with the part inside it, those that never ended up to its end. λ and W are what a report
    would print: requests that *ended* in the window ÷ its length, and their mean service time. The two agree in a
    steady state only. They part when requests hang (no mean of finished ones shows that), when the number in flight
    grows or shrinks over the window, when the window is short against the service time, or when instants are wrong.
    Rows that are missing altogether change both sides alike: that is the business of ``rows``.
    """
    window = result.record.measure
    sent = _kinds(result.tables.requests, RequestKind.ARRIVAL, RequestKind.FOLLOW).filter(
        pl.col("t_sent_s") < window.end_s
    )
    done = sent.filter((pl.col("t_done_s") >= window.start_s) & (pl.col("t_done_s") < window.end_s))
    if done.height < MIN_LITTLE_REQUESTS:
        return unchecked(
            LITTLE, f"{done.height} requests ended in the measure window, {MIN_LITTLE_REQUESTS} are needed"
        )
    in_flight = _in_flight_s(sent, window) / window.length_s
    service_s = float((done["t_done_s"] - done["t_sent_s"]).sum()) / done.height
    expected = done.height / window.length_s * service_s
    if expected <= 0:
        return unchecked(LITTLE, f"the mean service time is {format_seconds(service_s)}: the instants are wrong")
    said = (
        f"On average {in_flight:.2f} requests were in flight, throughput × mean service time gives {expected:.2f}, "
        f"{format_ratio(abs(in_flight / expected - 1))} apart"
    )
    advice = "Requests hung, or the load was not in a steady state: measure longer, or look for requests without end."
    return judge(LITTLE, abs(in_flight / expected - 1), said, advice)


def _in_flight_s(sent: pl.DataFrame, window: PhaseWindow) -> float:
    end = pl.col("t_done_s").fill_null(window.end_s).clip(window.start_s, window.end_s)
    start = pl.col("t_sent_s").clip(window.start_s, window.end_s)
    return float(sent.select((end - start).clip(lower_bound=0.0).sum()).item())


def _arrival_counts(result: TrialResult) -> tuple[int, int, int]:
    """Scheduled, sent and dropped in the measure window; an arrival whose task made no request counts as sent."""
    window, table = result.record.measure, result.tables.requests
    measured = _arrival_rows(table).filter(pl.col("phase") == Phase.MEASURE)
    sent = _kinds(table, RequestKind.ARRIVAL).filter(
        (pl.col("t_sent_s") >= window.start_s) & (pl.col("t_sent_s") < window.end_s)
    )
    dropped, empty = (_kinds(measured, kind).height for kind in (RequestKind.DROP, RequestKind.EMPTY))
    return measured.height, sent.height + empty, dropped


def _arrival_rows(table: pl.DataFrame) -> pl.DataFrame:
    return _kinds(table, RequestKind.ARRIVAL, RequestKind.EMPTY, RequestKind.DROP)


def _kinds(table: pl.DataFrame, *kinds: RequestKind) -> pl.DataFrame:
    return table.filter(pl.col("kind").is_in([str(kind) for kind in kinds]))
