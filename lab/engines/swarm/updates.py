"""Updates of services in a Swarm: asked for, and seen as what tasks have become."""

from collections.abc import Callable
from dataclasses import dataclass

import docker
import docker.errors
from docker.models.containers import Container

from lab.engines.swarm.cluster import Cluster, Member
from lab.engines.swarm.service import Asked, settings
from lab.scenario.drills import Update

OUT_OF_SEQUENCE = "update out of sequence"  # what was read has been changed since: nodes are, whenever they report
TRIES = 5
ENDS = ("completed", "paused", "rollback_completed", "rollback_paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """An update of a service that was asked for; ``earlier``: when the one before it began."""

    identity: str
    earlier: str


def in_sequence(change: Callable[[], None]) -> None:
    """Read something and change it; once more where somebody else changed it in between."""
    for left in reversed(range(TRIES)):
        try:
            change()
            return
        except docker.errors.APIError as error:
            if not left or OUT_OF_SEQUENCE not in str(error):
                raise


def ask_update(client: docker.DockerClient, name: str, how: Update, renew: Callable[[Asked], Asked]) -> Updated:
    """Ask for another task in the place of the one that a service has: as ``renew`` makes it of that."""
    before = client.api.inspect_service(name)

    def change() -> None:
        told = client.api.inspect_service(name)
        spec, (update, rollback) = told["Spec"], settings(how)
        client.api.update_service(
            told["ID"],
            told["Version"]["Index"],
            task_template=renew(spec["TaskTemplate"]),
            name=spec["Name"],
            labels=spec["Labels"],
            mode=spec["Mode"],
            endpoint_spec=spec.get("EndpointSpec"),
            update_config=update,
            rollback_config=rollback,
        )

    in_sequence(change)
    return Updated(identity=str(before["ID"]), earlier=_began(before))


def end_of(client: docker.DockerClient, updated: Updated) -> str:
    """How an update ended, in the Swarm's words; "" while it has not."""
    told = client.api.inspect_service(updated.identity)
    state = str((told.get("UpdateStatus") or {}).get("State", ""))
    return state if _began(told) != updated.earlier and state in ENDS else ""


def running(cluster: Cluster, identity: str) -> tuple[Member, Container] | None:
    """The node and the container of the newest task of a service that runs; None as long as none does."""
    told = cluster.manager.client.api.tasks(filters={"service": identity, "desired-state": "running"})
    found = [each for each in told if each["Status"]["State"] == "running"]
    if not found:
        return None
    task = max(found, key=lambda each: str(each["CreatedAt"]))
    member = cluster.by_id(task["NodeID"])
    return member, member.client.containers.get(str(task["Status"]["ContainerStatus"]["ContainerID"]))


def _began(told: Asked) -> str:
    """When the last update of a service began, in the Swarm's words."""
    return str((told.get("UpdateStatus") or {}).get("StartedAt", ""))
