"""Start, watch and stop Locust: K child processes, each in its own process group, that never outlive the lab."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from lab.errors import LoadError
from lab.host.interrupts import INTERRUPTS
from lab.load.child import STEP_S, death, log_tail
from lab.load.inside.status import Status, error_of, read_status
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.outcome import LoadOutcome, LoadProgress, outcome, progress
from lab.load.place import HERE, Child, Place

__all__ = ["LoadOutcome", "LoadPlan", "LoadProcess", "LoadProgress", "Loads", "loads"]

SILENCE_S = 30.0  # a load process reports four times a second
STOP_S = 5.0  # a finished Locust runs the locustfile's on_stop and test_stop


class LoadProcess:
    """The load of one trial: all its load processes together. They wait until ``users`` is entered."""

    def __init__(
        self, plan: LoadPlan, children: list[Child], silence_s: float = SILENCE_S, place: Place = HERE
    ) -> None:
        self._plan = plan
        self._place = place
        self._silence_s = silence_s
        self._children = children
        self._heard_s = [time.monotonic()] * plan.load_processes
        self._statuses = [Status() for _ in range(plan.load_processes)]

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the load processes, and of what relays for them."""
        return (*self._place.pids, *(child.pid for child in self._children))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be said on how the locustfile is run, each once."""
        return tuple(dict.fromkeys(remark for status in self._statuses for remark in status.remarks))

    def wait_until_it_waits(self) -> None:
        """Return when every load process has read the locustfile. Raises LoadError as ``poll`` does."""
        while not all(status.tally for status in self._statuses):
            self.poll()
            time.sleep(STEP_S)

    @contextmanager
    def users(self, fallback: Fallback, header: str) -> Iterator[None]:
        """The arm is up: users come, warm-up and measure phase follow. On leaving the load processes have ended.

        ``header`` of the app's answers tells who served, "" for none; without it the ``fallback`` does: the owner of
        the connection's socket, the balancer's upstream address (only where each has one process), or not at all.
        """
        self._heard_s = [time.monotonic()] * len(self._children)
        for child in self._children:
            child.tell(fallback=fallback, header=header)
        try:
            yield
        finally:
            for child, status in zip(self._children, self._statuses, strict=True):
                child.end(0.0 if status.finished_s is None else STOP_S)

    def poll(self) -> LoadProgress:
        """Tell how far the load is. Raises LoadError when a load process refused the plan, died or fell silent."""
        for process, child in enumerate(self._children):
            ended = child.exit(0.0)  # before the status, which a process writes before it ends
            self._listen(process)
            if self._statuses[process].finished_s is None:
                if ended is not None:
                    raise death(f"load process {process}", ended, child.log)
                if time.monotonic() - self._heard_s[process] > self._silence_s:
                    raise LoadError(
                        f"load process {process} has not reported for {self._silence_s:.0f} s",
                        "the locustfile keeps the event loop busy (a long computation, or I/O that is not gevent's); "
                        + log_tail(child.log),
                    )
        return progress(self._statuses, self._place.clock_offset_s)

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
        clock = self._place.clock()
        found = outcome(
            self._plan, self._statuses, target, t0_monotonic_s, connections, clock_offset_s=self._place.clock_offset_s
        )
        shutil.rmtree(self._plan.raw)
        return replace(found, clock=clock)

    def _listen(self, process: int) -> None:
        status = read_status(self._plan.status_file(process))
        if status and status != self._statuses[process]:
            self._statuses[process] = status
            self._heard_s[process] = time.monotonic()
        if status and status.refusal:
            raise error_of(status.refusal)


class Loads:
    """Starts loads one after the other. Importing Locust takes longer than all else: it may be done beforehand."""

    def __init__(self, directory: Path, place: Place | None = None) -> None:
        self._directory = directory
        self._place = place or HERE
        self._ready: list[Child] = []
        self._started = 0

    def get_ready(self, processes: int, python: str = sys.executable) -> None:
        """Let so many load processes import Locust, so that the next load need not wait for it.

        All loads of one object have the same ``python``.
        """
        while len(self._ready) < processes:
            log = self._directory / f".locust-{self._started}.part"
            self._started += 1
            self._ready.append(self._place.start(log, self._directory, python))

    @contextmanager
    def start(self, plan: LoadPlan, silence_s: float = SILENCE_S) -> Iterator[LoadProcess]:
        """Start load processes that read the locustfile and wait. When the block ends, for any reason, none is left.

        One that has not reported for ``silence_s`` is taken for hung. Raises LoadError when the locustfile cannot be
        used.
        """
        if not plan.locustfile.is_file():
            raise LoadError(f"no such locustfile: {plan.locustfile}", "see load.locustfile")
        plan = replace(plan, base_url=self._place.url(plan.base_url))
        plan.raw.mkdir(parents=True)
        plan.write()
        self._place.share(plan)
        self.get_ready(plan.load_processes, plan.python)
        with ExitStack() as stack:
            stack.callback(self._place.forget, plan)
            children = [self._hand_over(plan, process, stack) for process in range(plan.load_processes)]
            load = LoadProcess(plan, children, silence_s, self._place)
            with INTERRUPTS.admitted():
                load.wait_until_it_waits()
            yield load

    def _hand_over(self, plan: LoadPlan, process: int, stack: ExitStack) -> Child:
        """Give the plan to a child that is ready; its log goes on beside the trial. ``stack`` ends it."""
        child = self._ready.pop(0)
        stack.callback(child.discard)
        child.move_log(plan.log_file(process))
        child.tell(plan=str(plan.plan_file), process=process)
        return child

    def close(self) -> None:
        """Let those go that are ready: nothing of the locustfile runs in them that could end by itself."""
        for child in self._ready:
            child.kill()
            child.discard()


@contextmanager
def loads(directory: Path, place: Place | None = None) -> Iterator[Loads]:
    """For the loads whose plans' directories are in the same file system; on leaving no load process is left."""
    with closing(Loads(directory, place)) as starter:
        yield starter
