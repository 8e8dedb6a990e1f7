"""Findings: what the arm did that a reader must know, printed beside the numbers; they remove no block (METHOD 2)."""

from collections.abc import Callable, Sequence

import polars as pl

from lab.analysis.findings.endings import changed, out_of_memory, recycled
from lab.analysis.findings.kinds import (
    CAPACITY,
    DROPPED,
    FAILED,
    FINDINGS,
    HUNG,
    NOT_UPDATED,
    REFUSED,
    SIDECAR_CPU,
    STARVED,
    UNCLEAR,
    UNFINISHED,
    FindingKind,
)
from lab.analysis.findings.locustfile import exceptions, own_verdict, ramp, unread
from lab.analysis.findings.steadiness import memory_drift, steady_p50, steady_throughput
from lab.analysis.gates.capacity import saturation
from lab.analysis.gates.load import arrival_counts
from lab.analysis.trial.acted import unfinished
from lab.analysis.trial.lives import NEVER_S, gaps, in_gaps
from lab.analysis.trial.sidecars import sidecar_cores
from lab.plan.kinds import ServiceKind
from lab.record.schema import ACTION
from lab.record.types import Finding, Phase, RequestKind, TrialResult

__all__ = ["FINDINGS", "FindingKind", "run_findings"]

ON_THE_WIRE = [str(RequestKind.ARRIVAL), str(RequestKind.FOLLOW)]
LIMITS = (400, 413, 414, 431, 494)  # statuses of a front whose limits a request exceeds
GATEWAY = (502, 504)  # of a front that had no answer, or none that it takes
NOBODY = (503,)  # of a front that asked nobody; also of servers that are full, which then do not name themselves


def run_findings(result: TrialResult, cpu_count: int) -> tuple[Finding, ...]:
    """All findings of one trial, in the order of FINDINGS; ``cpu_count`` is the machine's number of cores.

    None of a trial without a measure phase: its gates say that it has none.
    """
    window = result.record.phases.get(Phase.MEASURE)
    if window is None or window.length_s <= 0:
        return ()
    if result.record.drill or result.record.ladder:  # what an arm does when disturbed, or overloaded, is the result
        found = [check(result) for check in CHECKS_OF_DRILLS]
    else:
        found = [*(check(result) for check in CHECKS), _capacity(result, cpu_count)]
    return tuple(sorted((one for one in found if one), key=lambda one: list(FINDINGS).index(one.key)))


def _failed(result: TrialResult) -> Finding | None:
    """Requests that ended in an error."""
    bad = pl.col("t_done_s").is_not_null() & pl.col("error").is_not_null()
    return FAILED.of(float(_measured(result).filter(bad).height))


def _refused(result: TrialResult) -> Finding | None:
    """Requests that the front refused; the statuses, most frequent first.

    They name no process, as what the app answers does. A front that had nobody to ask, because a process of the app
    had ended, refused nothing.
    """
    certain = {"upstream": GATEWAY + NOBODY, "header": GATEWAY}.get(result.record.attribution)
    return None if certain is None else _nobodys(result, REFUSED, LIMITS, certain)


def _unclear(result: TrialResult) -> Finding | None:
    """Requests that the front refused, or that the app answered as a front does, where no answer names a process."""
    if result.record.attribution != "none":
        return None
    return _nobodys(result, UNCLEAR, (), GATEWAY + NOBODY)


def _nobodys(result: TrialResult, kind: FindingKind, limits: Sequence[int], gateway: Sequence[int]) -> Finding | None:
    """Answers behind a front that name nobody and have one of these statuses."""
    if all(service.kind != ServiceKind.PROXY for service in result.record.services):
        return None
    status, nobody = pl.col("status"), pl.col("served_by").is_null()
    missed = in_gaps(gaps(result), pl.col("t_sent_s"), pl.col("t_done_s").fill_null(NEVER_S))
    found = _measured(result).filter(nobody & (status.is_in(limits) | (status.is_in(gateway) & ~missed)))
    statuses = found.group_by("status").len().sort("len", "status", descending=[True, False])["status"]
    return kind.of(float(found.height), ", ".join(map(str, statuses)))


def _hung(result: TrialResult) -> Finding | None:
    """Requests that were sent and had no answer when the trial ended."""
    return HUNG.of(float(_measured(result).filter(pl.col("t_done_s").is_null()).height))


def _dropped(result: TrialResult) -> Finding | None:
    """Arrivals of the open model that found the queue full."""
    return DROPPED.of(float(arrival_counts(result).dropped))


def _capacity(result: TrialResult, cpu_count: int) -> Finding | None:
    """The part of the arrivals that was not sent because the arm was at its capacity."""
    counts = arrival_counts(result)
    if not result.record.load.open_model or not counts.scheduled or not counts.missing:
        return None
    limited = saturation(result, cpu_count)
    return CAPACITY.of(max(0.0, 1 - counts.share), limited) if limited else None


def _measured(result: TrialResult) -> pl.DataFrame:
    """Select the requests that were sent in the measure phase."""
    return result.tables.requests.filter(
        (pl.col("phase") == Phase.MEASURE) & pl.col("kind").is_in(ON_THE_WIRE) & pl.col("t_sent_s").is_not_null()
    )


def _starved(result: TrialResult) -> Finding | None:
    """Serving processes that had not served their warm-up requests when the warm-up ended."""
    if result.record.attribution == "none" and result.record.processes > 1:
        return STARVED.unknown("attribution")
    return STARVED.of(float(result.record.load.starved_workers))


def _unfinished(result: TrialResult) -> Finding | None:
    """A drill that outlived the measure phase."""
    return UNFINISHED.of(float(result.record.drill is not None and unfinished(result.record)))


def _not_updated(result: TrialResult) -> Finding | None:
    """Updates of a drill that the Swarm stopped or took back: what was to be deployed is not there."""
    return NOT_UPDATED.of(float(sum(event.kind == f"{ACTION}not updated" for event in result.record.events)))


def _sidecar(result: TrialResult) -> Finding | None:
    """The busiest sidecar, if it was near what one core gives."""
    used = [(sidecar_cores(result, service) or 0.0, service) for service in sorted(result.record.sidecars)]
    return SIDECAR_CPU.of(*max(used)) if used else None


CHECKS_OF_DRILLS: tuple[Callable[[TrialResult], Finding | None], ...] = (
    exceptions,
    ramp,
    unread,
    own_verdict,
    _starved,
    _unfinished,
    _not_updated,
    _sidecar,
)
CHECKS: tuple[Callable[[TrialResult], Finding | None], ...] = (
    exceptions,
    ramp,
    unread,
    own_verdict,
    _failed,
    _refused,
    _unclear,
    _hung,
    _dropped,
    out_of_memory,
    changed,
    recycled,
    _starved,
    steady_p50,
    steady_throughput,
    memory_drift,
    _sidecar,
)
