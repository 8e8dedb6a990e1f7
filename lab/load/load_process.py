"""The load of one trial while it runs: K load processes, watched together."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from lab.errors import LoadError
from lab.host.interrupts import INTERRUPTS
from lab.load.child import STEP_S, death, log_tail
from lab.load.inside.status import Status, error_of, read_status
from lab.load.lead import Lead
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.outcome import LoadOutcome, LoadProgress, outcome, progress
from lab.load.place import HERE, Child, Place
from lab.load.relay import Relay

READ_S = 120.0  # to import Locust and to read the locustfile, on a busy machine
SILENCE_S = 30.0  # a load process reports four times a second
STOP_S = 5.0  # a finished Locust runs the locustfile's on_stop and test_stop
CLOSE_S = 30.0  # of a load by hand whose users have stopped


class LoadProcess:
    """The load of one trial: all its load processes together. They wait until ``users`` is entered."""

    def __init__(
        self, plan: LoadPlan, children: list[Child], silence_s: float = SILENCE_S, place: Place = HERE
    ) -> None:
        self._master: tuple[Child, Relay] | None = None
        self._plan = plan
        self._place = place
        self._silence_s = silence_s
        self._children = children
        self._heard_s = [time.monotonic()] * plan.load_processes
        self._statuses = [Status() for _ in range(plan.load_processes)]
        self._lead = Lead(plan, place.machines)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the load processes, and of what relays for them, machine by machine."""
        return tuple(pid for pids in self.pids_by_machine for pid in pids)

    @property
    def pids_by_machine(self) -> tuple[tuple[int, ...], ...]:
        """The same of each machine that drives load; one machine gives out the pids of another too."""
        machines, children = self._place.machines, self._all_children
        return tuple(
            (*place.pids, *(child.pid for child in children[number :: len(machines)]))
            for number, place in enumerate(machines)
        )

    @property
    def mastered(self) -> bool:
        """Whether they follow a shape of the locustfile together: a master says how many users each has."""
        return any(status.mastered for status in self._statuses) and not self._plan.by_hand

    @property
    def _all_children(self) -> list[Child]:
        return [*self._children, *([self._master[0]] if self._master else [])]

    def take_master(self, master: Child, relay: Relay) -> None:
        """Watch this one as well: the Locust whose workers the load processes are."""
        self._master = master, relay

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be said on how the locustfile is run, each once."""
        return tuple(dict.fromkeys(remark for status in self._statuses for remark in status.remarks))

    def wait_until_it_is_read(self) -> None:
        """Return when every load process has read the locustfile. Raises LoadError as ``poll`` does."""
        self._wait(lambda status: bool(status.tally) or status.mastered)

    def wait_until_it_waits(self) -> None:
        """Return when every load process waits for the arm. Raises LoadError as ``poll`` does."""
        self._wait(lambda status: bool(status.tally))

    def _wait(self, done: Callable[[Status], bool]) -> None:
        while not all(map(done, self._statuses)):
            self.poll()
            time.sleep(STEP_S)

    @contextmanager
    def users(self, fallback: Fallback, header: str) -> Iterator[None]:
        """The arm is up: users come, warm-up and measure phase follow. On leaving the load processes have ended.

        ``header`` of the app's answers tells who served, "" for none; without it the ``fallback`` does: the owner of
        the connection's socket, the balancer's upstream address (only where each has one process), or not at all.
        """
        self._heard_s = [time.monotonic()] * len(self._children)
        for child in self._all_children:
            child.tell(fallback=fallback, header=header)
        try:
            yield
        finally:
            if self._master:  # first: it would deal out the users of those that end
                self._master[0].end(0.0)
            for child, status in zip(self._children, self._statuses, strict=True):
                child.end(0.0 if status.finished_s is None else STOP_S)

    def poll(self) -> LoadProgress:
        """Tell how far the load is. Raises LoadError when a load process refused the plan, died or fell silent."""
        for process, child in enumerate(self._children):
            ended = child.exit(0.0)  # before the status, which a process writes before it ends
            self._listen(process)
            if self._statuses[process].finished_s is None:
                if ended is not None:
                    raise death(self._called(process), ended, child.log)
                self._check_heard(process, child)
        if self._master:
            self._watch(*self._master)
        self._lead.look(self._statuses)
        return progress(self._statuses, self._place.clock_offset_s)

    def _check_heard(self, process: int, child: Child) -> None:
        """It says first that it has read the locustfile."""
        silent_s, begun = time.monotonic() - self._heard_s[process], self._statuses[process] != Status()
        if silent_s <= (self._silence_s if begun else READ_S):
            return
        missing = f"reported for {self._silence_s:.0f} s" if begun else f"read the locustfile within {READ_S:.0f} s"
        why = (
            "the locustfile keeps the event loop busy (a long computation, or I/O that is not gevent's)"
            if begun
            else "the locustfile takes long to import (a download, or a computation), or the machine is busy"
        )
        cut_off = f", or node {node} is cut off" if (node := self._node(process)) else ""
        raise LoadError(f"{self._called(process)} has not {missing}", f"{why}{cut_off}; {log_tail(child.log)}")

    def _watch(self, master: Child, relay: Relay) -> None:
        relay.check()
        ended, told = master.exit(0.0), read_status(self._plan.status_file(self._plan.load_processes))
        if told and told.refusal:
            raise error_of(told.refusal)
        if ended is not None and any(status.finished_s is None for status in self._statuses):
            where = f" on node {node}" if (node := self._node(0)) else ""
            raise death(f"Locust's master{where}", ended, master.log)

    def close(self) -> Sequence[Status]:
        """End a load by hand, whose users have stopped; what each load process has recorded is here, and how.

        Raises LoadError as ``poll`` does.
        """
        for child in self._children:
            child.tell(close=True)
        give_up_at = time.monotonic() + CLOSE_S
        while not self.poll().finished:
            if time.monotonic() >= give_up_at:
                said = f"the load processes have not ended their visit for {CLOSE_S:.0f} s"
                raise LoadError(said, log_tail(self._children[0].log))
            time.sleep(STEP_S)
        return self._statuses

    def nap(self, seconds: float) -> None:
        """Wait; an interrupt raises KeyboardInterrupt here."""
        with INTERRUPTS.admitted():
            time.sleep(seconds)

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        """Write the request table, check it against the counters, remove the raw recordings.

        Instants in the table, and in the ``connections`` (types.CONNECTIONS) by which requests are attributed when
        the fallback is "socket", are relative to ``t0_monotonic_s``; those in the outcome are CLOCK_MONOTONIC.
        Raises LoadError when the load has not finished, or when an arrival was lost.
        """
        if any(status.finished_s is None for status in self._statuses):
            raise LoadError("the load has not finished")
        for process, child in enumerate(self._children):
            child.exit(STOP_S)  # it ends by itself, and says with which exit code
            self._listen(process)
        clocks = tuple(place.clock() for place in self._place.machines)
        offsets_s = [place.clock_offset_s for place in self._place.machines]
        found = outcome(self._plan, self._statuses, target, t0_monotonic_s, connections, offsets_s=offsets_s)
        shutil.rmtree(self._plan.raw)
        return replace(found, clocks=clocks)

    def _called(self, process: int) -> str:
        node = self._node(process)
        return f"load process {process}{f' on node {node}' if node else ''}"

    def _node(self, process: int) -> str:
        machines = self._place.machines
        return machines[process % len(machines)].node

    def _listen(self, process: int) -> None:
        status = read_status(self._plan.status_file(process))
        if status and status != self._statuses[process]:
            self._statuses[process] = status
            self._heard_s[process] = time.monotonic()
        if status and status.refusal:
            raise error_of(status.refusal)
