"""The grid of absolute instants at which the sampler reads, and how close they lie (METHOD 4.4). Pure."""

import math
from typing import NamedTuple

TICK_S = 0.5  # rounds of CPU, RSS, threads, cgroups and host: 2 Hz
SLOW_TICK_S = 1.0  # where a round is dear; the gates take readings up to 1.1 s apart
FASTEST_S, SLOWEST_S = 1.0, 5.0  # between two looks at the PSS of one process, as long as the cost allows it
LOOKS_ENOUGH = 6  # at each process in a measure phase: more say nothing more about a mean over it
LOOKS_FLOOR = 3  # in as long a time as a measure phase, whatever they cost
LOOK_STEP_S = 0.25  # times between looks are multiples of this, so that a cost which varies does not move the grid
BUDGET_PER_PROCESS = 0.01 / 8  # of a core, for all that the sampler does: 1% for 8 processes, 2% for 16
LEAST_BUDGET, MOST_BUDGET = 0.01, 0.02  # the most is the limit of the gate sampler.cpu
READINGS_SHARE = 0.9  # of the budget; what lies between readings, such as waking up, is not in their costs
PLATFORM_S = 5.0  # between two looks at a platform process, and before names and parents are looked up again


class Cost(NamedTuple):
    """The cost of sampling on this machine, in CPU seconds: one round, and one look at each process of the arm.

    ``platform``: the part of a core that goes to looks at the platform's processes, which come at a fixed pace.
    """

    round_s: float
    looks_s: float
    processes: int
    platform: float = 0.0

    @property
    def budget(self) -> float:
        """The part of a core that the sampler may use."""
        return min(MOST_BUDGET, max(LEAST_BUDGET, BUDGET_PER_PROCESS * self.processes))


class Pace(NamedTuple):
    """Seconds from one round to the next, and from one look at a process to the next look at the same one."""

    tick_s: float
    look_s: float


def pace_of(cost: Cost, measure_s: float, *, watching: bool = False) -> Pace:
    """Tell how often to read so that it stays within the budget, and a measure phase of ``measure_s`` has enough looks.

    Where both do not go together, rounds come less often first; LOOKS_FLOOR looks in as long a time come whatever they
    cost. ``watching``: connections tell who served, so rounds stay as they are, for at half the pace half as many are
    seen.
    """
    wanted_s = min(SLOWEST_S, max(FASTEST_S, measure_s / LOOKS_ENOUGH))
    floor_s = measure_s / LOOKS_FLOOR
    ticks_s = (TICK_S,) if watching else (TICK_S, SLOW_TICK_S)
    for tick_s in ticks_s:
        left = READINGS_SHARE * cost.budget - cost.platform - cost.round_s / tick_s
        affordable_s = math.ceil(cost.looks_s / left / LOOK_STEP_S) * LOOK_STEP_S if left > 0 else math.inf
        if affordable_s <= max(floor_s, wanted_s):
            return Pace(tick_s, min(max(wanted_s, affordable_s), floor_s))
    return Pace(ticks_s[-1], floor_s)


class Grid:
    """Instants at ``origin_s + k * step_s``. A late one is skipped, not bunched with the next.

    ``planned`` counts the instants that have passed, ``achieved`` those at which a reading was taken.
    """

    def __init__(self, *, origin_s: float, start_s: float, step_s: float) -> None:
        self._origin_s = origin_s
        self._step_s = step_s
        self._passed = self._last(start_s)
        self.planned = 0
        self.achieved = 0

    @property
    def next_s(self) -> float:
        """The next instant."""
        return self._origin_s + (self._passed + 1) * self._step_s

    def set_step(self, step_s: float, now_s: float) -> None:
        """From now on instants are ``step_s`` apart; those that have passed by now are no longer due."""
        if step_s != self._step_s:
            self._step_s = step_s
            self._passed = self._last(now_s)

    def take(self, now_s: float) -> bool:
        """Tell whether an instant has come since the last call; of several, all but one are missed."""
        last = self._last(now_s)
        due = last > self._passed
        self.planned += last - self._passed
        self.achieved += due
        self._passed = last
        return due

    def _last(self, now_s: float) -> int:
        # Rounded to a nanosecond: an instant computed from next_s must not fall short of its own number.
        return math.floor(round((now_s - self._origin_s) / self._step_s, 9))
