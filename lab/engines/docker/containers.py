"""The containers of one deployment: create them, start them, describe them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import docker
import docker.errors
from docker.models.containers import Container

from lab.agent.calls import There
from lab.engines import Deployment, Machine, Means
from lab.engines.docker.beside import beside
from lab.engines.docker.changes import Changes, Pairs
from lab.engines.docker.container import NOWHERE, archive, creation, entrance, volume_name
from lab.engines.docker.fate import ends_again, first_end, log_of, start
from lab.engines.docker.happened import happened
from lab.engines.docker.network import address_in
from lab.engines.docker.removal import each, one_line
from lab.engines.docker.request_lines import executions_of
from lab.engines.docker.rights import Access
from lab.engines.docker.stages import Before, starts, with_volumes
from lab.engines.docker.step_lines import marks_of
from lab.engines.endings import End
from lab.engines.images.images import ImageRecord
from lab.engines.refusals import refused_error
from lab.engines.running import Others, Running, answered, deployed, further_answered, no_end
from lab.host.labels import labels
from lab.plan.topology import Service, Topology
from lab.scenario.network import LOOPBACK
from lab.scenario.nodes import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """The containers that a topology becomes.

    ``network``: that of the trial, "" for the host's; ``parent``: the cgroup that pools those of the arm, "" for none.
    ``node``: the machine, in a run that has several; ``generators``: others that drive load.
    """

    client: docker.DockerClient
    images: Mapping[str, ImageRecord]
    run_id: str
    topology: Topology
    network: str
    parent: str
    pool: ThreadPoolExecutor
    node: Node | None = None
    generators: tuple[Machine, ...] = ()

    def create(self, services: Sequence[Service]) -> list[Container]:
        """Create those of the arm, one for each service. Raises DeploymentError."""
        return self._create_each(services, self.parent, self.topology.restart)

    def create_beside(self, services: Sequence[Service]) -> list[Container]:
        """Create those of what is no part of the arm: not of its pool, nor of its restarts. Their data is in memory."""
        in_memory = [with_volumes(service, self._volumes(self._image(service).id)) for service in services]
        return self._create_each(in_memory, "", "no")

    def start(self, created: Sequence[Container]) -> float:
        """Start those of the arm, and give the instant (CLOCK_MONOTONIC) before the first."""
        began_s = time.monotonic()
        for together in starts(self.topology, created):
            each(self.pool, start, together)
        return began_s

    def changes(self, pairs: Pairs, there: There) -> Changes:
        """What a drill may do with those that run."""
        return Changes(
            client=self.client,
            pairs=list(pairs),
            there=there,
            create=lambda service: self.create([service])[0],
            answered=lambda pairs: self._wait(pairs, there),
            came=lambda pairs: self._wait_for_further(pairs, there),
        )

    def deployed(self, changes: Changes, started_s: float, access: Access, before: Before) -> Deployment:
        """Wait until the arm answers, then describe it with the means to act on it. Raises DeploymentError."""
        pairs, trial_id, offset_s = tuple(changes.pairs), self.topology.trial_id, access.wall_offset_s
        arm = [container for service, container in pairs if service in self.topology.services]
        return deployed(
            self.topology,
            self._all_running(pairs),
            started_s,
            dead=self._first_end,
            beside=lambda: self._beside(pairs, access),
            ended=before.logs,
            logs=changes.logs,
            again=no_end if self.topology.restart == "no" else partial(ends_again, arm, self.topology),
            means=Means(
                there=access.there,
                launch=access.launch,
                jobs=before.jobs,
                steps=lambda: marks_of(changes.pairs, offset_s, changes.gone),
                restart=changes.restart,
                stop=changes.stop,
                exchange=changes.exchange,
                add=changes.add,
                remove=changes.remove,
                write=changes.write,
                living=lambda: tuple(each.target() for each in self._all_running(changes.alive())),
                executed=lambda: executions_of(changes.pairs, changes.gone),
                happened=partial(happened, self.client, self.run_id, trial_id, wall_offset_s=offset_s),
                node=self.node.name if self.node else "",
                generators=self.generators,
                clock=access.clock,
            ),
        )

    def _image(self, service: Service) -> ImageRecord:
        return self.images[service.image]

    def _volumes(self, image_id: str) -> Collection[str]:
        """Where an image declares that data is."""
        return self.client.images.get(image_id).attrs["Config"].get("Volumes") or ()

    def _create_each(self, services: Sequence[Service], parent: str, restart: str) -> list[Container]:
        try:
            return each(self.pool, lambda service: self._create(service, parent, restart), services)
        except docker.errors.APIError as error:
            hint = "check the keys of [app] and [budget] that it names"
            raise refused_error("Docker refused a container", one_line(error), hint) from None

    def _create(self, service: Service, parent: str, restart: str) -> Container:
        marks = labels(self.run_id, self.topology.trial_id, service.name)
        if service.files:
            self.client.volumes.create(volume_name(marks), labels=marks)
        published = entrance(self.topology, service, self.node) if self.generators and self.node else NOWHERE
        arguments = creation(service, self._image(service).id, marks, parent, restart, self.network, published)
        container = self.client.containers.create(**arguments)
        for directory, data in archive(service.files, service.user):
            container.put_archive(directory, data)
        return container

    def _first_end(self) -> End | None:
        return first_end(self.client, self.run_id, self.topology)

    def _beside(self, pairs: Pairs, access: Access) -> Others:
        """Everything else that runs from the images of the services, which are given by the engine's ids."""
        images = {self._image(service).id: service.kind for service in self.topology.services}
        return beside(self.client, images, [container for _, container in pairs], access.image_id)

    def _wait(self, pairs: Pairs, there: There) -> None:
        """Straight to the app: a front may go on passing requests to where a container was before."""
        running = self._all_running(pairs)
        located = self.topology.located({each.service.host: each.address for each in running})
        answered(replace(located, entry=located.app[0]), running, self._first_end, there)

    def _wait_for_further(self, pairs: Pairs, there: There) -> None:
        further_answered(self.topology, self._all_running(pairs), self._first_end, there)

    def _all_running(self, pairs: Iterable[tuple[Service, Container]]) -> tuple[Running, ...]:
        return tuple(self._running(service, container) for service, container in pairs)

    def _running(self, service: Service, container: Container) -> Running:
        config = container.attrs["Config"]
        return Running(
            service=service,
            image=self._image(service),
            pid=int(container.attrs["State"]["Pid"]),
            argv=(*(config["Entrypoint"] or []), *(config["Cmd"] or [])),
            log=lambda lines: log_of(container, lines),
            container_id=container.id,
            address=address_in(container.attrs, self.network) if self.network else LOOPBACK,
        )
