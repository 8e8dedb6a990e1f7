"""Growth of cumulative counters over a window: the only way from CPU seconds to rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.records import PhaseWindow

Floats = npt.NDArray[np.float64]
Key = tuple[object, ...]


def counter_at(instants_s: Floats, readings_s: Floats, counter: Floats, *, born: bool = False) -> Floats:
    """The counter at ``instants_s``, linearly interpolated between readings and held beyond them.

    A counter that falls was reset by a restart of its owner and goes on from where it was. ``born``: its owner started
    after sampling did, so that the counter was zero before its first reading.
    """
    resets = np.where(np.diff(counter) < 0, counter[:-1], 0.0)
    grown = counter + np.concatenate(([0.0], np.cumsum(resets)))
    held: Floats = np.interp(instants_s, readings_s, grown, left=0.0 if born else grown[0])
    return held


def increases(
    table: pl.DataFrame, keys: Sequence[str], columns: Sequence[str], window: PhaseWindow
) -> Mapping[Key, Mapping[str, float | None]]:
    """Δ of cumulative ``columns`` over the window, for each distinct value of ``keys``.

    None where the counter was never read. Readings just outside the window serve to interpolate to its edges.
    """
    edges = np.array([window.start_s, window.end_s])
    first_s = table["t_s"].min()
    growth: dict[Key, Mapping[str, float | None]] = {}
    for key, owner in table.sort("t_s").partition_by(keys, as_dict=True, maintain_order=True).items():
        born = owner["t_s"][0] != first_s
        growth[key] = {column: _increase(owner, column, edges, born) for column in columns}
    return growth


def _increase(owner: pl.DataFrame, column: str, edges: Floats, born: bool) -> float | None:
    readings = owner.select("t_s", column).drop_nulls()
    if readings.is_empty():
        return None
    counter = readings[column].cast(pl.Float64).to_numpy()
    start, end = counter_at(edges, readings["t_s"].to_numpy(), counter, born=born)
    return float(end - start)


def complete_sum(parts: Iterable[float | None]) -> float | None:
    """The sum; None of nothing, or when one part is unknown: never a partial sum."""
    values = list(parts)
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
