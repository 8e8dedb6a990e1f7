"""Nodes of a Swarm that a drill drains: labelled, so that each runs tasks again whatever becomes of the lab."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import docker
import docker.errors

from lab.engines.docker.removal import one_line
from lab.engines.swarm.cluster import Cluster, Member
from lab.engines.swarm.updates import in_sequence
from lab.errors import MissingError
from lab.host.labels import IN_ENVIRONMENT, RUN

Marks = Mapping[str, str]
ACTIVE, DRAINED = "active", "drain"
OWN = frozenset(IN_ENVIRONMENT.values())


def lost_node(cluster: Cluster, name: str, front: str) -> Member:
    """The node that a drill drains: the one that it names, or the last that neither drives load nor has the front."""
    others = [each for each in cluster.members[1:] if not cluster.drives(each) and each.node.name != front]
    return next(member for member in reversed(others) if name in ("", member.node.name))


def check_alone(cluster: Cluster, member: Member) -> None:
    """Refuse to drain a node that runs tasks of others, for they would be moved. Raises MissingError."""
    api = cluster.manager.client.api
    tasks = api.tasks(filters={"node": member.id, "desired-state": "running"})
    others = {
        each.get("ServiceID", "")
        for each in tasks
        if RUN not in (each["Spec"].get("ContainerSpec") or {}).get("Labels", {})
    }
    services = [each["Spec"]["Name"] for each in api.services() if each["ID"] in others]
    if services:
        raise MissingError(
            f"node {member.node.name} runs tasks of other services ({', '.join(sorted(services))}), which the drill "
            "node-loss would move: it drains the node",
            "use nodes that run nothing else, or leave the drill out",
        )


def drain(client: docker.DockerClient, member: Member, marks: Mapping[str, str]) -> None:
    """Have a node run no tasks; ``marks`` on it say who did that. Raises MissingError."""
    try:
        _set(client, member.id, DRAINED, lambda labels: {**labels, **marks})
    except docker.errors.APIError as error:
        raise MissingError(f"node {member.node.name} cannot be drained: {one_line(error)}") from None


def drained(client: docker.DockerClient) -> list[tuple[str, str, Mapping[str, str]]]:
    """The nodes that labs have drained, as a manager tells of them: name, id and labels."""
    return [
        (str(told["Description"]["Hostname"]), str(told["ID"]), _labels(told))
        for told in client.api.nodes()
        if RUN in _labels(told)
    ]


def activate(client: docker.DockerClient, node_id: str) -> None:
    """Let a node run tasks again, and take the lab's labels off it. That it has left the Swarm is fine."""
    with suppress(docker.errors.NotFound):
        _set(client, node_id, ACTIVE, lambda labels: {key: each for key, each in labels.items() if key not in OWN})


def _set(client: docker.DockerClient, node_id: str, availability: str, labelled: Callable[[Marks], Marks]) -> None:
    def change() -> None:
        told = client.api.inspect_node(node_id)
        spec = {**told["Spec"], "Availability": availability, "Labels": dict(labelled(_labels(told)))}
        client.api.update_node(told["ID"], told["Version"]["Index"], spec)

    in_sequence(change)


def _labels(told: Mapping[str, Any]) -> Mapping[str, str]:
    return told["Spec"].get("Labels") or {}
