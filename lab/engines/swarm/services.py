"""The services of one deployment on a Swarm: asked for, waited for, and seen as the containers that they became."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import docker.errors
from docker.models.containers import Container

from lab.agent.calls import There
from lab.engines.docker.container import archive, creation, directories, volume_name
from lab.engines.docker.network import address_in
from lab.engines.docker.removal import each, one_line, remove_container
from lab.engines.docker.stages import with_volumes
from lab.engines.images.images import ImageRecord
from lab.engines.readiness import known
from lab.engines.refusals import refused_error
from lab.engines.swarm.cluster import Cluster, Member
from lab.engines.swarm.service import NOTHING, Held, file_name, mode_of, service_name, task_template
from lab.errors import OutsideError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import labels
from lab.plan.kinds import ServiceKind
from lab.plan.topology import NEW, ConfigFile, Service, Topology
from lab.scenario.swarm import DNSRR, SwarmOptions

LOOK_EVERY_S = 0.05
BEGUN = ("running", "complete", "failed", "rejected", "shutdown", "orphaned", "remove")
PLACED_S = 60.0  # to be given a node, a container and an address; what the app takes is not in it
NEVER = "0001-"  # the year in which what was not started began, for Docker
HINT = "`docker service ps` and `docker node ls` on the manager show more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Makes services and finds their containers.

    ``network``: that of the trial, by its name; ``placed``: by the name of a service, the node that runs it.
    """

    cluster: Cluster
    images: Mapping[str, ImageRecord]
    run_id: str
    topology: Topology
    network_id: str
    network: str
    pool: ThreadPoolExecutor
    options: SwarmOptions = field(default_factory=SwarmOptions)
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
        """Give each service its node: the app's in turn to all, fronts as asked, all else to the first.

        Those that shall take the place of others are where these are. What starts first is drawn for each trial; who is
        where is not, so that all blocks have the same places.
        """
        apps = sorted((each for each in self.topology.services if each.kind is ServiceKind.APP), key=_number)
        apps += self.topology.further
        arms = [member for member in self.cluster.members if member.arms]
        for number, service in enumerate(apps):
            before = service.name.removesuffix(NEW)
            self.placed[service.name] = self.placed.get(before, arms[number % len(arms)])
        fronts = sorted((each for each in self.topology.services if each.kind is ServiceKind.PROXY), key=_number)
        places = self.cluster.fronts(self.options)
        self.placed.update({each.name: places[number % len(places)] for number, each in enumerate(fronts)})
        for service in (service for stage in self.topology.stages for service in stage.containers):
            self.placed.setdefault(service.name, self.cluster.manager)

    def inside(self) -> list[Member]:
        """The nodes from which the network of the trial is probed: the first, and where a front looks names up."""
        fronts = [each for each in self.topology.services if each.kind is ServiceKind.PROXY]
        return [self.cluster.manager, *self.homes(fronts)]

    def homes(self, services: Sequence[Service]) -> list[Member]:
        """The nodes that run these, each once."""
        return list({(member := self.placed[each.name]).id: member for each in services}.values())

    def wait_for_names(self, there: There, addresses: Mapping[str, str], member: Member) -> None:
        """Return once names lead to these addresses on a node (``there``): a front asks once, when it starts."""
        give_up_at = time.monotonic() + PLACED_S
        while late := _not_known(there(known, tuple(addresses)), addresses):
            if time.monotonic() > give_up_at:
                raise OutsideError(
                    f"{self.topology.trial_id}: on node {member.node.name} the names {', '.join(late)} "
                    f"do not lead to their tasks after {PLACED_S:g} s",
                    "nodes must reach each other by port 7946 (TCP and UDP) and 4789 (UDP)",
                )
            self.pause()

    def held(self, service: Service, files: Sequence[ConfigFile], renewals: int) -> list[Held]:
        """Have configs and secrets for further files of a service, after so many ``renewals`` of its files."""
        marks, first = self._marks(service), len(service.files) + renewals * len(files)
        return [self._file(marks, first + number, file) for number, file in enumerate(files)]

    def _create(self, service: Service) -> str:
        marks, api = self._marks(service), self.cluster.manager.client.api
        told = self._is_told(service)
        fixed = [file for file in service.files if not (told and file.recorded)]
        template = task_template(
            self._commanded(service),
            self.images[service.image].id,
            marks,
            network_id=self.network_id,
            node_id=self.placed[service.name].id,
            files=[self._file(marks, number, file) for number, file in enumerate(fixed)],
            volumes=self._filled(service, marks) if told else NOTHING,
        )
        mode, endpoint = mode_of(service), {"Mode": self.options.endpoint_mode}
        made = api.create_service(
            template,
            name=service_name(marks),
            labels=dict(marks),
            mode=mode,
            endpoint_spec=endpoint if "Replicated" in mode else None,
        )
        return str(made.get("ID") or made["Id"])

    def _commanded(self, service: Service) -> Service:
        """With its image's own command where it has neither that nor an entrypoint: see ``invocation``.

        Raises DeploymentError where the image has none.
        """
        if service.argv or service.entrypoint != ():
            return service
        image = self.cluster.manager.client.images.get(self.images[service.image].id)
        if words := image.attrs["Config"].get("Cmd"):
            return replace(service, argv=tuple(words))
        told = f'{service.kind} {service.name!r}: its image has no CMD, and app.entrypoint = "" leaves nothing to start'
        raise OutsideError(told, "give app.command")

    @property
    def virtual(self) -> bool:
        """Whether names lead to virtual addresses."""
        return self.options.endpoint_mode != DNSRR

    def address_of(self, service: Service, container: Container) -> str:
        """The address to which the name of a service leads: of its task, or the virtual one before it."""
        if not self.virtual:
            return address_in(container.attrs, self.network)
        told = self.cluster.manager.client.api.inspect_service(self.name_of(service))
        own = (
            each["Addr"] for each in told["Endpoint"].get("VirtualIPs") or () if each["NetworkID"] == self.network_id
        )
        return next(own, "").partition("/")[0]

    def name_of(self, service: Service) -> str:
        """The name that the Swarm has for a service."""
        return service_name(self._marks(service))

    def _marks(self, service: Service) -> dict[str, str]:
        return labels(self.run_id, self.topology.trial_id, service.name)

    def _is_told(self, service: Service) -> bool:
        """Whether a drill changes its files: a front that goes over to further containers."""
        return service.kind is ServiceKind.PROXY and bool(self.topology.further)

    def _filled(self, service: Service, marks: Mapping[str, str]) -> Mapping[str, str]:
        """Its files in a volume of its node, for configs never change: folder → volume."""
        client, files = self.placed[service.name].client, [file for file in service.files if file.recorded]
        client.volumes.create(volume_name(marks), labels=dict(marks))
        asked = creation(replace(service, files=tuple(files)), self.images[service.image].id, marks, "", "no")
        carrier = client.containers.create(**asked)  # never started: it only has the volume
        for folder, data in archive(files, service.user):
            carrier.put_archive(folder, data)
        remove_container(client, str(carrier.id))
        return {folder: volume_name(marks) for folder in directories(files)}

    def _file(self, marks: Mapping[str, str], number: int, file: ConfigFile) -> Held:
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
                self.pause()
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
    def pause() -> None:
        """Wait for a moment."""
        with INTERRUPTS.admitted():
            time.sleep(LOOK_EVERY_S)


def _not_known(told: Mapping[str, Sequence[str]], wanted: Mapping[str, str]) -> list[str]:
    return sorted(name for name, address in wanted.items() if list(told[name]) != [address])


def _number(service: Service) -> tuple[int, str]:
    """app-2 before app-10."""
    return len(service.name), service.name
