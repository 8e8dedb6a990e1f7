"""Raw recordings → the request table (types.REQUESTS), in bounded memory however long the run was."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from lab.errors import LoadError
from lab.load.inside.recording import ARRIVAL, COLUMNS, DROP, EMPTY, KINDS, strings_file
from lab.record.types import REQUESTS, Phase

DTYPE = np.dtype(list(COLUMNS))
CHUNK_ROWS = 32_768
DAMAGED = "the trial cannot be used; look for a full or failing disk, and run it again"
ROW_GROUP = 65_536  # merging 0.5 or 4 million rows takes 70 MB; four times as many rows a group take 130 MB
RESUMPTIONS = (None, 0, 1)  # of openings.NO_TLS, FULL, RESUMED
NEAR_S = 1.0  # two steps of the sampler's grid, so that one skipped reading loses nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """CLOCK_MONOTONIC instants between the phases of a load run."""

    warmup_start_s: float
    measure_start_s: float
    measure_end_s: float
    finished_s: float

    def ahead(self, seconds: float) -> Self:
        """The same instants on a clock that is ahead by so much."""
        return type(self)(
            warmup_start_s=self.warmup_start_s + seconds,
            measure_start_s=self.measure_start_s + seconds,
            measure_end_s=self.measure_end_s + seconds,
            finished_s=self.finished_s + seconds,
        )


def read_rows(path: Path, chunk_rows: int = CHUNK_ROWS, dtype: np.dtype[np.void] = DTYPE) -> Iterator[NDArray[np.void]]:
    """The rows of a recording in chunks, columns as in recording.COLUMNS; a half-written last row is left out."""
    with path.open("rb") as file:
        while data := file.read(chunk_rows * dtype.itemsize):
            yield np.frombuffer(data, dtype=dtype, count=len(data) // dtype.itemsize)


def read_strings(path: Path) -> pl.Series:
    """The string table of a recording; position 0 is null, a half-written last line is left out.

    Raises LoadError when a line is no string.
    """
    source = strings_file(path)
    lines = source.read_bytes().split(b"\n")[:-1]
    try:
        texts = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise LoadError(f"{source}: not the strings of a recording: {error}", DAMAGED) from None
    if not all(isinstance(text, str) for text in texts):
        raise LoadError(f"{source}: not the strings of a recording: a line is no string", DAMAGED)
    return pl.Series([None, *(text.encode(errors="replace").decode() for text in texts)], dtype=pl.String)


def _require_known(path: Path, strings: pl.Series) -> None:
    """Raise LoadError when a row refers to a string or a kind that does not exist."""
    for rows in read_rows(path):
        texts = max(int(rows[column].max(initial=0)) for column in ("name", "server", "error"))
        words = {"kind": KINDS, "secured": RESUMPTIONS}
        unknown = any(int(rows[column].max(initial=0)) >= len(known) for column, known in words.items())
        if texts >= len(strings) or unknown:
            raise LoadError(f"{path}: not the rows of a recording: a string or a kind does not exist", DAMAGED)


def request_frame(
    rows: NDArray[np.void],
    strings: pl.Series,
    marks: Marks,
    t0_monotonic_s: float,
    *,
    upstream: bool,
    connections: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One chunk as the request table, instants relative to ``t0_monotonic_s``.

    The phase is that of the scheduled instant, else that of the sending. ``served_by`` has one source, or a process
    would go by two names: with ``connections`` (types.CONNECTIONS) the owners of the sockets; with ``upstream`` False
    it leaves out servers that are known by the balancer's address only, because others are known by the app's header.
    """
    counts = np.where(np.isnan(rows["scheduled_s"]), rows["sent_s"], rows["scheduled_s"])
    instants = {
        f"t_{name}_s": pl.Series(rows[f"{name}_s"] - t0_monotonic_s, nan_to_null=True)
        for name in ("scheduled", "sent", "done")
    }
    return pl.DataFrame(
        instants
        | {
            "status": rows["status"],
            "bytes": rows["bytes"],
            "name": strings.gather(pl.Series(rows["name"])),
            "served_by": _served_by(rows, strings, instants["t_done_s"], upstream, connections),
            "phase": phases(counts, marks),
            "kind": pl.Series(KINDS).gather(pl.Series(rows["kind"])),
            "error": strings.gather(pl.Series(rows["error"])),
            "lane": rows["lane"],
            "opened_s": pl.Series(rows["opened_s"], nan_to_null=True),
            "resumed": pl.Series(RESUMPTIONS).gather(pl.Series(rows["secured"])),
        },
        schema=dict(REQUESTS),
    )


def _served_by(
    rows: NDArray[np.void], strings: pl.Series, done_s: pl.Series, upstream: bool, connections: pl.DataFrame | None
) -> pl.Series:
    if connections is not None:
        return owners(pl.Series(rows["client_port"]), done_s, connections)
    known = np.where((rows["upstream"] == 1) & (not upstream), 0, rows["server"])
    return strings.gather(pl.Series(known))


def write_request_table(
    recordings: Sequence[Path],
    target: Path,
    marks: Marks,
    t0_monotonic_s: float,
    *,
    upstream: bool,
    connections: Sequence[pl.DataFrame | None] = (),
    ahead_s: Sequence[float] = (),
) -> None:
    """Merge the recordings of all load processes into one Parquet file; see ``request_frame``.

    ``connections``: those of each recording; none: of no one. ``ahead_s``: by how much the clock of each recording is
    ahead of that of the other instants; none: it is the same.
    Raises LoadError when a recording is damaged.
    """

    known = {path: read_strings(path) for path in recordings}
    for path, strings in known.items():
        _require_known(path, strings)  # before anything is written: an error in the midst of it leaves half a file

    def frames() -> Iterator[pl.DataFrame]:
        clocks, held = ahead_s or [0.0] * len(known), connections or [None] * len(known)
        for (path, strings), ahead, of in zip(known.items(), clocks, held, strict=True):
            own, t0_s = marks.ahead(ahead), t0_monotonic_s + ahead
            for rows in read_rows(path):
                yield request_frame(rows, strings, own, t0_s, upstream=upstream, connections=of)

    sink(frames, REQUESTS, target)


def arrival_rows(path: Path) -> int:
    """How many rows of a recording are arrivals, sent or not."""
    return sum(int(np.isin(rows["kind"], (ARRIVAL, DROP, EMPTY)).sum()) for rows in read_rows(path))


def sink(frames: Callable[[], Iterator[pl.DataFrame]], schema: Mapping[str, Any], target: Path) -> None:
    """Write frames to one Parquet file as they come."""
    source = register_io_source(lambda *_pushed_down: frames(), schema=dict(schema))
    source.sink_parquet(target, row_group_size=ROW_GROUP, engine="streaming")


def phases(instants_s: NDArray[np.float64], marks: Marks) -> pl.Series:
    """The phase of each CLOCK_MONOTONIC instant."""
    places = np.searchsorted([marks.measure_start_s, marks.measure_end_s], instants_s, side="right")
    return pl.Series([Phase.WARMUP.value, Phase.MEASURE.value, Phase.COOLDOWN.value]).gather(pl.Series(places))


def owners(client_ports: pl.Series, done_s: pl.Series, connections: pl.DataFrame) -> pl.Series:
    """``service:pid`` for each request, from its connection's client port and the instant of its answer.

    ``connections`` has the columns of types.CONNECTIONS, instants on the same clock. The kernel gives ports out
    again, so the reading nearest in time decides, and one more than ``NEAR_S`` away decides nothing: null, as for a
    connection that was never seen, a port that is 0 and a request without an answer.
    """
    asked = pl.DataFrame({"client_port": client_ports, "t_s": done_s}).with_row_index("row").drop_nulls().sort("t_s")
    seen = connections.select("t_s", "client_port", pl.format("{}:{}", "service", "pid").alias("owner")).sort("t_s")
    nearest = asked.join_asof(
        seen,
        on="t_s",
        by="client_port",
        strategy="nearest",
        tolerance=NEAR_S,
        check_sortedness=False,  # polars cannot check it within groups, and warns of that
    )
    rows = pl.DataFrame({"row": pl.arange(len(client_ports), dtype=pl.get_index_type(), eager=True)})
    return rows.join(nearest, on="row", how="left", maintain_order="left")["owner"]
