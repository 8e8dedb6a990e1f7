"""The processes of a service that has no cgroup: the session of its first process, and all descendants.

The session is the anchor: a worker whose supervisor has died gets another parent, but stays in its session. A process
that leaves both, by ``setsid`` and the death of its parent, is followed if it was seen before.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lab.sampling.cgroups import read_file

PARENT, SESSION, STARTED = 1, 3, 19  # fields of /proc/PID/stat, counted after the name (man 5 proc_pid_stat)


class Kinship(NamedTuple):
    """The kernel's word on a process: its parent, its session, and when it started (clock ticks since boot)."""

    parent: int
    session: int
    started: int


class Seen(NamedTuple):
    """A member of a tree: the service, and the start by which a pid that was given out again is told apart."""

    service: str
    started: int


class ProcessTrees:
    """The process trees of an arm. ``roots``: service → pid of its first process, which leads a session of its own.

    Only processes that were not there before are looked at: a stranger never becomes a member later.
    """

    def __init__(self, roots: Mapping[str, int], proc: Path = Path("/proc")) -> None:
        self._sessions = {pid: service for service, pid in roots.items()}
        self._proc = proc
        self._members: dict[int, Seen] = {}
        self._strangers: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._sessions)

    def update(self, *, look_again: bool = False) -> None:
        """See who has come and gone. ``look_again``: believe nothing of before but who the members were."""
        listed = {int(name) for name in os.listdir(self._proc) if name.isdigit()}  # noqa: PTH208  at each reading
        self._strangers = set() if look_again else self._strangers & listed
        before = {pid: seen for pid, seen in self._members.items() if pid in listed}
        known = {} if look_again else before
        looked = {pid: kin for pid in listed - known.keys() - self._strangers if (kin := kinship(self._proc, pid))}
        self._members = known | {
            pid: before[pid] for pid, kin in looked.items() if pid in before and before[pid].started == kin.started
        }
        self._adopt({pid: kin for pid, kin in looked.items() if pid not in self._members})

    def pids(self, service: str) -> list[int]:
        """The members of one service at the last update, in order of their pids."""
        return sorted(pid for pid, seen in self._members.items() if seen.service == service)

    def _adopt(self, candidates: dict[int, Kinship]) -> None:
        """Sort newcomers into members and strangers; a child may have been listed before its parent."""
        found = True
        while found:
            found = False
            for pid, kin in list(candidates.items()):
                if (service := self._service(kin)) is not None:
                    self._members[pid] = Seen(service, kin.started)
                    del candidates[pid]
                    found = True
        self._strangers |= candidates.keys()

    def _service(self, kin: Kinship) -> str | None:
        if kin.session in self._sessions:
            return self._sessions[kin.session]
        parent = self._members.get(kin.parent)
        return parent.service if parent else None


def tree_pids(first: int, proc: Path = Path("/proc")) -> list[int]:
    """The living processes of one tree, looked up once; empty when all have ended."""
    trees = ProcessTrees({"": first}, proc)
    trees.update()
    return trees.pids("")


def without_folders(command: str) -> str:
    """Programs by their names alone, ``python uvicorn app.main:app``: their folders in a cache are long."""
    return " ".join(word.rpartition("/")[2] if "/bin/" in word else word for word in command.split(" "))


def kinship(proc: Path, pid: int) -> Kinship | None:
    """The process's place among the others; None when it has ended."""
    text = read_file(f"{proc}/{pid}/stat")
    if not text:
        return None
    fields = text.rpartition(")")[2].split()
    return Kinship(int(fields[PARENT]), int(fields[SESSION]), int(fields[STARTED]))


def pid_inside(pid: int, proc: Path = Path("/proc")) -> int | None:
    """The process id that a process has in its own namespace; None when it has ended."""
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    numbers = status.partition("\nNSpid:")[2].partition("\n")[0].split()
    return int(numbers[-1]) if numbers else pid
