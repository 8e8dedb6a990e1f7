"""Findings: what the arm did that a reader must know, printed beside the numbers; they remove no block (METHOD 2)."""

from collections.abc import Callable

import polars as pl

from lab.analysis.findings.kinds import (
    CAPACITY,
    CHANGED,
    DROPPED,
    FAILED,
    FINDINGS,
    HUNG,
    REFUSED,
    SIDECAR_CPU,
    STARVED,
    FindingKind,
)
from lab.analysis.findings.locustfile import exceptions, own_verdict, ramp, unread
from lab.analysis.findings.steadiness import memory_drift, steady_p50, steady_throughput
from lab.analysis.gates.counters import saturation
from lab.analysis.gates.load import arrival_counts
from lab.analysis.trial.sidecars import sidecar_cores
from lab.plan.kinds import Role, ServiceKind
from lab.record.types import Finding, Phase, RequestKind, TrialResult

__all__ = ["FINDINGS", "FindingKind", "run_findings"]

ON_THE_WIRE = [str(RequestKind.ARRIVAL), str(RequestKind.FOLLOW)]
LIMITS = (400, 413, 414, 431, 494)  # statuses of a front whose limits a request exceeds
GATEWAY = (502, 504)  # of a front that had no answer, or none that it takes
SERVING = (Role.PROXY, Role.SUPERVISOR, Role.WORKER)


def run_findings(result: TrialResult, cpu_count: int) -> tuple[Finding, ...]:
    """All findings of one trial, in the order of FINDINGS; ``cpu_count`` is the machine's number of cores.

    None of a trial without a measure phase: its gates say that it has none.
    """
    window = result.record.phases.get(Phase.MEASURE)
    if window is None or window.length_s <= 0:
        return ()
    found = [*(check(result) for check in CHECKS), _capacity(result, cpu_count)]
    return tuple(sorted((one for one in found if one), key=lambda one: list(FINDINGS).index(one.key)))


def _failed(result: TrialResult) -> Finding | None:
    """Requests that ended in an error."""
    bad = pl.col("t_done_s").is_not_null() & pl.col("error").is_not_null()
    return FAILED.of(float(_measured(result).filter(bad).height))


def _refused(result: TrialResult) -> Finding | None:
    """Requests that the front refused; the statuses, most frequent first.

    A limit of the front's is told from one of the app's by who answered; where nobody is ever named, by statuses that
    an app does not give.
    """
    if all(service.kind != ServiceKind.PROXY for service in result.record.services):
        return None
    named = pl.col("status").is_in(LIMITS) & pl.col("served_by").is_null() & (result.record.attribution != "none")
    refused = _measured(result).filter(named | pl.col("status").is_in(GATEWAY))
    statuses = refused.group_by("status").len().sort("len", "status", descending=[True, False])["status"]
    return REFUSED.of(float(refused.height), ", ".join(map(str, statuses)))


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


def _changed(result: TrialResult) -> Finding | None:
    """Proxies, supervisors and workers that came or went inside the measure phase; one that is replaced does both.

    Rounds are compared, which have a row of the host and every process that lives; between them one is looked at.
    """
    window = result.record.measure
    rounds = result.tables.processes.join(result.tables.host.select("t_s"), on="t_s", how="semi")
    seen = rounds.filter(pl.col("role").is_in(SERVING) & pl.col("t_s").is_between(window.start_s, window.end_s))
    if seen.is_empty():
        return CHANGED.unknown("readings")
    lives = seen.group_by("pid", "started_s").agg(pl.col("t_s").min().alias("first"), pl.col("t_s").max().alias("last"))
    came = lives.filter(pl.col("first") > seen["t_s"].min()).height
    went = lives.filter(pl.col("last") < seen["t_s"].max()).height
    return CHANGED.of(float(came + went))


def _starved(result: TrialResult) -> Finding | None:
    """Serving processes that had not served their warm-up requests when the warm-up ended."""
    if result.record.attribution == "none" and result.record.processes > 1:
        return STARVED.unknown("attribution")
    return STARVED.of(float(result.record.load.starved_workers))


def _sidecar(result: TrialResult) -> Finding | None:
    """The busiest sidecar, if it was near what one core gives."""
    used = [(sidecar_cores(result, service) or 0.0, service) for service in sorted(result.record.sidecars)]
    return SIDECAR_CPU.of(*max(used)) if used else None


CHECKS: tuple[Callable[[TrialResult], Finding | None], ...] = (
    exceptions,
    ramp,
    unread,
    own_verdict,
    _failed,
    _refused,
    _hung,
    _dropped,
    _changed,
    _starved,
    steady_p50,
    steady_throughput,
    memory_drift,
    _sidecar,
)
