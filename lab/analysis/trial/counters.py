"""Growth of cumulative counters over a window: the only way from CPU seconds to rates."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.record.types import PhaseWindow

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
    table: pl.DataFrame,
    keys: Sequence[str],
    columns: Sequence[str],
    window: PhaseWindow,
) -> Mapping[Key, Mapping[str, float | None]]:
    """Δ of cumulative ``columns`` over the window, for each distinct value of ``keys``.

    None where the counter was never read. Readings just outside the window serve to interpolate to its edges.
    """
    edges = np.array([window.start_s, window.end_s])
    t_s, counters = numbers(table["t_s"]), {column: numbers(table[column]) for column in columns}
    first_s = t_s.min(initial=np.inf)
    return {
        key: {
            column: _increase(t_s[rows], counter[rows], edges, t_s[rows[0]] != first_s)
            for column, counter in counters.items()
        }
        for key, rows in rows_of(table, keys).items()
    }


def rows_of(table: pl.DataFrame, keys: Sequence[str]) -> Mapping[Key, npt.NDArray[np.intp]]:
    """The numbers of the rows of each distinct value of ``keys``, in the order of ``t_s``."""
    if table.is_empty():
        return {}
    owner = np.zeros(len(table), dtype=np.int64)
    for key in keys:
        column = table[key].cast(pl.Categorical).to_physical() if table[key].dtype == pl.String else table[key]
        values, places = np.unique(column.to_numpy(), return_inverse=True)
        owner = owner * len(values) + places
    order = np.lexsort((numbers(table["t_s"]), owner))
    groups = np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)
    return {tuple(table[key][int(rows[0])] for key in keys): rows for rows in groups}


def numbers(column: pl.Series) -> Floats:
    """A column as floats, what is missing as NaN: for so few rows NumPy is much faster than a query of polars."""
    return column.to_numpy().astype(np.float64, copy=False)


def _increase(instants_s: Floats, counter: Floats, edges: Floats, born: bool) -> float | None:
    read = ~np.isnan(counter)
    if not read.any():
        return None
    start, end = counter_at(edges, instants_s[read], counter[read], born=born)
    return float(end - start)


def complete_sum(parts: Iterable[float | None]) -> float | None:
    """The sum; None of nothing, or when one part is unknown: never a partial sum."""
    values = list(parts)
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
