"""Refuse what an arm's network, or the place of the engine, rules out: before anything is built."""

from collections.abc import Mapping

from lab.engines.docker.agent.loads import files_of
from lab.errors import ScenarioError
from lab.scenario.model import Scenario
from lab.scenario.network import Network

GROUPS_SINCE = "2"


def check_group(scenario: Scenario, cgroup_version: str) -> None:
    """Refuse that a container dies as a whole where the kernel cannot do it. Raises ScenarioError."""
    if any(drill.group for drill in scenario.drills) and cgroup_version != GROUPS_SINCE:
        raise ScenarioError(
            f"drills: group takes memory.oom.group, which cgroups have since version {GROUPS_SINCE}; those of the "
            f"engine's machine are of version {cgroup_version or 'unknown'}",
            "leave out group: the kernel then kills the one process that holds most",
        )


def choose_networks(scenario: Scenario, elsewhere: str) -> Mapping[str, str]:
    """The networks of the arms, and why; ``elsewhere``: why the engine's processes are not this machine's.

    Raises ScenarioError or MissingError where one cannot be had, or where it rules out something else.
    """
    choices = {arm.name: scenario.network_of(arm, elsewhere) for arm in scenario.arms}
    for name, choice in choices.items():
        if elsewhere and choice.network is Network.HOST:
            raise ScenarioError(
                f'arm "{name}": network = "host" would listen on another machine\'s loopback; {elsewhere}',
                'say network = "own", or "auto", which takes it here',
            )
        if choice.network is Network.OWN and scenario.load.python is not None:
            raise ScenarioError(
                f'arm "{name}" has a network of its own, in which load is driven by an agent with a Python of its own, '
                "so that load.python cannot be used",
                "name the packages of the locustfile in load.requirements instead, and they are installed there",
            )
    if any(choice.network is Network.OWN for choice in choices.values()):
        files_of(scenario.load)  # which the load agent gets
    return {choice.network.value: choice.why for choice in choices.values()}
