"""The services of one deployment on a Swarm: asked for, waited for, and seen as the containers that they became."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import docker.errors
from docker.models.containers import Container

from lab.agent.calls import There
from lab.engines.docker.removal import each, one_line
from lab.engines.docker.stages import with_volumes
from lab.engines.images.images import ImageRecord
from lab.engines.readiness import known
from lab.engines.refusals import refused_error
from lab.engines.swarm.cluster import Cluster, Member
from lab.engines.swarm.service import file_name, mode_of, service_name, task_template
from lab.errors import OutsideError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import labels
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Service, Topology

LOOK_EVERY_S = 0.05
BEGUN = ("running", "complete", "failed", "rejected", "shutdown", "orphaned", "remove")
PLACED_S = 60.0  # to be given a node, a container and an address; what the app takes is not in it
DNSRR = "dnsrr"  # names lead to the tasks themselves: one task a service needs no virtual address, which takes IPVS
NEVER = "0001-"  # the year in which what was not started began, for Docker
HINT = "`docker service ps` and `docker node ls` on the manager show more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Makes services and finds their containers. ``placed``: by the name of a service, the node that runs it."""

    cluster: Cluster
    images: Mapping[str, ImageRecord]
    run_id: str
    topology: Topology
    network_id: str
    pool: ThreadPoolExecutor
    placed: dict[str, Member] = field(default_factory=dict)

    def create(self, services: Sequence[Service]) -> list[Container]:
        """Ask for one service each, and return when each has a container that runs or has ended.

        Raises DeploymentError.
        """
        try:
            identities = each(self.pool, self._create, services)
        except docker.errors.APIError as error:
            hint = "check the keys of [app] and [budget] that it names"
            raise refused_error("the Swarm refused a service", one_line(error), hint) from None
        return self._begun(dict(zip(identities, services, strict=True)))

    def create_beside(self, services: Sequence[Service]) -> list[Container]:
        """The same for what is no part of the arm: its data is in memory."""
        images = self.cluster.manager.client.images
        declared = {key: images.get(self.images[key].id).attrs["Config"] for key in {each.image for each in services}}
        return self.create([with_volumes(each, declared[each.image].get("Volumes") or ()) for each in services])

    def place(self) -> None:
        """Give each service its node: the app's in turn to all, everything that there is one of to the first.

        What starts first is drawn for each trial; who is where is not, so that all blocks have the same places.
        """
        apps = sorted((each for each in self.topology.services if each.kind is ServiceKind.APP), key=_number)
        arms = [member for member in self.cluster.members if member.arms]
        for number, service in enumerate(apps):
            self.placed[service.name] = arms[number % len(arms)]
        for service in (service for stage in self.topology.stages for service in stage.containers):
            self.placed.setdefault(service.name, self.cluster.manager)

    def wait_for_names(self, there: There, addresses: Mapping[str, str]) -> None:
        """Return once names lead to these addresses where ``there`` is: a front asks for them once, when it starts."""
        give_up_at = time.monotonic() + PLACED_S
        while late := _not_known(there(known, tuple(addresses)), addresses):
            if time.monotonic() > give_up_at:
                raise OutsideError(
                    f"{self.topology.trial_id}: on node {self.cluster.manager.node.name} the names {', '.join(late)} "
                    f"do not lead to their tasks after {PLACED_S:g} s",
                    "nodes must reach each other by port 7946 (TCP and UDP) and 4789 (UDP)",
                )
            self._pause()

    def _create(self, service: Service) -> str:
        marks, api = labels(self.run_id, self.topology.trial_id, service.name), self.cluster.manager.client.api
        files = [self._file(marks, number, file) for number, file in enumerate(service.files)]
        template = task_template(
            service,
            self.images[service.image].id,
            marks,
            network_id=self.network_id,
            node_id=self.placed[service.name].id,
            files=files,
        )
        mode, endpoint = mode_of(service), {"Mode": DNSRR}
        made = api.create_service(
            template,
            name=service_name(marks),
            labels=dict(marks),
            mode=mode,
            endpoint_spec=endpoint if "Replicated" in mode else None,
        )
        return str(made.get("ID") or made["Id"])

    def _file(self, marks: Mapping[str, str], number: int, file: ConfigFile) -> tuple[ConfigFile, str, str]:
        api, name = self.cluster.manager.client.api, file_name(marks, number)
        make = api.create_config if file.recorded else api.create_secret
        made = make(name, file.content, labels=dict(marks))
        return file, str(made.get("ID") or made["Id"]), name

    def _begun(self, wanted: Mapping[str, Service]) -> list[Container]:
        give_up_at, tasks = time.monotonic() + PLACED_S, dict[str, Any]()
        while len(tasks) < len(wanted):
            told = self.cluster.manager.client.api.tasks(filters={"service": list(wanted)})
            tasks = {each["ServiceID"]: each for each in told if each["Status"]["State"] in BEGUN}
            if time.monotonic() > give_up_at:
                late = [each for each in told if each["ServiceID"] not in tasks]
                raise self._late([service for identity, service in wanted.items() if identity not in tasks], late)
            if len(tasks) < len(wanted):
                self._pause()
        return each(self.pool, lambda identity: self._container(wanted[identity], tasks[identity]), list(wanted))

    def _container(self, service: Service, task: Mapping[str, Any]) -> Container:
        """The container of a task, which runs or has ended. Raises DeploymentError where none was started."""
        status, member = task["Status"], self.cluster.by_id(task["NodeID"])
        if identity := (status.get("ContainerStatus") or {}).get("ContainerID"):
            container = member.client.containers.get(str(identity))
            if not str(container.attrs["State"]["StartedAt"]).startswith(NEVER):
                return container
        who = f"{service.kind} {service.name!r} could not be started on node {member.node.name}"
        raise refused_error(who, status.get("Err") or status.get("Message") or status["State"], HINT)

    def _late(self, services: Sequence[Service], tasks: Sequence[Mapping[str, Any]]) -> OutsideError:
        said = {each["Status"].get("Err") or each["Status"].get("Message") or each["Status"]["State"] for each in tasks}
        names = ", ".join(sorted(service.name for service in services))
        nodes = ", ".join(sorted({self.placed[service.name].node.name for service in services}))
        return OutsideError(
            f"{self.topology.trial_id}: {names} on {nodes} has no container after {PLACED_S:g} s; the Swarm says: "
            f"{'; '.join(sorted(said)) or 'nothing'}",
            HINT,
        )

    @staticmethod
    def _pause() -> None:
        with INTERRUPTS.admitted():
            time.sleep(LOOK_EVERY_S)


def _not_known(told: Mapping[str, Sequence[str]], wanted: Mapping[str, str]) -> list[str]:
    return sorted(name for name, address in wanted.items() if list(told[name]) != [address])


def _number(service: Service) -> tuple[int, str]:
    """app-2 before app-10."""
    return len(service.name), service.name
