"""Start, watch and stop Locust: K child processes, each in its own process group, that never outlive the lab."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from lab.errors import LoadError
from lab.host.interrupts import INTERRUPTS
from lab.load.load_plan import LoadPlan
from lab.load.load_process import SILENCE_S, LoadProcess
from lab.load.outcome import LoadOutcome, LoadProgress
from lab.load.place import HERE, Child, Place
from lab.load.relay import Relay

__all__ = ["SILENCE_S", "LoadOutcome", "LoadPlan", "LoadProcess", "LoadProgress", "Loads", "loads"]


class Loads:
    """Starts loads one after the other. Importing Locust takes longer than all else: it may be done beforehand."""

    def __init__(self, directory: Path, place: Place | None = None) -> None:
        self._directory = directory
        self._place = place or HERE
        self._ready: dict[int, Child] = {}
        self._started = 0

    def get_ready(self, processes: int, python: str = sys.executable) -> None:
        """Let so many load processes import Locust, so that the next load need not wait for it.

        All loads of one object have the same ``python``. On several machines they are dealt out in turn.
        """
        for process in (each for each in range(processes) if each not in self._ready):
            self._start_one(process, python)

    def _start_one(self, process: int, python: str) -> None:
        machines, log = self._place.machines, self._directory / f".locust-{self._started}.part"
        self._started += 1
        self._ready[process] = machines[process % len(machines)].start(log, self._directory, python)

    @contextmanager
    def start(self, plan: LoadPlan, silence_s: float = SILENCE_S, relay: Relay | None = None) -> Iterator[LoadProcess]:
        """Start load processes that read the locustfile and wait. When the block ends, for any reason, none is left.

        One that has not reported for ``silence_s`` is taken for hung. ``relay``: to the master whose workers they are.
        Raises LoadError when the locustfile cannot be used, MissingError where a lost machine does not come back.
        """
        if not plan.locustfile.is_file():
            raise LoadError(f"no such locustfile: {plan.locustfile}", "see load.locustfile")
        self._renew()
        further = tuple(map(self._place.url, plan.further_urls))
        plan = replace(plan, base_url=self._place.url(plan.base_url), further_urls=further)
        plan.raw.mkdir(parents=True)
        plan.write()
        for place in self._place.machines:
            place.share(plan)
        clocks = [place.clock_offset_s for place in self._place.machines]
        plan.clocks_file.write_text(json.dumps(clocks), encoding="utf-8")
        self.get_ready(plan.load_processes, plan.python)
        with ExitStack() as stack:
            for place in self._place.machines:
                stack.callback(place.forget, plan)
            children: list[Child] = []
            stack.enter_context(relay.workers(plan, children) if relay else nullcontext())
            for process in range(plan.load_processes):
                children.append(self._hand_over(plan, process, stack))
            load = LoadProcess(plan, children, silence_s, self._place)
            with INTERRUPTS.admitted():
                load.wait_until_it_is_read()
            if load.mastered:
                self._add_master(plan, load, children, stack)
            with INTERRUPTS.admitted():
                load.wait_until_it_waits()
            yield load

    def _add_master(self, plan: LoadPlan, load: LoadProcess, children: Sequence[Child], stack: ExitStack) -> None:
        """Start the Locust whose workers the load processes are: one more, on the first of the machines."""
        number = plan.load_processes
        self._start_one(number, plan.python)
        master = self._hand_over(plan, number, stack)
        relay = Relay(plan.mail_file(number), master.tell)
        stack.enter_context(relay.workers(plan, children))
        stack.enter_context(relay.running())
        load.take_master(master, relay)

    def _renew(self) -> None:
        """Have machines again that were lost, and let go of what was ready on them."""
        machines = self._place.machines
        for number, place in enumerate(machines):
            if place.lost:
                for process in [each for each in self._ready if each % len(machines) == number]:
                    self._ready.pop(process).discard()
                place.renew()

    def _hand_over(self, plan: LoadPlan, process: int, stack: ExitStack) -> Child:
        """Give the plan to a child that is ready; its log goes on beside the trial. ``stack`` ends it."""
        child = self._ready.pop(process)
        stack.callback(child.discard)
        child.move_log(plan.log_file(process))
        child.tell(plan=str(plan.plan_file), process=process)
        return child

    def close(self) -> None:
        """Let those go that are ready: nothing of the locustfile runs in them that could end by itself."""
        for child in self._ready.values():
            child.kill()
            child.discard()


@contextmanager
def loads(directory: Path, place: Place | None = None) -> Iterator[Loads]:
    """For the loads whose plans' directories are in the same file system; on leaving no load process is left."""
    with closing(Loads(directory, place)) as starter:
        yield starter
