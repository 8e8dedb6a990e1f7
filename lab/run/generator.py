"""How far the load generator goes in a search for capacity, and with how many processes (METHOD 10.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from lab.errors import LoadError
from lab.record.types import Calibration, RunInfo
from lab.run.calibration import load_cores
from lab.run.rungs import LOWEST, floored
from lab.scenario.load import Load
from lab.units import count_of, format_seconds

HALF = 0.5  # of the generator's ceiling: beyond, it would be the generator that is measured
LATE_HINT = (
    "more cores for the load (budget.cpuset, load.cores), a quieter machine, a tighter objective (capacity.slo), or a "
    "smaller quota (budget.cpus)"
)
CLIENT_HINT = "a lighter client (FastHttpUser takes a fraction of what HttpUser does), "
WEAK_HINT = "a tighter objective (capacity.slo), a smaller quota (budget.cpus) or a machine with more cores"


class Paid(NamedTuple):
    """At a rate that an arm held, how many requests a second each load process would have the CPU for."""

    rate: float
    each: float


class Generator:
    """The load generator: ``load`` with as many processes as the rates take, and no rate above ``top`` is worth a rung.

    It can do what the bare loop of its calibration can, or less, where the scenario's own client takes more CPU.
    Neither is known, and infinite, before a run has told it. ``measure``: the ceiling of a load.
    """

    def __init__(self, load: Load, measure: Callable[[Load], Calibration | None], say: Callable[[str], None]) -> None:
        self.load = load
        self._measure = measure
        self._say = say
        self._cores = 1
        self._loop = math.inf
        self._client: dict[str, Paid] = {}

    @property
    def top(self) -> float:
        """Half of what it can do."""
        return self._half(self.load.processes, self._loop)

    @property
    def highest(self) -> float:
        """The highest rate of three digits that is within ``top``."""
        return self.top if math.isinf(self.top) else floored(self.top)

    @property
    def told(self) -> str:
        """How far it goes, in words."""
        with_them = self._called(self.load.processes)
        return f"half of what the load generator can do with {with_them} is {self.top:.0f} a second{self._why}"

    def learn(self, info: RunInfo, paid: Mapping[str, Paid]) -> None:
        """What a run of it has found: its cores, the ceiling of the loop, and what requests to each arm cost it.

        What they cost at the highest rate counts: at a low one the process often wakes for a single request.
        """
        self._cores = load_cores(info.environment, self.load)
        if info.calibration is not None:
            self._loop = info.calibration.ceiling_per_s
        for arm, found in paid.items():
            self._client[arm] = max(found, self._client.get(arm, found))

    def carries(self, rate: float) -> bool:
        """Whether it does, with more processes where that takes them and where cores are left.

        Each number is measured: two on two cores may do less than one. The best one stays.
        """
        loops = {self.load.processes: self._loop}
        tried = {self.load.processes: self.top}
        while max(tried.values()) < rate and (number := max(tried) + 1) <= self._cores:
            loops[number] = self._loop_of(number)
            tried[number] = self._half(number, loops[number])
        best = max(tried, key=lambda number: (tried[number], -number))
        self._take(best, loops[best])
        return rate <= self.top

    def grow(self) -> bool:
        """One process more; False where no core is left for it."""
        number = self.load.processes + 1
        if number > self._cores:
            return False
        self._take(number, self._loop_of(number))
        return True

    def too_weak(self, arms: Sequence[str], held: float) -> LoadError:
        """The error where no rate is left that it carries."""
        seen = f"still held at {held:g} requests a second, and half" if held else "half"
        below = "" if held else f", below the lowest rate of a climb, {LOWEST:g}"
        return LoadError(
            f"{', '.join(arms)}: {seen} of what the load generator can do with {self._called(self.load.processes)} on "
            f"{count_of(self._cores, 'core')} is {self.top:.0f}{self._why}{below}",
            f"{CLIENT_HINT if self._why else ''}{WEAK_HINT}",
        )

    @property
    def _each(self) -> float:
        """Requests a second that a process has the CPU for, to the arm that costs it most.

        Of the arms that held rates of one kind: at a far lower rate the process wakes for every request.
        """
        least = HALF * max((paid.rate for paid in self._client.values()), default=0.0)
        return min((paid.each for paid in self._client.values() if paid.rate >= least), default=math.inf)

    @property
    def _why(self) -> str:
        """What a request costs, where it is that, and not the bare loop, which limits."""
        if self._each * self.load.processes >= self._loop:
            return ""
        return f" (a request of its locustfile takes {format_seconds(self.load.machines / self._each)} of CPU)"

    def _half(self, number: int, loop: float) -> float:
        return HALF * min(loop, self._each * number)

    def too_late(self, arm: str, rate: float) -> LoadError:
        """The error where it did not keep its time, twice, though it should carry the rate."""
        return LoadError(
            f"{arm}: the load generator, {self._called(self.load.processes)} on {count_of(self._cores, 'core')}, "
            f"could not send {rate:g} requests a second in time",
            LATE_HINT,
        )

    def _loop_of(self, number: int) -> float:
        found = self._measure(grown(self.load, number))
        return found.ceiling_per_s if found else self._loop

    def _called(self, number: int) -> str:
        machines = self.load.machines
        each = f", on each of {machines} nodes," if machines > 1 else ""
        return f"{count_of(number, 'process')}{each}"

    def _take(self, number: int, loop: float) -> None:
        """Say so where that is another number than before."""
        changed = number != self.load.processes
        self.load, self._loop = grown(self.load, number), loop
        if changed:
            self._say(f"the load generator gets {self._called(number)}: {self.told}")


def grown(load: Load, number: int) -> Load:
    """The load driven by so many processes on each machine, each of which has a lane."""
    return replace(load, processes=number, lanes=max(load.lanes, number * load.machines))
