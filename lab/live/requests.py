"""Follow the files of a trial that still runs, and its requests: how many, how fast, served by which process."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.load.inside.recording import ARRIVAL, ROW
from lab.load.inside.status import read_status
from lab.load.load_plan import LoadPlan
from lab.load.request_table import DTYPE
from lab.record.schema import ConnectionRow
from lab.sampling.channel import FOLDER

FASTEST_S = 1e-6
STEP = 0.01  # buckets of one per cent: nearer than anybody reads a moving number
BUCKETS = 2_000  # up to 7 minutes
INSTANTS = ("scheduled_s", "sent_s", "done_s")
Counts = npt.NDArray[np.int64]


class Tail:
    """A reader of what a growing file has gained. Half a record waits for its rest; no file is no gain."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def rows(self) -> list[list[str]]:
        """The rows of a CSV file whose last line has ended. A row may be cut where a field holds a line break."""
        gained = self._gained()
        whole = gained[: gained.rfind(b"\n") + 1]
        self._offset += len(whole)
        return list(csv.reader(whole.decode(errors="replace").splitlines(keepends=True)))

    def records(self, size: int) -> bytes:
        """Whole records of ``size`` bytes each."""
        gained = self._gained()
        whole = gained[: len(gained) // size * size]
        self._offset += len(whole)
        return whole

    def _gained(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                return file.read()
        except FileNotFoundError:  # not begun yet, or collected already
            return b""


class GrowingTable:
    """Some columns of a table that the sampler is writing, as a frame: the last ``keep_s`` seconds of its rows.

    ``schema`` is that of the whole table, in the hub; its first column is ``t_s``.
    """

    def __init__(self, path: Path, schema: Mapping[str, Any], columns: Iterable[str], keep_s: float = inf) -> None:
        self._tail, self._keep_s, self._width = Tail(path), keep_s, len(schema)
        places = {name: place for place, name in enumerate(schema)}
        self._schema = pl.Schema({name: schema[name] for name in columns})
        self._parsers = [(name, places[name], _parser(kind)) for name, kind in self._schema.items()]
        self._frame = pl.DataFrame(schema=self._schema)

    def gain(self) -> pl.DataFrame:
        """All rows that are kept, after reading what is new. A row that is cut is left out, and so is the heading."""
        rows = [row for row in self._tail.rows() if len(row) == self._width and row[0] != "t_s"]
        if rows:  # parsed here: for a dozen rows that takes a third of what polars' own reader takes
            new = {name: [parse(row[place]) for row in rows] for name, place, parse in self._parsers}
            self._frame = pl.concat([self._frame, pl.DataFrame(new, schema=self._schema)], rechunk=True)
            if self._keep_s < inf:
                self._frame = self._frame.filter(pl.col("t_s") >= pl.col("t_s").max() - self._keep_s)
        return self._frame


def _parser(kind: pl.DataType) -> Callable[[str], Any]:
    """From the text of a field to its value; empty is unknown, but for texts, of which none is missing."""
    if kind == pl.String:
        return str
    of_number: Callable[[str], Any] = int if kind.is_integer() else float
    return lambda text: of_number(text) if text else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFigures:
    """Successful arrivals of one phase so far: how many a second, and quantiles of their response time (METHOD 1.3).

    In the closed model, which schedules nothing, it is the service time. ``lag_p99_s`` is how late arrivals left, of
    all of them; None in the closed model. None: nothing to say yet.
    """

    per_second: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    lag_p99_s: float | None = None


class RequestFollower:
    """Reads the recordings of the load processes as they grow; ``raw`` is the folder of a LoadPlan.

    Memory and time for one look stay flat: latencies are kept as a histogram.
    """

    def __init__(self, raw: Path) -> None:
        self._raw = raw
        self._plan: LoadPlan | None = None
        self._tails: list[Tail] = []
        self._ahead_s: list[float] = []
        self._connections = Tail(raw.parent / FOLDER / "connections.csv")
        self._owners: dict[tuple[str, int], int] = {}
        self._by_pid: Counter[int] = Counter()
        self._phase_start_s = 0.0
        self._begin(0.0)

    def _begin(self, phase_start_s: float) -> None:
        self._phase_start_s = phase_start_s
        self._first_s, self._latest_s = inf, 0.0
        self._arrivals = 0
        self._times: Counts = np.zeros(BUCKETS, dtype=np.int64)
        self._lags: Counts = np.zeros(BUCKETS, dtype=np.int64)

    def look(self, phase_start_s: float | None) -> RequestFigures:
        """The figures of the phase that began at ``phase_start_s`` (CLOCK_MONOTONIC); a later one begins anew."""
        if phase_start_s is not None and phase_start_s > self._phase_start_s:
            self._begin(phase_start_s)
        for rows in self._new_rows():
            self._count(rows)
        span_s = self._latest_s - self._first_s
        return RequestFigures(
            per_second=(self._arrivals - 1) / span_s if span_s > 0 else None,
            p50_s=_quantile(self._times, 0.50),
            p99_s=_quantile(self._times, 0.99),
            lag_p99_s=_quantile(self._lags, 0.99) if self._open else None,
        )

    def served(self) -> Mapping[str, int]:
        """Requests so far by server: the app's own name, an upstream's address, or ``pid-N``, whichever is known."""
        if self._by_pid:
            return {f"pid-{pid}": count for pid, count in self._by_pid.items()}
        counts: Counter[str] = Counter()
        if self._plan is not None:
            for process in range(self._plan.load_processes):
                status = read_status(self._plan.status_file(process))
                tally = status.tally if status else {}
                counts.update(tally.get("headers") or tally.get("upstreams") or {})
        return counts

    def _new_rows(self) -> Iterator[npt.NDArray[np.void]]:
        if self._plan is None:
            try:
                self._plan = LoadPlan.read(self._raw / "plan.json")
            except (FileNotFoundError, ValueError):  # the load has not begun, or is writing its plan at this moment
                return
            self._tails = [Tail(self._plan.recording_file(number)) for number in range(self._plan.load_processes)]
        for row in self._connections.rows():
            if len(row) == len(ConnectionRow._fields) and row[1].isdecimal():
                self._owners[row[-1] if self._plan.led else "", int(row[1])] = int(row[2])
        for number, tail in enumerate(self._tails):
            rows = np.frombuffer(tail.records(ROW.size), dtype=DTYPE)
            self._count_owners(rows, self._plan.status_file(number) if self._plan.led else None)
            yield self._by_own_clock(rows, number)

    def _count_owners(self, rows: npt.NDArray[np.void], told: Path | None) -> None:
        """Count requests by who held their connections; ``told``: the status of a machine that is one of several."""
        if not self._owners or not len(rows):
            return
        status = read_status(told) if told else None
        addresses = status.tally.get("addresses", []) if status else [""]
        ports, counts = np.unique(rows["client_port"], return_counts=True)
        for port, count in zip(ports.tolist(), counts.tolist(), strict=True):
            for address in addresses:
                if (owner := (address, port)) in self._owners:
                    self._by_pid[self._owners[owner]] += count

    def _by_own_clock(self, rows: npt.NDArray[np.void], process: int) -> npt.NDArray[np.void]:
        """Instants of this machine's clock; that of another one is told before it writes a row."""
        if len(rows) and not self._ahead_s and self._plan is not None and self._plan.clocks_file.exists():
            self._ahead_s = json.loads(self._plan.clocks_file.read_bytes())
        ahead_s = self._ahead_s[process % len(self._ahead_s)] if self._ahead_s else 0.0
        if ahead_s:
            rows = rows.copy()
            for instant in INSTANTS:
                rows[instant] -= ahead_s
        return rows

    def _count(self, rows: npt.NDArray[np.void]) -> None:
        begun = rows["scheduled_s"] if self._open else rows["sent_s"]
        wanted = (rows["kind"] == ARRIVAL) & (begun >= self._phase_start_s) & np.isfinite(rows["sent_s"])
        if not wanted.any():
            return
        self._arrivals += int(wanted.sum())
        self._first_s = min(self._first_s, float(begun[wanted].min()))
        self._latest_s = max(self._latest_s, float(begun[wanted].max()))
        good = wanted & (rows["error"] == 0) & np.isfinite(rows["done_s"])
        self._times += _histogram(rows["done_s"][good] - begun[good])
        self._lags += _histogram(rows["sent_s"][wanted] - begun[wanted])

    @property
    def _open(self) -> bool:
        return self._plan is not None and self._plan.open_model


def _histogram(durations_s: npt.NDArray[np.float64]) -> Counts:
    places = np.log(np.maximum(durations_s, FASTEST_S) / FASTEST_S) / np.log1p(STEP)
    return np.bincount(np.minimum(places.astype(np.int64), BUCKETS - 1), minlength=BUCKETS)


def _quantile(histogram: Counts, quantile: float) -> float | None:
    cumulated = np.cumsum(histogram)
    if not cumulated[-1]:
        return None
    place = int(np.searchsorted(cumulated, quantile * cumulated[-1]))
    return float(FASTEST_S * (1 + STEP) ** (place + 0.5))
