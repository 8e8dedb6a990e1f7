"""Workers that end and are replaced before the app is ready: their supervisor would go on so until the deadline."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.agent.calls import There
from lab.engines.endings import End, end_of
from lab.engines.known_endings import Sign
from lab.sampling.cgroups import read_file
from lab.sampling.process_tree import ProcessTrees, kinship

FIRST_LOOK_S = 2.0  # most apps are ready by then, and nothing was looked at beside their start
EVERY_S = 0.5
ROUNDS = 3  # so often each worker may end: one that is killed once comes again
VERSION = re.compile(r"[\d.]+$")
SHELLS = ("sh", "bash", "dash", "ash", "busybox")  # what they fork is a part of a script
SPAWNED = "multiprocessing"  # in the command line of a process that Python's module of that name has started
TITLE = ": worker"  # of gunicorn's, where it may set one


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A process of a service: by ``pid`` and start, for pids are given out again; ``worker``: forked, or spawned.

    It runs its parent's program then, and no other that its parent would wait for.
    """

    pid: int
    started: int
    parent: int
    worker: bool


def members(first: int, proc: Path = Path("/proc")) -> tuple[Member, ...]:
    """The living processes of one service, by its first."""
    trees = ProcessTrees({"": first}, proc)
    trees.update()
    kin = {pid: found for pid in trees.pids("") if (found := kinship(proc, pid))}
    words = {pid: (read_file(f"{proc}/{pid}/cmdline") or "").rstrip("\0").split("\0") for pid in kin}
    return tuple(
        Member(
            pid=pid,
            started=each.started,
            parent=each.parent,
            worker=each.parent in words and is_worker(words[pid], words[each.parent]),
        )
        for pid, each in kin.items()
    )


def is_worker(words: Sequence[str], parent: Sequence[str]) -> bool:
    """Tell a worker by its command line and its parent's: ``/usr/bin/python3.13`` may be called ``python`` there."""
    name = _program(words)
    if name != _program(parent) or name in SHELLS:
        return False
    return list(words) == list(parent) or TITLE in words[0] or any(SPAWNED in word for word in words)


def _program(words: Sequence[str]) -> str:
    return VERSION.sub("", words[0].partition(": ")[0].rpartition("/")[2])


@dataclass(slots=True, kw_only=True)
class Watched:
    """A service of the app that may have a supervisor, and what was seen of it, by the supervisor.

    ``there``: calls where its processes are, None where those of all are.
    """

    name: str
    first: int
    workers: int
    ports: frozenset[int]
    there: There | None = None
    seen: Mapping[tuple[int, int], Member] = field(default_factory=dict)
    ended: Counter[int] = field(default_factory=Counter)
    looks: Counter[int] = field(default_factory=Counter)

    def note(self, found: Sequence[Member]) -> int:
        """Take note of who lives; gives how many workers of one living supervisor have ended so far, 0 for few.

        They end again and again then: those of a pool end together, when its work is done. A supervisor is no worker.
        """
        there = {(each.pid, each.started): each for each in found}
        supervisors = {each.pid for each in found if not each.worker}
        gone = Counter(self.seen[key].parent for key in self.seen.keys() - there.keys() if self.seen[key].worker)
        self.ended.update(gone)
        self.looks.update(gone.keys())
        self.seen = there
        often = (pid for pid in supervisors if self.looks[pid] >= ROUNDS)
        return max((self.ended[pid] for pid in often), default=0)


class Replaced:
    """A watch for services that replace their workers again and again; asked as often as one likes."""

    def __init__(
        self,
        services: Sequence[Watched],
        there: There,
        listens: Callable[[int], frozenset[int]],
        signs: Callable[[], Mapping[Sign, str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._there = there
        self._listens = listens
        self._signs = signs
        self._clock = clock
        self._next_s = clock() + FIRST_LOOK_S

    def look(self) -> End | None:
        """Tell of a service whose workers have all ended ROUNDS times.

        Where it shall have one worker, its first process may be the server itself, with processes of the app's: a
        supervisor is then told by its listening, as gunicorn's does. uvicorn's lets its workers do that.
        """
        if self._clock() < self._next_s:
            return None
        self._next_s = self._clock() + EVERY_S
        for service in self._services:
            ended = service.note((service.there or self._there)(members, service.first))
            if ended >= ROUNDS * service.workers and (service.workers > 1 or self._listening(service)):
                how = f"replaces workers that end: {ended} of them before the app was ready"
                return end_of(f"service {service.name!r}", how, self._signs())
        return None

    def _listening(self, service: Watched) -> bool:
        return bool((service.there or self._there)(self._listens, service.first) & service.ports)
