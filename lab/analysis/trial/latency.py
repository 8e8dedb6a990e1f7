"""Latency of one trial: exact quantiles and the tail curve, from the raw rows (METHOD 1.3, 1.5, 1.8, 6.5).

A request that failed, hung or was dropped is slower than every one that was answered: its time is infinite.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.counters import numbers
from lab.metric_types import PRINT_BEYOND
from lab.record.types import Phase, PhaseWindow, RequestKind

Floats = npt.NDArray[np.float64]

QUANTILES = (0.50, 0.90, 0.95, 0.99, 0.999)
CURVE_STEPS = 16  # points of the curve for each factor of ten of the tail
MEASURED_KINDS = (RequestKind.ARRIVAL, RequestKind.FOLLOW, RequestKind.DROP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Latencies of one kind in one trial.

    ``count`` includes failures. ``quantiles`` holds ``QUANTILES`` in order, in seconds, None with fewer than
    ``PRINT_BEYOND`` observations beyond, infinite where one lies among the failures.
    ``curve`` holds (nines, seconds): all but 10**-nines of the observations took at most so long, so that 1 is p90,
    2 is p99, 3 is p99.9; on the same grid in every trial, up to where ``PRINT_BEYOND`` observations lie beyond or the
    failures begin.
    """

    count: int
    quantiles: tuple[float | None, ...]
    curve: tuple[tuple[float, float], ...]


def measured(requests: pl.DataFrame) -> pl.DataFrame:
    """Rows that count as requests of the measure phase, with a column ``ok``: a response came and was no failure."""
    return with_ok(requests.filter(pl.col("phase") == Phase.MEASURE))


def with_ok(requests: pl.DataFrame) -> pl.DataFrame:
    """As ``measured``, of every phase."""
    answered = pl.col("error").is_null() & pl.col("t_done_s").is_not_null() & (pl.col("kind") != RequestKind.DROP)
    counted = requests.filter(pl.col("kind").is_in([kind.value for kind in MEASURED_KINDS]))
    return counted.with_columns(answered.alias("ok"))


def successes(requests: pl.DataFrame) -> Floats:
    """Sorted instants at which requests of any phase succeeded."""
    return np.sort(with_ok(requests).filter("ok")["t_done_s"].to_numpy())


def ended_in(ended_s: Floats, window: PhaseWindow) -> int:
    """How many ``successes`` lie in the window, whenever they were due: its CPU was spent on them (METHOD 1.8)."""
    first, after = np.searchsorted(ended_s, (window.start_s, window.end_s))
    return int(after - first)


def service_times(rows: pl.DataFrame) -> Floats:
    """Sorted seconds from sending to the last byte, over all requests that were sent."""
    return _times(rows, "t_sent_s")


def response_times(rows: pl.DataFrame, *, open_model: bool) -> Floats:
    """Sorted seconds from the scheduled instant to the last byte, over all arrivals; closed: service times."""
    return _times(rows, "t_scheduled_s") if open_model else service_times(rows)


def _times(rows: pl.DataFrame, begun: str) -> Floats:
    """Only arrivals have a scheduled instant, dropped ones as well; what never left has none of sending."""
    begun_s = numbers(rows[begun])
    taken_s = np.where(rows["ok"].to_numpy(), numbers(rows["t_done_s"]) - begun_s, math.inf)
    return np.sort(taken_s[~np.isnan(begun_s)])


def rank(count: int, quantile: float) -> int | None:
    """Index of the quantile in sorted observations (inverse of the empirical distribution function), or None.

    The smallest observation such that at least ``quantile`` of all are not above it. None with fewer than
    ``PRINT_BEYOND`` observations beyond it.
    """
    index = math.ceil(round(quantile * count, 6)) - 1
    return index if count - 1 - index >= PRINT_BEYOND else None


def latency(times: Floats) -> Latency:
    """Quantiles and curve of sorted observations in seconds."""
    ranks = [rank(len(times), quantile) for quantile in QUANTILES]
    return Latency(
        count=len(times),
        quantiles=tuple(None if index is None else float(times[index]) for index in ranks),
        curve=_curve(times),
    )


def _curve(times: Floats) -> tuple[tuple[float, float], ...]:
    if len(times) <= PRINT_BEYOND:
        return ()
    nines = np.arange(int(np.log10(len(times) / PRINT_BEYOND) * CURVE_STEPS) + 1) / CURVE_STEPS
    indices = np.ceil(np.round((1 - 10**-nines) * len(times), 6)).astype(int) - 1
    points = zip(nines.tolist(), times[np.maximum(indices, 0)].tolist(), strict=True)
    return tuple((nine, seconds) for nine, seconds in points if math.isfinite(seconds))


MEDIAN = 0.50


def opening_values(rows: pl.DataFrame) -> dict[str, float | None]:
    """The metrics of new connections, from the requests of the measure phase; None of too few, or of none over TLS."""
    opened = rows["opened_s"].drop_nulls().sort()
    resumed = rows["resumed"].drop_nulls().to_list()
    index = rank(len(opened), MEDIAN)
    return {
        "connection.p50": None if index is None else float(opened[index]),
        "connection.resumed": sum(resumed) / len(resumed) if resumed else None,
    }


SHOWN_QUANTILES = (0.50, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLatency:
    """Service times of one serving process in seconds, as in ``Latency.quantiles``; of one with few requests None."""

    served_by: str
    requests: int
    p50_s: float | None
    p95_s: float | None


def latency_by_process(rows: pl.DataFrame) -> tuple[ProcessLatency, ...]:
    """Service times of the ``measured`` requests of each process that served one, by name.

    Service, not response: the wait for a free lane happens before a process is chosen.
    """
    known = rows.select("served_by", "ok", "t_sent_s", "t_done_s").filter(pl.col("served_by").is_not_null())
    times_of = known.partition_by("served_by", as_dict=True)
    found = []
    for (name,), own in sorted(times_of.items()):
        times = service_times(own)
        ranks = [rank(len(times), quantile) for quantile in SHOWN_QUANTILES]
        p50_s, p95_s = (None if index is None else float(times[index]) for index in ranks)
        found.append(ProcessLatency(served_by=str(name), requests=own.height, p50_s=p50_s, p95_s=p95_s))
    return tuple(found)
