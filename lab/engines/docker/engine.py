"""Engine ``docker``: containers through the Docker SDK, everything labelled, on loopback or in a network of its own."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import docker
import docker.errors
from docker.models.containers import Container

from lab.agent.calls import There
from lab.engines import Deployment
from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.agent.rights import ThroughAgent
from lab.engines.docker.agent.standing import Standing, standing_agents
from lab.engines.docker.beside import beside
from lab.engines.docker.changes import Changes, Pairs
from lab.engines.docker.connection import API_TIMEOUT_S as API_TIMEOUT_S
from lab.engines.docker.connection import connect as connect
from lab.engines.docker.connection import describe as describe
from lab.engines.docker.container import archive, creation, volume_name
from lab.engines.docker.elsewhere import machine_facts
from lab.engines.docker.fate import ends_again, first_end, log_of, logs_of, start
from lab.engines.docker.happened import happened
from lab.engines.docker.network import address_in, join, trial_network
from lab.engines.docker.pool import pooled_parent
from lab.engines.docker.removal import PARALLEL, each, engine_errors, one_line, remove_labelled
from lab.engines.docker.request_lines import executions_of
from lab.engines.docker.rights import Access, OwnRights, Rights
from lab.engines.docker.stages import run_stages, starts, with_volumes
from lab.engines.docker.step_lines import marks_of
from lab.engines.docker.watchdog import guarded
from lab.engines.images.images import ImageRecord
from lab.engines.refusals import refusal
from lab.engines.running import Running, answered, deployed, no_end, with_logs
from lab.errors import DeploymentError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, RUN, TRIAL, labels, owner, owner_lives
from lab.host.ports import free_ports
from lab.load.place import HERE, Place
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service, Topology
from lab.scenario.model import APP_IMAGE, Load
from lab.scenario.network import ASKED, LOOPBACK, Network


class DockerEngine:
    """Realises topologies as containers of one Docker engine."""

    name = "docker"

    def __init__(
        self,
        client: docker.DockerClient,
        images: Mapping[str, ImageRecord],
        run_id: str,
        port_range: tuple[int, int],
        rights: Rights | None = None,
        *,
        agents: ThroughAgent | None = None,
        networks: Mapping[str, str] = MappingProxyType({Network.HOST: ASKED}),
        elsewhere: str = "",
    ) -> None:
        self.elsewhere = elsewhere
        self._client = client
        self._images = images
        self._run_id = run_id
        self._port_range = port_range
        self._rights = rights or OwnRights()
        self._agents = agents
        self._networks = networks
        self._info = client.info()
        self._standing: Standing | None = None

    def describe(self) -> Mapping[str, Any]:
        """Engine version, API, drivers and network mode, and the versions inside the app's own image."""
        with engine_errors():
            networks = {"network": " and ".join(self._networks), "network_because": "; ".join(self._networks.values())}
            engine = {**describe(self._client), **networks, **self._rights.describe(), **self._machine()}
            return {**engine, **self._images[APP_IMAGE].versions}

    def _machine(self) -> Mapping[str, Any]:
        """Facts of the engine's machine where it is another one than this."""
        if not self.elsewhere or self._agents is None:
            return {}
        if self._standing:
            return machine_facts(self._client, self._standing.looks().clock)
        marks = labels(self._run_id, "probe", "agent")
        with start_agent(self._client, self._agents.image_id, marks, looks=True) as agent:
            return machine_facts(self._client, agent.clock)

    def image_id(self, key: str) -> str:
        """The engine's id of a prepared image, ``Arm.image_key`` or that of a front."""
        return self._images[key].id

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:
        """Ports on 127.0.0.1 on which nobody listens. Raises MissingError when the range is exhausted."""
        return free_ports(count, self._port_range, f"{self._run_id}/{seed}")

    @contextmanager
    def load_place(self, load: Load) -> Iterator[Place]:
        """A place for load processes inside the networks of arms; inside the block one agent looks into all of them."""
        if self._agents is None:
            yield HERE
            return
        with standing_agents(self._client, self._agents, self._run_id, load) as self._standing:
            try:
                yield self._standing.place
            finally:
                self._standing = None

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        """Containers up, N processes answering; everything is removed on leaving, also after a failed start."""
        with INTERRUPTS.deferred(), engine_errors(), ExitStack() as stack:
            self._remove_orphans()
            parent = stack.enter_context(
                pooled_parent(f"{self._run_id}-{topology.trial_id}", topology.pool, self._info.get("CgroupDriver", ""))
            )
            network = stack.enter_context(self._network(topology))
            access = stack.enter_context(self._access(topology, network))
            stack.callback(self._remove, topology, network)  # before any container of it is created
            pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="docker")
            stack.callback(pool.shutdown, cancel_futures=True)  # or it would create while they are being removed
            joined = pool.submit(join, self._client, network, self._guests(network))
            with INTERRUPTS.admitted():
                if topology.before:
                    joined.result()
                create = partial(self._create_beside, topology, pool, network)
                before = run_stages(self._client, topology.before, create, pool, network, access)
            pairs, ends = before.running, partial(happened, self._client, self._run_id, topology.trial_id)
            with with_logs(lambda: {**before.logs, **logs_of(container for _, container in pairs)}):
                with INTERRUPTS.admitted():
                    containers = self._create(topology, topology.services, pool, network, parent, topology.restart)
                    pairs = (*zip(topology.services, containers, strict=True), *before.running)
                    joined.result()
                    started = time.monotonic()
                    for together in starts(topology, containers):
                        each(pool, start, together)
                    for _, container in pairs:
                        container.reload()
                changes = Changes(
                    client=self._client,
                    pairs=list(pairs),
                    there=access.there,
                    create=lambda one: self._create(topology, [one], pool, network, parent, topology.restart)[0],
                    answered=partial(self._wait, topology, network, access.there),
                )
                deployment = deployed(
                    topology,
                    self._all_running(pairs, network),
                    started,
                    dead=lambda: first_end(self._client, self._run_id, topology),
                    beside=lambda: beside(
                        self._client, self._image_ids(topology), [pair[1] for pair in pairs], access.image_id
                    ),
                    there=access.there,
                    launch=access.launch,
                    jobs=before.jobs,
                    ended=before.logs,
                    steps=lambda: marks_of(pairs, access.wall_offset_s),
                    logs=changes.logs,
                    restart=changes.restart,
                    stop=changes.stop,
                    exchange=changes.exchange,
                    executed=lambda: executions_of(changes.pairs),
                    happened=partial(ends, wall_offset_s=access.wall_offset_s),
                    again=no_end if topology.restart == "no" else partial(ends_again, containers, topology),
                )
            with guarded(deployment, changes.end, access.there) as guarded_deployment:
                yield guarded_deployment

    @contextmanager
    def _network(self, topology: Topology) -> Iterator[str]:
        """The network of its own that the trial has, "" for the host's."""
        if topology.network is Network.HOST:
            yield ""
            return
        with trial_network(self._client, labels(self._run_id, topology.trial_id, "network")) as network:
            yield network

    def _guests(self, network: str) -> Mapping[str, str]:
        """The containers that join a trial's network, those of the run's agents, and what they are called there."""
        return self._standing.containers() if self._standing and network else {}

    def _access(self, topology: Topology, network: str) -> AbstractContextManager[Access]:
        """From inside the arm's network by an agent, the run's or one of its own; else as the lab's rights allow."""
        if network and self._standing:
            return nullcontext(self._standing.access())
        marks = labels(self._run_id, topology.trial_id, "agent")
        return ((self._agents if network else None) or self._rights).access(self._client, marks, network)

    def _create_beside(
        self, topology: Topology, pool: ThreadPoolExecutor, network: str, services: Sequence[Service]
    ) -> list[Container]:
        """Containers of what is no part of the arm: not of its pool, nor of its restarts. Their data is in memory."""
        in_memory = [with_volumes(service, self._volumes(self._images[service.image].id)) for service in services]
        return self._create(topology, in_memory, pool, network)

    def _volumes(self, image_id: str) -> Collection[str]:
        """Where an image declares that data is."""
        return self._client.images.get(image_id).attrs["Config"].get("Volumes") or ()

    def _create(
        self,
        topology: Topology,
        services: Sequence[Service],
        pool: ThreadPoolExecutor,
        network: str,
        parent: str = "",
        restart: str = "no",
    ) -> list[Container]:
        def create(service: Service) -> Container:
            marks = labels(self._run_id, topology.trial_id, service.name)
            if service.files:
                self._client.volumes.create(volume_name(marks), labels=marks)
            arguments = creation(service, self._images[service.image].id, marks, parent, restart, network)
            container = self._client.containers.create(**arguments)
            for directory, data in archive(service.files, service.user):
                container.put_archive(directory, data)
            return container

        try:
            return each(pool, create, services)
        except docker.errors.APIError as error:
            why = refusal(one_line(error), "check the keys of [app] and [budget] that it names")
            raise DeploymentError(f"Docker refused a container: {why.told}", why.hint) from None

    def _remove(self, topology: Topology, network: str) -> None:
        marks = {TRIAL: topology.trial_id, RUN: self._run_id, OWNER: owner()}
        remove_labelled(self._client, marks, leaving={network: list(self._guests(network))})

    def _remove_orphans(self) -> None:
        """Remove what a killed lab left of this very run: a continued one takes the same names again."""
        remove_labelled(self._client, {RUN: self._run_id}, only=lambda marks: not owner_lives(marks))

    def _wait(self, topology: Topology, network: str, there: There, pairs: Pairs) -> None:
        """Straight to the app: a front may go on passing requests to where a container was before."""
        running = self._all_running(pairs, network)
        located = topology.located({each.service.host: each.address for each in running})
        dead = partial(first_end, self._client, self._run_id, topology)
        answered(replace(located, entry=located.app[0]), running, dead, there)

    def _image_ids(self, topology: Topology) -> Mapping[str, ServiceKind]:
        """What the services run from, by the engine's ids."""
        return {self._images[service.image].id: service.kind for service in topology.services}

    def _all_running(self, pairs: Iterable[tuple[Service, Container]], network: str) -> tuple[Running, ...]:
        return tuple(self._running(service, container, network) for service, container in pairs)

    def _running(self, service: Service, container: Container, network: str) -> Running:
        config = container.attrs["Config"]
        return Running(
            service=service,
            image=self._images[service.image],
            pid=int(container.attrs["State"]["Pid"]),
            argv=(*(config["Entrypoint"] or []), *(config["Cmd"] or [])),
            log=lambda lines: log_of(container, lines),
            container_id=container.id,
            address=address_in(container.attrs, network) if network else LOOPBACK,
        )
