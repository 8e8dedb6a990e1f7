"""What is asked of a scenario that is to be run, and not of one in a run folder, which was run already.

A new requirement of keys that there are already belongs here: in the model it would make earlier runs unreadable.
"""

from lab.metrics import METRICS, Group
from lab.metrics.capacity import CAPACITY
from lab.scenario.model import Scenario
from lab.scenario.nodes import check_address


def check_runnable(scenario: Scenario) -> None:
    """Raise ValueError where a run of the scenario would tell nothing, or do harm."""
    for node in scenario.nodes:
        check_address(node)
    if scenario.capacity and scenario.capacity.rates:  # without, `lab capacity` replaces what is judged
        _check_climbed(scenario)
    _check_drills(scenario)


def _check_climbed(scenario: Scenario) -> None:
    """What is judged of a ladder does not depend on the rate."""
    for key in scenario.compare.primary:
        if key != CAPACITY and METRICS[key].group not in (Group.MEMORY, Group.START):
            raise ValueError(
                f'compare.primary: {key} of a ladder would be of many rates at once: judge "{CAPACITY}", or '
                f"{key} in a scenario without [capacity]"
            )


def _check_drills(scenario: Scenario) -> None:
    """What they do must end, and be seen to be over, while there is load."""
    for drill in scenario.drills:
        if scenario.load.measure < drill.least_measure_s:
            raise ValueError(
                f'load.measure: the drill "{drill.key}" takes {drill.least_measure_s:g} s at least, for its action '
                f"and for an arm to recover, got {scenario.load.measure:g} s"
            )
