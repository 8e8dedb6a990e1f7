"""DO: what the gates on the machine would find right now, read from the files that the sampler is writing.

Only while a trial is measured: containers that start, and a load that begins, make any machine look busy.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from lab.live.files import Tail, number
from lab.plan.kinds import Role
from lab.sampling.launch import FOLDER
from lab.sampling.rows import CgroupRow, HostRow, ProcessRow

WINDOW_S = 5.0  # short enough to be called "now"; ticks of 10 ms are 0.1 % of two cores then
LEAST_S = 1.3  # of readings before anything is said: three steps of 2 Hz, the first and the last up to 0.1 s off

Row = TypeVar("Row", CgroupRow, HostRow, ProcessRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFigures:
    """``steal`` of all CPU time and ``foreign`` of all cores over the last WINDOW_S, counted as the gates count them.

    ``sampler`` in cores since measuring began: over a few seconds its bursts would alarm. None: not known (yet).
    """

    steal: float | None = None
    foreign: float | None = None
    sampler: float | None = None


class _Reading(NamedTuple):
    """One instant. All but ``t_s`` are cumulative CPU seconds; ``known_s`` is what arm, load, sampler and lab used."""

    t_s: float
    busy_s: float
    steal_s: float
    total_s: float
    sampler_s: float
    known_s: float | None


class MachineFollower:
    """Follows one trial; ``staging`` is the folder in which its files grow, ``cores`` are those of the machine."""

    def __init__(self, staging: Path, cores: int | None = None) -> None:
        self._cores = cores or os.cpu_count() or 1
        self._host = Tail(staging / FOLDER / "host.csv")
        self._arm = _ArmCpu(staging / FOLDER)
        self._engine: deque[tuple[float, float]] = deque()  # read rarely: two readings at least, however old
        self._measuring = False
        self._first: _Reading | None = None
        self._recent: deque[_Reading] = deque()

    def look(self, *, measuring: bool) -> MachineFigures:
        """The latest figures. What the first look at a phase finds was still written before it."""
        within, self._measuring = measuring and self._measuring, measuring
        rows = list(_rows(self._host, HostRow))
        self._arm.gain()  # afterwards: of one instant the sampler writes the host's row last
        for row in rows:
            self._note(row)
        if not within:
            self._first = None
            self._recent.clear()
        return self._figures()

    def _note(self, row: HostRow) -> None:
        t_s, sampler_s = float(row.t_s), float(row.sampler_cpu_s)
        known_s = _sum((self._arm.spent_s(t_s), number(row.load_cpu_s), sampler_s, number(row.lab_cpu_s)))
        reading = _Reading(t_s, float(row.busy_s), float(row.steal_s), float(row.total_s), sampler_s, known_s)
        self._first = self._first or reading
        self._recent.append(reading)
        while len(self._recent) > 2 and self._recent[1].t_s <= t_s - WINDOW_S:
            self._recent.popleft()
        if (engine_s := number(row.engine_cpu_s)) is not None:
            self._engine.append((t_s, engine_s))
            while len(self._engine) > 2 and self._engine[1][0] <= t_s - WINDOW_S:
                self._engine.popleft()

    def _figures(self) -> MachineFigures:
        if self._first is None or self._recent[-1].t_s - self._recent[0].t_s < LEAST_S:
            return MachineFigures()
        begin, first, last = self._first, self._recent[0], self._recent[-1]
        total_s = last.total_s - first.total_s
        return MachineFigures(
            steal=(last.steal_s - first.steal_s) / total_s if total_s > 0 else None,
            foreign=self._foreign(first, last),
            sampler=(last.sampler_s - begin.sampler_s) / (last.t_s - begin.t_s),
        )

    def _foreign(self, first: _Reading, last: _Reading) -> float | None:
        if first.known_s is None or last.known_s is None or len(self._engine) == 1:
            return None
        spent_s = (last.busy_s - first.busy_s) - (last.known_s - first.known_s)
        cores = spent_s / (last.t_s - first.t_s) - self._engine_cores()
        return max(0.0, cores) / self._cores

    def _engine_cores(self) -> float:
        """Nothing where there is no engine: its column stays empty."""
        if not self._engine:
            return 0.0
        (first_s, first), (last_s, last) = self._engine[0], self._engine[-1]
        return (last - first) / (last_s - first_s)


class _ArmCpu:
    """CPU of the arm so far: by its cgroups, or by its processes where there are none. What ended stays in the sum."""

    def __init__(self, folder: Path) -> None:
        self._cgroups, self._processes = Tail(folder / "cgroups.csv"), Tail(folder / "processes.csv")
        self._ahead: deque[tuple[float, Hashable, float | None]] = deque()
        self._spent: dict[Hashable, float | None] = {}
        self._contained = False

    def gain(self) -> None:
        """Read what is new."""
        for group in _rows(self._cgroups, CgroupRow):
            if group.container:  # a pool's parent cgroup has none, and holds its children's time again
                self._contained = True
                self._ahead.append((float(group.t_s), group.container, number(group.cpu_s)))
        for process in () if self._contained else _rows(self._processes, ProcessRow):
            if process.role != Role.PLATFORM:
                self._ahead.append((float(process.t_s), (process.pid, process.started_s), number(process.cpu_s)))

    def spent_s(self, until_s: float) -> float | None:
        """Cumulative CPU up to an instant, which never goes back; None when there is nothing, or a part is unknown."""
        while self._ahead and self._ahead[0][0] <= until_s:
            _, owner, cpu_s = self._ahead.popleft()
            self._spent[owner] = cpu_s
        return _sum(self._spent.values()) if self._spent else None


def _rows(tail: Tail, kind: type[Row]) -> Iterator[Row]:
    """The whole rows that a table has gained, without its heading; every field is still text."""
    for fields in tail.rows():
        if len(fields) == len(kind._fields) and number(fields[0]) is not None:
            yield kind._make(fields)


def _sum(values: Iterable[float | None]) -> float | None:
    """A sum with an unknown part is unknown."""
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)
