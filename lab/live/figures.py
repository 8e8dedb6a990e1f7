"""DO: what the processes of a trial use while it runs, read from the files that sampler and load are writing.

Reading is all it does: nobody is asked anything, so looking does not disturb what is measured.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.live.files import Tail, number
from lab.live.requests import RequestFigures, RequestFollower
from lab.plan.kinds import Role
from lab.sampling.launch import FOLDER
from lab.sampling.roles import ProcessKey
from lab.sampling.rows import HostRow, ProcessRow

WINDOW_S = 2.0  # CPU time comes in ticks of 10 ms: half a second would show steps of 2 %
ORDER = {role: place for place, role in enumerate((Role.PROXY, Role.SUPERVISOR, Role.WORKER, Role.HELPER))}
LEADING_PID = re.compile(r"(\d+)\b")
OWN_PID = re.compile(r"^pid-(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFigures:
    """One process of the arm right now: ``cpu`` in cores over the last two seconds, ``share`` of the requests so far.

    None: not known (yet).
    """

    pid: int
    role: Role
    service: str
    cpu: float | None
    pss_bytes: int | None
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """One look at a trial. ``processes`` by role and service, without those of the platform.

    ``load_cpu`` is the busiest load process, in cores.
    """

    processes: tuple[ProcessFigures, ...] = ()
    load_cpu: float | None = None
    requests: RequestFigures = field(default_factory=RequestFigures)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The processes as plain values, for JSON."""
        return [asdict(process) | {"role": process.role.value} for process in self.processes]


class TrialFollower:
    """Follows one trial; ``staging`` is the folder in which its files grow.

    ``homes`` says which service a server's name or address belongs to, as far as attestation knows.
    """

    def __init__(self, staging: Path, homes: Mapping[str, str]) -> None:
        self._homes = homes
        self._processes = _Processes(Tail(staging / FOLDER / "processes.csv"))
        self._host = Tail(staging / FOLDER / "host.csv")
        self._load_cpu = _Rate()
        self._requests = RequestFollower(staging / "load")
        self._inside: dict[int, int | None] = {}

    def look(self, phase_start_s: float | None = None) -> LiveFigures:
        """The latest figures; requests are those of the phase that began at ``phase_start_s`` (CLOCK_MONOTONIC)."""
        for row in self._host.rows():
            if len(row) == len(HostRow._fields) and number(row[0]) is not None:
                spent_s = number(HostRow(*row).load_cpu_max_s)  # type: ignore[arg-type]  # text, not yet numbers
                if spent_s is not None:
                    self._load_cpu.add(float(row[0]), spent_s)
        requests = self._requests.look(phase_start_s)
        alive = self._processes.alive()
        shares = self._shares(alive)
        return LiveFigures(
            processes=tuple(
                ProcessFigures(
                    pid=row.pid,
                    role=row.role,
                    service=row.service,
                    cpu=row.cpu.value,
                    pss_bytes=row.pss_bytes,
                    share=shares.get(row.pid),
                )
                for row in alive
            ),
            load_cpu=self._load_cpu.value,
            requests=requests,
        )

    def _shares(self, alive: Iterable[_Followed]) -> Mapping[int, float]:
        """Share by pid; empty when nobody says who served, or when a server cannot be found among the processes."""
        workers = [row for row in alive if row.role is Role.WORKER]
        counts: dict[int, int] = {row.pid: 0 for row in workers}
        for server, count in self._requests.served().items():
            if (pid := self._pid_of(server, workers)) is None:
                return {}
            counts[pid] = counts.get(pid, 0) + count
        total = sum(counts.values())
        return {pid: count / total for pid, count in counts.items()} if total else {}

    def _pid_of(self, server: str, workers: list[_Followed]) -> int | None:
        if found := OWN_PID.match(server):
            return int(found[1])
        if service := self._homes.get(server):
            candidates = [row.pid for row in workers if row.service == service]
        elif found := LEADING_PID.match(server):  # how a process names itself inside its container
            candidates = [row.pid for row in workers if self._pid_inside(row.pid) == int(found[1])]
        else:
            candidates = []
        return candidates[0] if len(candidates) == 1 else None

    def _pid_inside(self, pid: int) -> int | None:
        if pid not in self._inside:
            self._inside[pid] = pid_inside(pid)
        return self._inside[pid]


def pid_inside(pid: int, proc: Path = Path("/proc")) -> int | None:
    """The process id that a process has in its own namespace; None when it has ended."""
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    numbers = status.partition("\nNSpid:")[2].partition("\n")[0].split()
    return int(numbers[-1]) if numbers else pid


class _Rate:
    """How fast a cumulative counter has grown over the last WINDOW_S."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, t_s: float, value: float) -> None:
        self._seen.append((t_s, value))
        while len(self._seen) > 2 and self._seen[1][0] <= t_s - WINDOW_S:
            self._seen.popleft()

    @property
    def value(self) -> float | None:
        if len(self._seen) < 2:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else None


@dataclass(slots=True)
class _Followed:
    pid: int
    role: Role
    service: str
    seen_s: float = 0.0
    pss_bytes: int | None = None
    cpu: _Rate = field(default_factory=_Rate)


class _Processes:
    """The process table so far: the latest state of each process."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._followed: dict[ProcessKey, _Followed] = {}
        self._latest_s = 0.0

    def alive(self) -> list[_Followed]:
        """Those in the latest reading, by role, service and pid."""
        for fields in self._tail.rows():
            if len(fields) == len(ProcessRow._fields) and number(fields[0]) is not None:
                self._note(ProcessRow(*fields))  # type: ignore[arg-type]  # text, not yet numbers
        self._followed = {key: row for key, row in self._followed.items() if row.seen_s == self._latest_s}
        return sorted(self._followed.values(), key=lambda row: (ORDER[row.role], row.service, row.pid))

    def _note(self, row: ProcessRow) -> None:
        role, t_s = Role(row.role), float(row.t_s)
        if role not in ORDER:
            return
        key = ProcessKey(int(row.pid), float(row.started_s))
        followed = self._followed.setdefault(key, _Followed(key.pid, role, row.service))
        followed.role = role  # a process becomes a supervisor when it has children
        followed.seen_s = self._latest_s = t_s
        followed.cpu.add(t_s, float(row.cpu_s))
        if (pss_bytes := number(row.pss_bytes)) is not None:
            followed.pss_bytes = int(pss_bytes)
