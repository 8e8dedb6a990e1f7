"""Findings on the requests of the measure phase: what failed, was never answered, or was not sent at capacity."""

from __future__ import annotations

import polars as pl

from lab.analysis.findings.kinds import CAPACITY, DROPPED, FAILED, HUNG
from lab.analysis.gates.counters import saturation
from lab.analysis.gates.load import arrival_counts
from lab.record.types import Finding, Phase, RequestKind, TrialResult

ON_THE_WIRE = [str(RequestKind.ARRIVAL), str(RequestKind.FOLLOW)]


def failed(result: TrialResult) -> Finding | None:
    """Requests that ended in an error."""
    bad = pl.col("t_done_s").is_not_null() & pl.col("error").is_not_null()
    return FAILED.of(float(_measured(result).filter(bad).height))


def hung(result: TrialResult) -> Finding | None:
    """Requests that were sent and had no answer when the trial ended."""
    return HUNG.of(float(_measured(result).filter(pl.col("t_done_s").is_null()).height))


def dropped(result: TrialResult) -> Finding | None:
    """Arrivals of the open model that found the queue full."""
    return DROPPED.of(float(arrival_counts(result).dropped))


def capacity(result: TrialResult, cpu_count: int) -> Finding | None:
    """The part of the arrivals that was not sent because the arm was at its capacity."""
    counts = arrival_counts(result)
    if not result.record.load.open_model or not counts.scheduled or not counts.missing:
        return None
    limited = saturation(result, cpu_count)
    return CAPACITY.of(max(0.0, 1 - counts.share), limited) if limited else None


def _measured(result: TrialResult) -> pl.DataFrame:
    """What was sent in the measure phase."""
    return result.tables.requests.filter(
        (pl.col("phase") == Phase.MEASURE) & pl.col("kind").is_in(ON_THE_WIRE) & pl.col("t_sent_s").is_not_null()
    )
