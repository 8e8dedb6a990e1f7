"""The search for the ladder that all arms of a run climb: cores, pilot, rates, load processes (METHOD 10.1 to 10.3)."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lab.errors import InterruptedRunError, LabError
from lab.host.places import scratch
from lab.plan.cores import apart
from lab.record.folder import new_run_id
from lab.run.pilot import Pilot, ViewOf
from lab.run.rungs import geometric
from lab.run.surroundings import REAL, Surroundings
from lab.scenario.capacity import Capacity
from lab.scenario.model import Scenario
from lab.units import named_cores

BELOW, ABOVE = 0.75, 1.25  # of the least and the greatest boundary: where the common ladder begins and ends
APART = 1.6  # boundaries that differ by more get a longer ladder
RUNGS, LONG_RUNGS, QUICK_RUNGS = 8, 12, 6


@dataclass(frozen=True, kw_only=True)
class Laddered:
    """A scenario with its ladder, surroundings that know what its pilot found, and the folder of the pilot's runs.

    ``pilot``: None where the rates were given; else gone when the block of ``with_ladder`` ends.
    """

    scenario: Scenario
    around: Surroundings
    pilot: Path | None = None


@contextmanager
def with_ladder(
    scenario: Scenario, out: Path, view_of: ViewOf, say: Callable[[str], None], *, around: Surroundings = REAL
) -> Iterator[Laddered]:
    """The scenario with what its pilot found: cores, objective, rates, load processes.

    Raises LabError: ScenarioError where an arm does not hold the lowest rate, LoadError where the generator's ceiling
    comes before that of every arm. What a pilot that failed has left is kept below ``out``: its logs tell why.
    """
    asked = scenario.capacity or Capacity()
    if asked.rates:
        yield Laddered(scenario=scenario, around=around)
        return
    scenario = _on_cores(scenario, say, around)
    with scratch("pilot") as folder:
        pilot = Pilot(replace(scenario, capacity=asked), folder, view_of, say, around)
        try:
            boundaries = pilot.boundaries()
            wanted = ABOVE * max(boundaries)
            if not pilot.generator.carries(wanted):
                say(f"the ladder ends at {pilot.generator.highest:g} instead of {wanted:.0f}: {pilot.generator.told}")
            rates = ladder(boundaries, pilot.generator.highest, quick=asked.quick)
        except InterruptedRunError:
            raise InterruptedRunError("interrupted in the pilot; nothing was measured that counts") from None
        except LabError as error:
            raise _kept(error, folder, out) from None
        say(f"the ladder: {', '.join(f'{rate:g}' for rate in rates)} requests a second; {pilot.slo}")
        found = replace(asked, slo=pilot.slo, rates=rates)
        climber = replace(scenario, load=pilot.generator.load, capacity=found)
        yield Laddered(scenario=climber, around=pilot.around, pilot=folder)


def _on_cores(scenario: Scenario, say: Callable[[str], None], around: Surroundings) -> Scenario:
    """Arms and load on cores of their own, where the engine can do that, and a sentence on it."""
    cores = sorted(os.sched_getaffinity(0))
    if around.pins(scenario, new_run_id("cores")):
        scenario = apart(scenario, cores)
    arms, load = scenario.budget.cpuset, scenario.load.cores
    if load:
        say(f"the arms run on {_named(arms)}, the load generator on {_named(load)} (budget.cpuset, load.cores)")
    elif not scenario.nodes:
        say(f"arms and load generator share {len(cores)} cores: an arm near its capacity takes time from the generator")
    return scenario


def _named(cores: str) -> str:
    return named_cores(cores) if cores else "all cores"


def _kept(error: LabError, folder: Path, out: Path) -> LabError:
    """The same error, whose hint says where the logs are now; a pilot is not resumed, and is no run with results."""
    error.run = None
    if any(folder.iterdir()):
        kept = out / new_run_id("pilot-failed")
        shutil.copytree(folder, kept)
        error.hint = error.hint.replace(str(folder), str(kept))
    error.hint = "; ".join(part for part in error.hint.split("; ") if "--resume" not in part)
    return error


def ladder(boundaries: Collection[float], highest: float = math.inf, *, quick: bool = False) -> tuple[float, ...]:
    """Rates in geometric steps, common to all arms, around the boundaries that the pilot found of them.

    ``highest``: that the load generator carries.
    """
    low, high = min(boundaries), max(boundaries)
    count = QUICK_RUNGS if quick else LONG_RUNGS if high > APART * low else RUNGS
    return geometric(BELOW * low, min(ABOVE * high, highest), count)
