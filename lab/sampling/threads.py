"""How often the threads of a process were put on a core, and how long they waited for one: /proc/PID/task.

/proc/PID/schedstat and /proc/PID/status are those of the main thread alone, while FastAPI runs ``def`` endpoints in a
pool of others (Documentation/scheduler/sched-stats.rst, man 5 proc_pid_status).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

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


def _threads(proc: Path, pid: int) -> dict[str, ThreadCount]:
    folder = f"{proc}/{pid}/task"
    try:
        found = {tid: _count(f"{folder}/{tid}") for tid in os.listdir(folder)}  # noqa: PTH208  no Path objects here
    except FileNotFoundError:
        return {}
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


def _sum(counts: list[ThreadCount]) -> ThreadCount:
    waits = [count.runqueue_s for count in counts]
    return ThreadCount(
        sum(count.switches for count in counts),
        None if None in waits else sum(wait for wait in waits if wait is not None),
    )
