"""Follow the files of a trial that still runs, and its requests: how many, how fast, served by which process."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lab.live.figures import RequestFigures
from lab.live.growing import Tail
from lab.live.machines import Machines
from lab.load.inside.recording import ARRIVAL, ROW
from lab.load.inside.status import read_status
from lab.load.load_plan import LoadPlan
from lab.load.request_table import DTYPE

FASTEST_S = 1e-6
STEP = 0.01  # buckets of one per cent: nearer than anybody reads a moving number
BUCKETS = 2_000  # up to 7 minutes
INSTANTS = ("scheduled_s", "sent_s", "done_s")
Counts: TypeAlias = npt.NDArray[np.int64]
ProcessId: TypeAlias = tuple[str, int]  # node and pid: each machine gives out the same pids


class RequestFollower:
    """Reads the recordings of the load processes as they grow; ``raw`` is the folder of a LoadPlan.

    ``machines`` are those of the trial, where it is seen who holds the connections. Memory and time for one look stay
    flat: latencies are kept as a histogram.
    """

    def __init__(self, raw: Path, machines: Machines) -> None:
        self._raw, self._machines = raw, machines
        self._plan: LoadPlan | None = None
        self._tails: list[Tail] = []
        self._ahead_s: list[float] = []
        self._owners: dict[tuple[str, int], ProcessId] = {}
        self._by_process: Counter[ProcessId] = Counter()
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

    def served(self) -> Mapping[str | ProcessId, int]:
        """Requests so far by server: the app's own name, an upstream's address, or a process, whichever is known."""
        if self._by_process:
            return dict(self._by_process)
        counts: Counter[str | ProcessId] = Counter()
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
        for machine in self._machines.found():
            for client, port, pid in machine.connections():
                self._owners[client if self._plan.led else "", port] = (machine.node, pid)
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
                    self._by_process[self._owners[owner]] += count

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
