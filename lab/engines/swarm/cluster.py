"""The Swarm that a run uses, which is there and stays as it is: its nodes by their engines, asked first of all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker

from lab.engines.docker.connection import Identity, check_another, connect_node
from lab.engines.docker.removal import engine_errors
from lab.errors import MissingError
from lab.host.labels import RUN
from lab.scenario.model import Scenario
from lab.scenario.nodes import Node
from lab.scenario.swarm import SwarmOptions

NAME_MANAGER = "name a manager first in [[nodes]], or promote it: docker node promote"
MAKE_ONE = "make a Swarm of the nodes first (`docker swarm init`, `docker swarm join`): the lab makes and leaves none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node of the scenario, with a client of its engine and its id in the Swarm. ``arms``: it runs parts of arms."""

    node: Node
    client: docker.DockerClient
    id: str
    arms: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """All of them; the first is a manager, and runs what there is one of. ``loads``: drive load, one may run arms.

    ``here``: the ids of those whose processes are this machine's.
    """

    members: tuple[Member, ...]
    loads: tuple[Member, ...]
    here: frozenset[str] = frozenset()

    @property
    def manager(self) -> Member:
        """The one that the Swarm is asked through."""
        return self.members[0]

    @property
    def arms(self) -> tuple[Member, ...]:
        """Those that run arms, that from which load comes last: see lab.engines.Means."""
        return tuple(sorted((each for each in self.members if each.arms), key=self.drives))

    def fronts(self, options: SwarmOptions) -> list[Member]:
        """The nodes that run a front, if an arm has one."""
        return [each for each in self.members if each.arms and options.has_front(each.node.name)] or [self.manager]

    def drives(self, member: Member) -> bool:
        """Whether it drives load."""
        return any(member is each for each in self.loads)

    def lab_pid(self, member: Member) -> int:
        """The lab's own process where the member is this machine, else 0: what it takes is no other program's."""
        return os.getpid() if member.id in self.here else 0

    def by_id(self, node_id: str) -> Member:
        """The node of a task."""
        return next(each for each in self.members if each.id == node_id)


def find_cluster(scenario: Scenario) -> Cluster:
    """The nodes of a scenario as a Swarm knows them. Raises MissingError for one that cannot be used as it is.

    Raises ScenarioError for two that are one.
    """
    seen = dict[Identity, Node]()
    members = tuple(_member(node, scenario, seen) for node in scenario.nodes)
    manager = members[0]
    with engine_errors(manager.node.name):
        info = manager.client.info()["Swarm"]
        if not info.get("ControlAvailable"):
            raise MissingError(
                f"node {manager.node.name} is no manager of its Swarm, and services are asked for there",
                NAME_MANAGER,
            )
        found = {each["ID"]: each for each in manager.client.api.nodes()}
        for member in members:
            _check(member, found.get(member.id), manager)
    by_name = {each.node.name: each for each in members}
    loads = tuple(by_name[node.name] for node in scenario.load_nodes) or (manager,)
    return Cluster(members=members, loads=loads)


def _member(node: Node, scenario: Scenario, seen: dict[Identity, Node]) -> Member:
    client = connect_node(node)
    check_another(node, client, seen)
    with engine_errors(node.name):
        info = client.info().get("Swarm") or {}
    if info.get("LocalNodeState") != "active" or not info.get("NodeID"):
        state = info.get("LocalNodeState") or "inactive"
        raise MissingError(f"the engine of node {node.name} is in no Swarm (its state there is {state!r})", MAKE_ONE)
    return Member(node=node, client=client, id=str(info["NodeID"]), arms=node not in scenario.load_nodes)


def _check(member: Member, told: Mapping[str, Any] | None, manager: Member) -> None:
    name = member.node.name
    if told is None:
        raise MissingError(f"node {name} is in another Swarm than node {manager.node.name}", MAKE_ONE)
    if (state := told["Status"]["State"]) != "ready":
        raise MissingError(
            f"node {name} is {state} in the Swarm", "`docker node ls` shows it; start its engine, or fix its network"
        )
    if (availability := told["Spec"]["Availability"]) != "active":
        raise MissingError(
            f"node {name} takes no tasks: its availability is {availability!r}",
            "a drill of a killed lab drained it: `lab clean --scenario` takes that back"
            if RUN in (told["Spec"].get("Labels") or {})
            else f"docker node update --availability active {told['Description']['Hostname']}",
        )
    theirs, ours = (_architecture(each) for each in (told, manager.client.api.inspect_node(manager.id)))
    if theirs != ours:
        raise MissingError(
            f"node {name} has another architecture: {theirs}, and node {manager.node.name} has {ours}",
            "use nodes of one architecture",
        )


def _architecture(told: Mapping[str, Any]) -> str:
    return str(told["Description"]["Platform"]["Architecture"])
