"""Attribution: how evenly the serving processes share the work, and whether they serve it equally fast (METHOD 1.7).

N is the number of serving processes that the arm should have. A process that served nothing counts with a share of
zero: leaving it out would call an arm that works with one process of four perfectly balanced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from lab.analysis.trial.latency import measured, rank, service_times
from lab.analysis.trial.shares import attributed, gini, shares
from lab.record.types import PhaseWindow, TrialResult

SHOWN_QUANTILES = (0.50, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The balance of one trial.

    ``share_max``: largest share of the attributed requests. ``skew``: the same ÷ (1/N); 1 is perfect, N is one
    process doing everything. ``gini``: 0 is perfect, (N − 1)/N is one process doing everything. ``silent``: processes
    that served nothing. ``attributed``: fraction of the successful requests whose server is known.
    """

    share_max: float
    skew: float
    gini: float
    silent: int
    attributed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLatency:
    """Service times of one serving process in seconds; None with fewer than 10 observations beyond (METHOD 6.5)."""

    served_by: str
    requests: int
    p50_s: float | None
    p95_s: float | None


def balance(result: TrialResult) -> Balance | None:
    """Balance over the measure phase; None when too few requests could be attributed (then it is unknown, not zero).

    A process that replaced another during the window is one more in ``gini``, while ``skew`` keeps the arm's N.
    """
    rows, processes = measured(result.tables.requests), result.record.processes
    served = shares(rows, processes)
    if not served:
        return None
    counts = [share.requests for share in served]
    return Balance(
        share_max=share_max(counts),
        skew=skew(counts, processes),
        gini=gini(counts),
        silent=counts.count(0),
        attributed=attributed(rows) or 0.0,
    )


def share_max(counts: Sequence[int]) -> float:
    """Largest of the counts ÷ their sum, which must be positive."""
    return max(counts) / sum(counts)


def skew(counts: Sequence[int], processes: int) -> float:
    """Largest share ÷ (1/``processes``)."""
    return share_max(counts) * processes


def latency_by_process(result: TrialResult) -> tuple[ProcessLatency, ...]:
    """Service times of successful requests of the measure phase for each process that served one, by name.

    Service, not response: the wait for a free lane happens before a process is chosen.
    """
    rows = measured(result.tables.requests).filter(pl.col("served_by").is_not_null())
    times_of = rows.select("served_by", "ok", "t_sent_s", "t_done_s").partition_by("served_by", as_dict=True)
    found = []
    for (name,), own in sorted(times_of.items()):
        times = service_times(own)
        ranks = [rank(len(times), quantile) for quantile in SHOWN_QUANTILES]
        p50_s, p95_s = (None if index is None else float(times[index]) for index in ranks)
        found.append(ProcessLatency(served_by=str(name), requests=own.height, p50_s=p50_s, p95_s=p95_s))
    return tuple(found)


def requests_over_time(
    requests: pl.DataFrame, window: PhaseWindow, bin_s: float = 1.0, known: Sequence[str] = ()
) -> pl.DataFrame:
    """Attributed requests a second for each process and bin, for a heat map: every pair has a row, silence is 0.

    Columns: ``start_s`` (of the bin, relative to the window), ``served_by``, ``per_second``. Requests count in the bin
    in which they ended; the last bin may be shorter than ``bin_s``. ``known`` adds processes that served nothing.
    """
    bins = max(1, int(np.ceil(round(window.length_s / bin_s, 6))))
    ended = requests.filter(pl.col("served_by").is_not_null()).filter(
        (pl.col("t_done_s") >= window.start_s) & (pl.col("t_done_s") < window.end_s)
    )
    counts = ended.group_by(
        "served_by",
        ((pl.col("t_done_s") - window.start_s) / bin_s).floor().cast(pl.Int64).alias("bin"),
    ).agg(pl.len().alias("requests"))
    names = pl.DataFrame({"served_by": sorted({*known, *ended["served_by"]})}, schema={"served_by": pl.String})
    grid = pl.DataFrame({"bin": range(bins)}, schema={"bin": pl.Int64}).join(names, how="cross")
    start_s = pl.col("bin") * bin_s
    length_s = pl.min_horizontal(pl.lit(bin_s), pl.lit(window.length_s) - start_s)
    return (
        grid.join(counts, on=["bin", "served_by"], how="left")
        .sort("bin", "served_by")
        .select(
            start_s.cast(pl.Float64).alias("start_s"),
            "served_by",
            (pl.col("requests").fill_null(0) / length_s).alias("per_second"),
        )
    )
