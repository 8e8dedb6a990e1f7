"""The sampler's own process: read on the grid, listen for commands in between, until told to stop."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

from lab.host.jsonlines import Lines
from lab.record.told import SamplerFacts
from lab.sampling.grid import FASTEST_S, PLATFORM_S, TICK_S, Cost, Grid, pace_of
from lab.sampling.plan import SamplerPlan
from lab.sampling.processes import starts_early_s
from lab.sampling.reading import Reader, wait_s
from lab.sampling.recorder import Recorder, recorder
from lab.sampling.shared_files import shared_files


class Spent:
    """The cost of readings of one kind."""

    def __init__(self) -> None:
        self._count = 0
        self._cpu_s = 0.0
        self._wall_s = 0.0
        self.last_cpu_s = 0.0
        self.longest_s = 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one reading, which is taken meanwhile."""
        began_s, cpu_s = time.perf_counter(), time.process_time()
        yield
        wall_s = time.perf_counter() - began_s
        self._count += 1
        self.last_cpu_s = time.process_time() - cpu_s
        self._cpu_s += self.last_cpu_s
        self._wall_s += wall_s
        self.longest_s = max(self.longest_s, wall_s)

    @property
    def cpu_s(self) -> float:
        """Mean CPU time of one."""
        return self._cpu_s / max(1, self._count)

    @property
    def wall_s(self) -> float:
        """Mean wall time of one."""
        return self._wall_s / max(1, self._count)


class Sampling:
    """One trial's sampling: takes the readings that are due, knows what it costs and keeps its budget."""

    def __init__(self, plan: SamplerPlan, output: Recorder) -> None:
        self._plan = plan
        self._output = output
        self._reader = Reader(plan)
        if plan.memory_readable:
            self._reader.check_rights()
        self._round_cost, self._look_cost = Spent(), Spent()
        self._started_s = time.monotonic()
        self._output.append(self._reader.round(self._started_s, memory=True, look_again=True))  # a look at everybody
        self._read_round(memory=False, look_again=False)  # and what a round costs without
        self._rounds, self._looks, self._memory, self._names = (
            Grid(origin_s=plan.t0_monotonic_s, start_s=self._started_s, step_s=step_s)
            for step_s in (TICK_S, FASTEST_S, FASTEST_S, PLATFORM_S)
        )
        self._keep_pace()

    @property
    def idle_s(self) -> float:
        """Tell how long nothing is due."""
        return min(self._rounds.next_s, self._looks.next_s) - time.monotonic()

    def read_if_due(self) -> None:
        """Take the readings whose instants have come."""
        now_s = time.monotonic()
        if self._rounds.take(now_s):
            memory = self._memory.take(now_s)
            self._read_round(memory=memory, look_again=self._names.take(now_s))
            if memory:
                self._keep_pace()
        if self._looks.take(time.monotonic()):
            self._look()

    def facts(self) -> SamplerFacts:
        """Tell what it has done so far, and what that cost."""
        return SamplerFacts(
            planned_readings=self._rounds.planned + self._looks.planned,
            achieved_readings=self._rounds.achieved + self._looks.achieved,
            pss_interval_s=self._pace.look_s,
            cpu_s=time.process_time(),
            wall_s=time.monotonic() - self._started_s,
            reading_s=self._round_cost.wall_s,
            reading_with_pss_s=self._look_cost.wall_s,
            reading_max_s=max(self._round_cost.longest_s, self._look_cost.longest_s),
            starts_early_s=starts_early_s(),
        )

    def shared_files(self) -> Mapping[str, int] | None:
        """Give what SamplerOutcome.shared_files holds; nothing where no PSS is read."""
        if not self._plan.memory_readable:
            return {}
        ours = (os.getpid(), self._plan.lab_pid, *self._plan.load_pids)
        return shared_files(ours, [member.process.pid for member in self._reader.arm], self._plan.root / "proc")

    def _read_round(self, *, memory: bool, look_again: bool) -> None:
        with self._round_cost.one():
            self._output.append(self._reader.round(time.monotonic(), memory=memory, look_again=look_again))

    def _look(self) -> None:
        with self._look_cost.one():
            now_s = time.monotonic()
            if member := self._reader.turn(now_s, self._pace.look_s):
                self._output.append_look(self._reader.look(member, now_s))
        if member:
            member.look_cost_s = self._look_cost.last_cpu_s

    def _keep_pace(self) -> None:
        """Set the grids by what readings have cost so far; processes come and go, and memory grows."""
        arm, platform, now_s = self._reader.arm, self._reader.platform, time.monotonic()
        looks_s, platform_s = (sum(member.look_cost_s for member in members) for members in (arm, platform))
        cost = Cost(self._round_cost.cpu_s, looks_s, len(arm), platform_s / PLATFORM_S)
        self._pace = pace_of(cost, self._plan.measure_s, watching=bool(self._plan.watched_port))
        looks_per_s = sum(1 / wait_s(member.role, self._pace.look_s) for member in (*arm, *platform))
        self._rounds.set_step(self._pace.tick_s, now_s)
        self._looks.set_step(1 / looks_per_s if looks_per_s else self._pace.look_s, now_s)
        self._memory.set_step(self._pace.look_s, now_s)


def sample(plan: SamplerPlan, lab: Lines) -> None:
    """Sample until the lab says ``stop`` or ends. Tells it ``ready`` after the first reading and ``facts`` at the end.

    With ``ready`` it tells the shared files: all processes of the arm and the load are there by then.

    Raises SamplingError when the arm cannot be read, MissingError when its rows cannot be written.
    """
    with recorder(plan.directory) as output:
        sampling = Sampling(plan, output)
        lab.send(ready=True, shared_files=sampling.shared_files())
        while (command := lab.receive(sampling.idle_s)) or not lab.ended:
            if command:  # there is one: "stop"
                lab.send(facts=asdict(sampling.facts()))
                return
            sampling.read_if_due()
