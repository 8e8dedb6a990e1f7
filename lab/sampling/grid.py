"""The grid of absolute instants at which the sampler reads (METHOD 4.4). Pure: it is told what time it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

TICK_S = 0.5  # CPU, RSS, threads, context switches, cgroups and host: 2 Hz (METHOD 4.4)
SHORT_TRIAL_S = 60.0
FOOTPRINT_TICKS_SHORT = 2  # PSS and USS at 1 Hz in a trial of up to SHORT_TRIAL_S (METHOD 4.4)
FOOTPRINT_TICKS_LONG = 10  # and at 0.2 Hz in a longer one
PLATFORM_TICKS = 10  # CPU of platform processes, which are not in the headline: 0.2 Hz, together with PSS
MAX_FOOTPRINT_SHARE = 0.10  # of a core for reading PSS: hundreds of processes are read less often rather than late
BURST_READINGS = 5
BURST_STEP_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What one reading holds besides the cheap counters, which are always read.

    ``footprints``: PSS and USS of the arm's processes, and memory of the cgroups. ``platform``: CPU of platform
    processes, and what processes are called. ``burst``: the anonymous part of PSS as well, and the memory of platform
    processes, which changes little.
    """

    footprints: bool
    platform: bool = False
    burst: bool = False

    @property
    def engine(self) -> bool:
        """CPU of the container engine: only the foreign-CPU gate asks for it, so a burst holds it once, at its end."""
        return self.footprints and (self.platform or not self.burst)


EVERYTHING = Due(footprints=True, platform=True, burst=True)


def footprint_ticks(expected_s: float, reading_cost_s: float) -> int:
    """Ticks from one reading of PSS to the next; ``reading_cost_s`` is the CPU time that one of them takes."""
    wanted = FOOTPRINT_TICKS_SHORT if expected_s <= SHORT_TRIAL_S else FOOTPRINT_TICKS_LONG
    return max(wanted, math.ceil(reading_cost_s / (MAX_FOOTPRINT_SHARE * TICK_S)))


class Grid:
    """Ticks at ``origin_s + k * TICK_S`` after ``start_s``, and bursts on top. A late instant is skipped, not bunched.

    ``planned`` counts the instants that have passed, ``achieved`` those at which a reading was taken.
    """

    def __init__(self, *, origin_s: float, start_s: float, footprint_ticks: int) -> None:
        self._origin_s = origin_s
        self._tick = self._last_tick(start_s)
        self._bursts: list[float] = []
        self._footprint_ticks = footprint_ticks
        self._platform_ticks = math.ceil(PLATFORM_TICKS / footprint_ticks) * footprint_ticks
        self.planned = 0
        self.achieved = 0

    @property
    def next_s(self) -> float:
        """The next instant at which a reading is due."""
        tick_s = self._origin_s + (self._tick + 1) * TICK_S
        return min(tick_s, self._bursts[0]) if self._bursts else tick_s

    def burst_at(self, at_s: float) -> None:
        """Plan a burst: BURST_READINGS close readings, the first one at ``at_s``."""
        self._bursts = sorted([*self._bursts, *(at_s + step * BURST_STEP_S for step in range(BURST_READINGS))])

    def take(self, now_s: float) -> Due | None:
        """What to read now, or None when nothing is due. Only the latest instant of a kind that passed is served."""
        tick = self._last_tick(now_s)
        ticks = tick - self._tick
        bursts = sum(at_s <= now_s for at_s in self._bursts)
        if not ticks and not bursts:
            return None
        self._tick = tick
        del self._bursts[:bursts]
        ends_burst = bool(bursts) and (not self._bursts or self._bursts[0] > now_s + 1.5 * BURST_STEP_S)
        self.planned += ticks + bursts
        self.achieved += bool(ticks) + bool(bursts)
        return Due(
            footprints=bool(bursts) or tick % self._footprint_ticks == 0,
            platform=ends_burst or (bool(ticks) and tick % self._platform_ticks == 0),
            burst=bool(bursts),
        )

    def _last_tick(self, now_s: float) -> int:
        # Rounded to a nanosecond: an instant computed from next_s must not fall short of its own tick.
        return math.floor(round((now_s - self._origin_s) / TICK_S, 9))
