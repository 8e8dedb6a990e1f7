"""Raw recordings → the table of the locustfile's own events (types.USER_EVENTS), as it does with requests."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.errors import LoadError
from lab.load.inside.recording import EVENT_COLUMNS, events_file
from lab.load.request_table import CHUNK_ROWS, DAMAGED, Marks, phases, read_rows, read_strings, sink
from lab.record.types import USER_EVENTS

DTYPE = np.dtype(list(EVENT_COLUMNS))
TEXTS = ("type", "name", "error")


def write_event_table(
    recordings: Sequence[Path], target: Path, marks: Marks, t0_monotonic_s: float, *, ahead_s: Sequence[float] = ()
) -> int:
    """Merge the events of all load processes into one Parquet file, of none into no file; the number of events.

    ``ahead_s``: as lab.load.request_table has it.
    Raises LoadError when a recording is damaged.
    """
    known = {events_file(path): read_strings(path) for path in recordings}
    count = 0
    for path, strings in known.items():
        for rows in read_rows(path, CHUNK_ROWS, DTYPE):
            count += len(rows)
            if max(int(rows[column].max(initial=0)) for column in TEXTS) >= len(strings):
                raise LoadError(f"{path}: not the events of a recording: a string does not exist", DAMAGED)

    def frames() -> Iterator[pl.DataFrame]:
        for (path, strings), ahead in zip(known.items(), ahead_s or [0.0] * len(known), strict=True):
            own, t0_s = marks.ahead(ahead), t0_monotonic_s + ahead
            for rows in read_rows(path, CHUNK_ROWS, DTYPE):
                yield event_frame(rows, strings, own, t0_s)

    if count:
        sink(frames, USER_EVENTS, target)
    return count


def event_frame(rows: NDArray[np.void], strings: pl.Series, marks: Marks, t0_monotonic_s: float) -> pl.DataFrame:
    """One chunk as the event table, instants relative to ``t0_monotonic_s``."""
    texts = {column: strings.gather(pl.Series(rows[column])) for column in TEXTS}
    numbers = {column: pl.Series(rows[column], nan_to_null=True) for column in ("value", "length")}
    placed = {"t_s": rows["t_s"] - t0_monotonic_s, "phase": phases(rows["t_s"], marks), "lane": rows["lane"]}
    return pl.DataFrame(texts | numbers | placed, schema_overrides=dict(USER_EVENTS)).select(*USER_EVENTS)
