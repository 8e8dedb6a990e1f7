"""How far the load generator goes in a search for capacity, and with how many processes (METHOD 10.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean, linear_regression
from typing import NamedTuple

from lab.errors import LoadError
from lab.record.types import Calibration, RunInfo
from lab.run.calibration import load_cores
from lab.run.rungs import LOWEST, floored
from lab.scenario.load import Load
from lab.units import count_of, format_seconds

HALF = 0.5  # of the generator's ceiling: beyond, it would be the generator that is measured
LEAST_PART = 0.5  # of the CPU of an average request, for a further one: 0.7 and more was seen; less would be noise
LATE_HINT = (
    "more cores for the load (budget.cpuset, load.cores), a quieter machine, a tighter objective (capacity.slo), or a "
    "smaller quota (budget.cpus)"
)
CLIENT_HINT = "a lighter client (FastHttpUser takes a fraction of what HttpUser does), "
WEAK_HINT = "a tighter objective (capacity.slo), a smaller quota (budget.cpus) or a machine with more cores"


class Spent(NamedTuple):
    """At ``rate`` requests a second for each load process, the cores that the busiest of them used."""

    rate: float
    cores: float


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
        self._client: dict[str, list[Spent]] = {}

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

    def learn(self, info: RunInfo, spent: Iterable[tuple[str, Spent]]) -> None:
        """What a run of it has found: its cores, the ceiling of the loop, and what requests to each arm took of it."""
        self._cores = load_cores(info.environment, self.load)
        if info.calibration is not None:
            self._loop = info.calibration.ceiling_per_s
        for arm, found in spent:
            self._client.setdefault(arm, []).append(found)

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
        """Requests a second for which a process has the CPU, to the arm that costs it most.

        Of the arms that answered rates of one kind: at a far lower rate the process wakes for every request.
        """
        highest = {arm: max(found).rate for arm, found in self._client.items()}
        least = HALF * max(highest.values(), default=0.0)
        return min((full_core(self._client[arm]) for arm, rate in highest.items() if rate >= least), default=math.inf)

    @property
    def _why(self) -> str:
        """What a request would cost, where it is that, and not the bare loop, which limits."""
        if self._each * self.load.processes >= self._loop:
            return ""
        each_s = self.load.machines / self._each
        return f" (with a core full, a request of its locustfile would take {format_seconds(each_s)} of CPU)"

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


def full_core(found: Sequence[Spent]) -> float:
    """The rate at which a load process would have its core full, by what it used at other rates.

    The busier it is, the less often it wakes for a single request. So what it uses is a line: so much at any rate, and
    so much for each further request, but for that no less than LEAST_PART of what requests take on average.
    """
    rates, cores = (list(values) for values in zip(*found, strict=True))
    average = fmean(cores) / fmean(rates)
    further = linear_regression(rates, cores).slope if len(set(rates)) > 1 else average
    return fmean(rates) + (1 - fmean(cores)) / min(average, max(LEAST_PART * average, further))


def grown(load: Load, number: int) -> Load:
    """The load driven by so many processes on each machine, each of which has a lane."""
    return replace(load, processes=number, lanes=max(load.lanes, number * load.machines))
