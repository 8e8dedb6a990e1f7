"""The slowest serving process at a rung of a ladder, and the quantile by which it is told from the others. Pure."""

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.latency import Floats
from lab.metric_types import PRINT_BEYOND, least_count
from lab.record.types import LadderRecord
from lab.scenario.capacity import objective

SLOT_QUANTILE = 0.90  # at most, of one process: of a p99 that a rung tells, it has a part of the requests only


def slot_quantile(slo: str) -> float:
    """The quantile by which serving processes are told apart: that of the objective, but no higher one than a p90."""
    return min(SLOT_QUANTILE, objective(slo).quantile)


def worst_slot(ladder: LadderRecord, rows: pl.DataFrame, rate: float | None) -> float | None:
    """The ``slot_quantile`` of the slowest serving process ÷ that of all, at the rung of this rate.

    Of a few requests a percentile is a lot, and the largest of several such lots is far above that of all in any arm.
    """
    rung = next((rung for rung in ladder.rungs if rung.rate == rate), None)
    if rung is None:
        return None
    quantile = slot_quantile(ladder.slo)
    due = rows.filter((pl.col("t_scheduled_s") >= rung.count_s) & (pl.col("t_scheduled_s") < rung.end_s))
    slots = due.filter(pl.col("served_by").is_not_null()).partition_by("served_by")
    known = len(slots) > 1 and all(slot.height >= least_count(quantile, PRINT_BEYOND) for slot in slots)
    whole = due_quantile_s(due, quantile)
    return max(due_quantile_s(slot, quantile) for slot in slots) / whole if known and math.isfinite(whole) else None


def due_quantile_s(due: pl.DataFrame, quantile: float) -> float:
    """A quantile of the response times of what was due, from when it was due; infinite among failures."""
    taken = pl.when("ok").then(pl.col("t_done_s") - pl.col("t_scheduled_s")).otherwise(math.inf)
    times: Floats | npt.NDArray[np.float64] = np.sort(due.select(taken).to_series().to_numpy())
    return float(times[math.ceil(quantile * len(times)) - 1]) if len(times) else math.inf
