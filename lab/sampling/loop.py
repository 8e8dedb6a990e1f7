"""The sampler's own process: read on the grid, listen for commands in between, until told to stop."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Mapping
from typing import Any

from lab.sampling.grid import EVERYTHING, TICK_S, Due, Grid, footprint_ticks
from lab.sampling.host import processes_of
from lab.sampling.plan import SamplerPlan
from lab.sampling.reading import Reader
from lab.sampling.recorder import Recorder, recorder

Say = Callable[[Mapping[str, Any]], None]


class Commands:
    """JSON lines from a file descriptor. Its end means that whoever gave the orders is gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unread = b""
        self.ended = False

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """The commands that came; returns early when some did, and with none when ``seconds`` are over."""
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, seconds))
        if not ready:
            return []
        received = os.read(self._descriptor, 65536)
        self.ended = not received
        *lines, self._unread = (self._unread + received).split(b"\n")
        return [json.loads(line) for line in lines]


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

    def obey(self, command: Mapping[str, Any]) -> None:
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


def sample(plan: SamplerPlan, commands: Commands, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
    """Sample until ``stop`` comes or the commands end. Says ``ready`` after the first reading and ``facts`` at the end.

    Raises SamplingError when the arm cannot be read, MissingError when its rows cannot be written.
    """
    with recorder(plan.directory) as output:
        sampling = Sampling(plan, output, clock)
        say({"ready": True})
        while not commands.ended:
            for command in commands.wait(sampling.idle_s):
                if command["do"] == "stop":
                    say({"facts": sampling.facts()})
                    return
                sampling.obey(command)
            sampling.read_if_due()
