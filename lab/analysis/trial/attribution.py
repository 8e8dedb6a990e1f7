"""Whether the serving processes of an arm are equally fast (METHOD 1.7)."""

from dataclasses import dataclass

import polars as pl

from lab.analysis.trial.latency import rank, service_times

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
