"""What is asked of a scenario that is to be run, and not of one in a run folder, which was run already.

A new requirement of keys that there are already belongs here: in the model it would make earlier runs unreadable.
"""

from collections.abc import Callable, Sequence

from lab.metrics import METRICS, Group
from lab.metrics.capacity import CAPACITY
from lab.scenario.budget import Quota
from lab.scenario.images import check_reference
from lab.scenario.model import Scenario
from lab.scenario.nodes import check_address
from lab.units import MIB, format_bytes

LEAST_MEMORY, LEAST_CPUS = 6 * MIB, 0.01  # that Docker gives a container: bytes, cores


def check_runnable(scenario: Scenario) -> None:
    """Raise ValueError where a run of the scenario would tell nothing, or do harm."""
    for node in scenario.nodes:
        check_address(node)
    if scenario.capacity and scenario.capacity.rates:  # without, `lab capacity` replaces what is judged
        _check_climbed(scenario)
    _check_drills(scenario)
    _check_quotas(scenario)
    _check_images(scenario)


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


def _check_quotas(scenario: Scenario) -> None:
    """Each serving process can have a container of its own."""
    most = max(scenario.sweep.processes, default=scenario.budget.processes)
    for where in (scenario.budget, scenario.sweep):
        key = "budget" if where is scenario.budget else "sweep"
        for quota in _quotas(where.memory):
            _check_quota(f"{key}.memory", quota, most, LEAST_MEMORY, format_bytes)
        for quota in _quotas(where.cpus):
            _check_quota(f"{key}.cpus", quota, most, LEAST_CPUS, "{:g} of a core".format)


def _quotas(given: Quota | Sequence[Quota]) -> Sequence[Quota]:
    return [given] if isinstance(given, Quota) else given


def _check_quota(key: str, quota: Quota, processes: int, least: float, told: Callable[[float], str]) -> None:
    if quota.amount is None:
        return
    containers = processes if quota.mode == "split" else 1
    if quota.amount < least * containers:
        among = f", for {containers} serving processes {told(least * containers)}" if containers > 1 else ""
        raise ValueError(f"{key}: Docker gives a container no less than {told(least)}{among}: got {told(quota.amount)}")


def _check_images(scenario: Scenario) -> None:
    """An engine would refuse another name, in words of its own."""
    named = {
        "app.image": scenario.app.image,
        **{f"arms.{arm.name}.image": arm.image for arm in scenario.arms},
        **{f"sidecars.{sidecar.name}.image": sidecar.image for sidecar in scenario.sidecars},
        **{f"jobs.{job.name}.image": job.image for job in scenario.jobs},
        **{f"drills.{drill.key}.image": drill.image for drill in scenario.drills},
        **{f"images.{key}": name for key, name in scenario.images.items()},
    }
    for key, name in named.items():
        if name:
            check_reference(key, name)
