"""How long an arm was short of memory while it was measured: what the kernel counted in its cgroups. Pure."""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from lab.analysis.trial.counters import increases, rows_of
from lab.analysis.trial.ledger import of_arm
from lab.record.types import PhaseWindow, TrialResult
from lab.units import format_ratio

STALLED = 0.10  # of the time some task waited for memory: more is a stall, not a hiccup (PSI, Documentation/accounting)
MET = 0.50  # where the kernel tells no stall: the part of the readings between which the limit was met again


def shortage(result: TrialResult) -> str | None:
    """How long memory was short while it was measured, if that was long; of the cgroup in which it was longest."""
    window, cgroups = result.record.measure, of_arm(result.record, result.tables.cgroups)
    stalls = _largest(increases(cgroups, ("service", "container"), ("psi_memory_some_s",), window))
    if stalls is not None:
        part = stalls / window.length_s
        return f"some task waited for memory {format_ratio(part)} of the time" if part > STALLED else None
    part = max(_met(cgroups, window), default=0.0)
    return f"the limit was met in {format_ratio(part)} of the readings" if part > MET else None


def _largest(found: Mapping[tuple[object, ...], Mapping[str, float | None]]) -> float | None:
    known = [value for columns in found.values() for value in columns.values() if value is not None]
    return max(known, default=None)


def _met(cgroups: pl.DataFrame, window: PhaseWindow) -> Iterator[float]:
    """For each cgroup the part of the steps between readings of the window in which the limit was met."""
    inside = (pl.col("t_s") >= window.start_s) & (pl.col("t_s") < window.end_s)
    read = cgroups.drop_nulls("limit_hits").filter(inside)
    for rows in rows_of(read, ("service", "container")).values():
        if len(rows) > 1:
            yield float((np.diff(read["limit_hits"].to_numpy()[rows]) > 0).mean())
