"""Findings on steadiness: did latency, throughput and memory of the arm stay the same over the measure window?"""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.analysis.findings.kinds import (
    MEMORY_DRIFT,
    MIN_STEADY_REQUESTS,
    MIN_STEADY_SECONDS,
    STEADY_P50,
    STEADY_P_VALUE,
    STEADY_THROUGHPUT,
    FindingKind,
)
from lab.analysis.judge.eligibility import steady
from lab.analysis.trial.courses import courses, sum_at
from lab.analysis.trial.latency import measured
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_roles
from lab.record.types import Finding, RequestKind, TrialResult

Floats = NDArray[np.float64]

EDGE_OF_A_SECOND_S = 0.01  # a window of 9.999 s has ten seconds


def steady_p50(result: TrialResult) -> Finding | None:
    """Drift of the median response time (closed model: service time) of each second."""
    table = _successes(result).with_columns((pl.col("t_done_s") - pl.col(_start(result))).alias("latency_s"))
    seconds = (
        table.group_by("second")
        .agg(pl.len().alias("n"), pl.col("latency_s").median())
        .filter(pl.col("n") >= MIN_STEADY_REQUESTS)
        .sort("second")
    )
    return _drift(STEADY_P50, seconds["second"].to_numpy(), seconds["latency_s"].to_numpy())


def steady_throughput(result: TrialResult) -> Finding | None:
    """Drift of the requests that ended in each second.

    In the open model they are divided by the arrivals scheduled for that second: a Poisson schedule varies by
    itself (300/s: 6% from second to second), and that is neither the arm's nor the instrument's doing.
    """
    done = _per_second(result, "t_done_s", pl.col("error").is_null())
    if not result.record.load.open_model:
        return _drift(STEADY_THROUGHPUT, np.arange(len(done), dtype=np.float64), done)
    asked = _per_second(result, "t_scheduled_s", pl.lit(True))
    seconds = np.flatnonzero(asked)
    return _drift(STEADY_THROUGHPUT, seconds.astype(np.float64), done[seconds] / asked[seconds])


def memory_drift(result: TrialResult) -> Finding | None:
    """Drift of the arm's PSS in the middle of each second; nothing where they are too few or a process was not read."""
    window = result.record.measure
    owners = list(courses(of_roles(result.tables.processes, *ARM_ROLES), PROCESS, "pss_bytes", window))
    known = [owner for owner in owners if owner is not None]
    if len(known) < len(owners):
        return None
    seconds = window.start_s + 0.5 + np.arange(_whole_seconds(result), dtype=np.float64)
    found = _drift(MEMORY_DRIFT, seconds, sum_at(known, seconds))
    return found if found and found.value is not None else None


def _drift(kind: FindingKind, seconds: Floats, values: Floats) -> Finding | None:
    """A drift beyond the limit is one only when it is a trend as well: the slope of a few noisy seconds easily is.

    Trend: Kendall's rank correlation with time differs from zero (Mann 1945), the test that belongs to Sen's slope.
    """
    if len(values) < MIN_STEADY_SECONDS:
        return kind.unknown("few-seconds")
    drift = steady(seconds.tolist(), values.tolist()).drift
    if drift is None:
        return kind.unknown("zero-median")
    in_order = values[np.argsort(seconds, kind="stable")]
    return kind.of(drift) if trend_p_value(in_order) < STEADY_P_VALUE else None


def trend_p_value(values: Floats) -> float:
    """Two-sided p-value of the Mann–Kendall test against no trend, by its normal approximation with ties.

    ``values``: shape (n,), in order of time. Written out because scipy.stats costs every lab process 90 MB and
    2 s of import. Source: Mann (1945); Kendall (1975), Rank Correlation Methods, section 4.
    """
    n = len(values)
    first, second = np.triu_indices(n, k=1)
    score = float(np.sign(values[second] - values[first]).sum())
    _, ties = np.unique(values, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if variance <= 0:
        return 1.0
    corrected = max(0.0, abs(score) - 1)  # continuity
    return math.erfc(corrected / math.sqrt(2 * variance))  # 2 Φ(−z)


def _start(result: TrialResult) -> str:
    return "t_scheduled_s" if result.record.load.open_model else "t_sent_s"


def _successes(result: TrialResult) -> pl.DataFrame:
    """Successful arrivals of the measure phase, with the whole second of the window in which they began."""
    second = (pl.col(_start(result)) - result.record.measure.start_s).floor()
    return (
        measured(result.tables.requests)
        .filter(pl.col("ok") & (pl.col("kind") == RequestKind.ARRIVAL))
        .with_columns(second.alias("second"))
        .filter((pl.col("second") >= 0) & (pl.col("second") < _whole_seconds(result)))
    )


def _per_second(result: TrialResult, column: str, which: pl.Expr) -> Floats:
    """Arrivals, dropped ones included, that ``which`` picks and whose ``column`` falls into each whole second."""
    kinds = [str(RequestKind.ARRIVAL), str(RequestKind.DROP)]
    picked = result.tables.requests.filter(pl.col("kind").is_in(kinds) & which)
    edges = result.record.measure.start_s + np.arange(_whole_seconds(result) + 1, dtype=np.float64)
    return np.histogram(picked[column].drop_nulls().to_numpy(), bins=edges)[0].astype(np.float64)


def _whole_seconds(result: TrialResult) -> int:
    return whole_seconds(result.record.measure.length_s)


def whole_seconds(measure_s: float) -> int:
    """How many seconds of a measure phase are looked at, each for itself; below MIN_STEADY_SECONDS nothing is told."""
    return max(1, math.floor(measure_s + EDGE_OF_A_SECOND_S))
