"""The threads of a process: how often they got a core and how long they waited for one, and what each has used."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab.record.schema import ThreadRow
from lab.sampling.cgroups import read_file

NS = 1e-9
SWITCHES = ("\nvoluntary_ctxt_switches:", "\nnonvoluntary_ctxt_switches:")


class ThreadCount(NamedTuple):
    """Cumulative; ``runqueue_s`` is None where the kernel does not tell it."""

    switches: int
    runqueue_s: float | None


class Threads:
    """All threads that one process has had since it was first looked at: the sums do not fall when a thread ends."""

    def __init__(self) -> None:
        self._living: dict[str, ThreadCount] = {}
        self._ended: list[ThreadCount] = []
        self._own: dict[str, int] = {}

    def read(self, proc: Path, pid: int) -> ThreadCount | None:
        """The sums now, without what a thread did after the last look before its end. None when the process ended."""
        living = _threads(proc, pid)
        if not living:
            return None
        # A count that fell is that of another thread to which the kernel gave the same number.
        ended = [old for tid, old in self._living.items() if tid not in living or living[tid].switches < old.switches]
        self._ended = [_sum([*self._ended, *ended])] if ended else self._ended
        self._living = living
        return _sum([*self._ended, *living.values()])

    def rows(self, proc: Path, pid: int, started_s: float, t_s: float) -> Iterator[ThreadRow]:
        """A row for each thread that lives; none where the kernel does not count what a thread uses."""
        folder = f"{proc}/{pid}/task"
        for tid in _tids(folder):
            told, name = read_file(f"{folder}/{tid}/schedstat"), read_file(f"{folder}/{tid}/comm")
            own = self._own.get(tid) or _own_tid(f"{folder}/{tid}")
            if told and name and own:
                self._own[tid] = own
                cpu_s = int(told.split()[0]) * NS
                yield ThreadRow(t_s, pid, started_s, int(tid), own, name.removesuffix("\n"), cpu_s)


def _threads(proc: Path, pid: int) -> dict[str, ThreadCount]:
    folder = f"{proc}/{pid}/task"
    found = {tid: _count(f"{folder}/{tid}") for tid in _tids(folder)}
    return {tid: count for tid, count in found.items() if count is not None}


def _count(folder: str) -> ThreadCount | None:
    """Of one thread. The third number of schedstat is how often it got a core: once for each context switch."""
    if told := read_file(f"{folder}/schedstat"):
        _, waited_ns, arrivals = told.split()
        return ThreadCount(int(arrivals), int(waited_ns) * NS)
    if (status := read_file(f"{folder}/status")) is None:
        return None
    starts = (status.index(key) + len(key) for key in SWITCHES)
    return ThreadCount(sum(int(status[start : status.index("\n", start)]) for start in starts), None)


def _own_tid(folder: str) -> int | None:
    """The number of a thread in its innermost namespace, None when it has ended."""
    status = read_file(f"{folder}/status")
    own = status.partition("\nNSpid:")[2].partition("\n")[0].split() if status else []
    return int(own[-1]) if own else None


def _tids(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  no Path objects here
    except (FileNotFoundError, ProcessLookupError):
        return []


def _sum(counts: list[ThreadCount]) -> ThreadCount:
    waits = [count.runqueue_s for count in counts]
    return ThreadCount(
        sum(count.switches for count in counts),
        None if None in waits else sum(wait for wait in waits if wait is not None),
    )
