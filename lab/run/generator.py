"""How far the load generator goes in a search for capacity, and with how many processes (METHOD 10.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from lab.errors import LoadError
from lab.record.types import Calibration, RunInfo
from lab.run.calibration import load_cores
from lab.run.rungs import floored
from lab.scenario.load import Load

HALF = 0.5  # of the generator's ceiling: beyond, it would be the generator that is measured
LATE_HINT = (
    "more cores for the load (budget.cpuset, load.cores), a quieter machine, a tighter objective (capacity.slo), or a "
    "smaller quota (budget.cpus)"
)
WEAK_HINT = "a tighter objective (capacity.slo), a smaller quota (budget.cpus) or a machine with more cores"


class Generator:
    """The load generator: ``load`` with as many processes as the rates take, and no rate above ``top`` is worth a rung.

    ``top`` is not known, and infinite, before a run has told it. ``measure``: the ceiling of a load.
    """

    def __init__(self, load: Load, measure: Callable[[Load], Calibration | None], say: Callable[[str], None]) -> None:
        self.load = load
        self._measure = measure
        self._say = say
        self._cores = 1
        self.top = math.inf

    @property
    def highest(self) -> float:
        """The highest rate of three digits that is within ``top``."""
        return self.top if math.isinf(self.top) else floored(self.top)

    @property
    def told(self) -> str:
        """How far it goes, in words."""
        with_them = self._called(self.load.processes)
        return f"half of what the load generator can do with {with_them} is {self.top:.0f} a second"

    def learn(self, info: RunInfo) -> None:
        """What a run of it has found: its cores, and its ceiling."""
        self._cores = load_cores(info.environment, self.load)
        if info.calibration is not None:
            self.top = HALF * info.calibration.ceiling_per_s

    def carries(self, rate: float) -> bool:
        """Whether it does, with more processes where that takes them and where cores are left.

        Each number is measured: two on two cores may do less than one. The best one stays.
        """
        tried = {self.load.processes: self.top}
        while max(tried.values()) < rate and (number := max(tried) + 1) <= self._cores:
            tried[number] = self._top_of(number)
        best = max(tried, key=lambda number: (tried[number], -number))
        self._take(best, tried[best])
        return rate <= self.top

    def grow(self) -> bool:
        """One process more; False where no core is left for it."""
        number = self.load.processes + 1
        if number > self._cores:
            return False
        self._take(number, self._top_of(number))
        return True

    def too_weak(self, arms: Sequence[str], held: float) -> LoadError:
        """The error where no rate is left that it carries."""
        return LoadError(
            f"{', '.join(arms)}: still held at {held:g} requests a second, and half of what the load generator can do "
            f"with {self._called(self.load.processes)} on {_cores(self._cores)} is {self.top:.0f}",
            WEAK_HINT,
        )

    def too_late(self, arm: str, rate: float) -> LoadError:
        """The error where it did not keep its time, twice, though it should carry the rate."""
        return LoadError(
            f"{arm}: the load generator, {self._called(self.load.processes)} on {_cores(self._cores)}, could not send "
            f"{rate:g} requests a second in time",
            LATE_HINT,
        )

    def _top_of(self, number: int) -> float:
        found = self._measure(self._with(number))
        return HALF * found.ceiling_per_s if found else self.top

    def _with(self, number: int) -> Load:
        return replace(self.load, processes=number, lanes=max(self.load.lanes, number * self.load.machines))

    def _called(self, number: int) -> str:
        machines = self.load.machines
        each = f", on each of {machines} nodes," if machines > 1 else ""
        return f"{number} process{'es' if number > 1 else ''}{each}"

    def _take(self, number: int, top: float) -> None:
        """Say so where that is another number than before."""
        changed = number != self.load.processes
        self.load, self.top = self._with(number), top
        if changed:
            self._say(f"the load generator gets {self._called(number)}: {self.told}")


def _cores(number: int) -> str:
    return f"{number} core{'s' if number > 1 else ''}"
