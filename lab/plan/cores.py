"""Which cores the arms have and which the load generator, where both are on one machine. Pure.

Where they share cores, an arm near its capacity takes the generator's time, whose lateness then looks like the arm's,
and no rung near the capacity counts (METHOD 2).
"""

from collections.abc import Sequence
from dataclasses import replace

from lab.scenario.model import Scenario
from lab.units import cores_of, cores_text

PART = 3  # one core in so many is the generator's: a process of it asks for what two or three of an app's answer


def apart(scenario: Scenario, cores: Sequence[int]) -> Scenario:
    """The scenario with load on cores of its own, out of ``cores``; as it is where it says so itself, or has one core.

    Arms that are pinned stay where they are, and load takes what they leave.
    """
    if scenario.load.cores or scenario.load_nodes or len(cores) < 2:
        return scenario
    if pinned := cores_of(scenario.budget.cpuset):
        left = [core for core in cores if core not in pinned]
        return replace(scenario, load=replace(scenario.load, cores=cores_text(left)))
    count = max(1, len(cores) // PART)
    return replace(
        scenario,
        budget=replace(scenario.budget, cpuset=cores_text(cores[:-count])),
        load=replace(scenario.load, cores=cores_text(cores[-count:])),
    )
