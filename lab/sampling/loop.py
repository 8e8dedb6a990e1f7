"""The sampler's own process: read on the grid, listen for commands in between, until told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.host.jsonlines import Lines, Message
from lab.sampling.grid import EVERYTHING, TICK_S, Due, Grid, footprint_ticks
from lab.sampling.host import processes_of
from lab.sampling.plan import SamplerPlan
from lab.sampling.reading import Reader
from lab.sampling.recorder import Recorder, recorder


class Costs:
    """What the readings cost, in wall seconds."""

    def __init__(self) -> None:
        self._seconds = {True: 0.0, False: 0.0}
        self._count = {True: 0, False: 0}
        self._longest_s = 0.0

    def note(self, due: Due, seconds: float) -> None:
        """Count one reading."""
        self._seconds[due.footprints] += seconds
        self._count[due.footprints] += 1
        self._longest_s = max(self._longest_s, seconds)

    def facts(self) -> dict[str, float]:
        """Mean cost of a reading without and with PSS, and the longest one."""
        return {
            "reading_s": self._seconds[False] / max(1, self._count[False]),
            "reading_with_pss_s": self._seconds[True] / max(1, self._count[True]),
            "reading_max_s": self._longest_s,
        }


class Sampling:
    """One trial's sampling: takes the readings that are due, obeys orders, knows what it costs."""

    def __init__(self, plan: SamplerPlan, output: Recorder, clock: Callable[[], float]) -> None:
        self._plan = plan
        self._output = output
        self._clock = clock
        self._reader = Reader(plan)
        if plan.memory_readable:
            self._reader.check_rights()
        self._costs = Costs()
        self._bursts: dict[str, float] = {}
        self._started_s = clock()
        spent_s = time.process_time()
        self._read(EVERYTHING)
        self._footprint_ticks = footprint_ticks(plan.expected_s, time.process_time() - spent_s)
        self._grid = Grid(origin_s=plan.t0_monotonic_s, start_s=self._started_s, footprint_ticks=self._footprint_ticks)

    @property
    def idle_s(self) -> float:
        """How long nothing is due."""
        return self._grid.next_s - self._clock()

    def read_if_due(self) -> None:
        """Take a reading when its instant has come."""
        if due := self._grid.take(self._clock()):
            self._read(due)

    def obey(self, command: Message) -> None:
        """Carry out ``watch_load`` or ``burst_at``."""
        if command["do"] == "watch_load":
            self._reader.host.load.follow(processes_of(command["pids"]))
        elif command["do"] == "burst_at":
            self._grid.burst_at(command["monotonic_s"])
            self._bursts[f"burst {command['label']} s"] = command["monotonic_s"] - self._plan.t0_monotonic_s

    def facts(self) -> dict[str, float]:
        """What SamplerOutcome.facts holds."""
        return {
            "planned_readings": self._grid.planned,
            "achieved_readings": self._grid.achieved,
            "pss_interval_s": self._footprint_ticks * TICK_S,
            "cpu_s": time.process_time(),
            "wall_s": self._clock() - self._started_s,
            **self._costs.facts(),
            **self._bursts,
        }

    def _read(self, due: Due) -> None:
        began_s = self._clock()
        self._output.append(self._reader.read(due, began_s))
        self._costs.note(due, self._clock() - began_s)


def sample(plan: SamplerPlan, lab: Lines, clock: Callable[[], float] = time.monotonic) -> None:
    """Sample until the lab says ``stop`` or ends. Tells it ``ready`` after the first reading and ``facts`` at the end.

    Raises SamplingError when the arm cannot be read, MissingError when its rows cannot be written.
    """
    with recorder(plan.directory) as output:
        sampling = Sampling(plan, output, clock)
        lab.send(ready=True)
        while (command := lab.receive(sampling.idle_s)) or not lab.ended:
            if command and command["do"] == "stop":
                lab.send(facts=sampling.facts())
                return
            if command:
                sampling.obey(command)
            sampling.read_if_due()
