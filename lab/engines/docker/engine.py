"""Engine ``docker``: containers through the Docker SDK, everything labelled, on loopback or in a network of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from types import MappingProxyType

import docker
import docker.errors
from docker.models.containers import Container

from lab.engines import Deployment, Machine
from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.agent.generator import Generator
from lab.engines.docker.agent.rights import ThroughAgent
from lab.engines.docker.agent.standing import Standing, standing_agents
from lab.engines.docker.connection import API_TIMEOUT_S as API_TIMEOUT_S
from lab.engines.docker.connection import connect as connect
from lab.engines.docker.connection import describe as describe
from lab.engines.docker.containers import Containers
from lab.engines.docker.elsewhere import with_machine
from lab.engines.docker.fate import logs_of
from lab.engines.docker.network import join, trial_network
from lab.engines.docker.pool import pooled_parent
from lab.engines.docker.removal import PARALLEL, engine_errors, remove_container, remove_labelled
from lab.engines.docker.rights import Access, OwnRights, Rights
from lab.engines.docker.stages import run_stages
from lab.engines.docker.watchdog import guarded
from lab.engines.images.images import ImageRecord
from lab.engines.running import with_logs
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, RUN, TRIAL, labels, owner, owner_lives
from lab.host.ports import free_ports
from lab.load.place import HERE, Place
from lab.plan.topology import Topology
from lab.record.run_types import EngineFacts
from lab.scenario.model import Load
from lab.scenario.network import ASKED, Network
from lab.scenario.nodes import Node


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
        node: Node | None = None,
        generators: Sequence[Generator] = (),
    ) -> None:
        self.elsewhere = elsewhere
        self._node = node
        self._generators = generators
        self._client = client
        self._images = images
        self._run_id = run_id
        self._port_range = port_range
        self._rights = rights or OwnRights()
        self._agents = agents
        self._networks = networks
        self._info = client.info()
        self._standing: Standing | None = None

    def describe(self) -> EngineFacts:
        """Version, API, drivers and networks; facts of its machine and of those that drive load, if they are others."""
        with engine_errors():
            engine = replace(
                describe(self._client),
                network=" and ".join(self._networks),
                network_because="; ".join(self._networks.values()),
                sampled_by=self._rights.sampled_by,
                memory_obstacle=self._rights.memory_obstacle,
            )
            return self._with_load_machines(self._with_machine(engine))

    def _with_load_machines(self, engine: EngineFacts) -> EngineFacts:
        """With those of the nodes that drive load: of the one, or of each by its name."""
        if not self._standing:
            return engine
        driving = zip(self._generators, self._standing.loads, strict=False)
        facts = [each.facts(agent(), self._standing.bundle) for each, agent in driving]
        if len(facts) > 1:
            return replace(engine, generators={each.name: each for each in facts})
        return replace(engine, generator=next(iter(facts), None))

    def _with_machine(self, engine: EngineFacts) -> EngineFacts:
        """With those of its machine, where that is another one than this."""
        if not self.elsewhere or self._agents is None:
            return engine
        if self._standing:
            return with_machine(engine, self._client, self._standing.looks())
        marks = labels(self._run_id, "probe", "agent")
        with start_agent(self._client, self._agents.image_id, marks, looks=True) as agent:
            return with_machine(engine, self._client, agent)

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
        agents = standing_agents(self._client, self._agents, self._run_id, load, self._generators, self._node)
        with agents as self._standing:
            try:
                yield self._standing.place
            finally:
                self._standing = None

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        """Containers up, N processes answering; everything is removed on leaving, also after a failed start."""
        node = self._node.name if self._node else ""
        with INTERRUPTS.deferred(), engine_errors(node), ExitStack() as stack:
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
            containers = self._containers(topology, network, parent, pool)
            with INTERRUPTS.admitted():
                if topology.before:
                    joined.result()
                before = run_stages(
                    topology.before, containers.create_beside, pool, network, access, remove=self._remove_ended
                )
            pairs = before.running
            with with_logs(lambda: {**before.logs, **logs_of(container for _, container in pairs)}):
                with INTERRUPTS.admitted():
                    created = containers.create(topology.services)
                    pairs = (*zip(topology.services, created, strict=True), *before.running)
                    joined.result()
                    started = containers.start(created)
                    for _, container in pairs:
                        container.reload()
                changes = containers.changes(pairs, access.there)
                deployment = containers.deployed(changes, started, access, before)
            with guarded(deployment, changes.end, access.there) as guarded_deployment:
                yield guarded_deployment

    def _containers(self, topology: Topology, network: str, parent: str, pool: ThreadPoolExecutor) -> Containers:
        return Containers(
            client=self._client,
            images=self._images,
            run_id=self._run_id,
            topology=topology,
            network=network,
            parent=parent,
            pool=pool,
            node=self._node,
            generators=self._machines_of_load(),
        )

    def _machines_of_load(self) -> tuple[Machine, ...]:
        """Those that drive load, where the arms' does not."""
        agents = self._standing.loads if self._standing else ()
        return tuple(each.machine(agent()) for each, agent in zip(self._generators, agents, strict=False))

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

    def _remove_ended(self, container: Container) -> None:
        remove_container(self._client, str(container.id))

    def _remove(self, topology: Topology, network: str) -> None:
        marks = {TRIAL: topology.trial_id, RUN: self._run_id, OWNER: owner()}
        remove_labelled(self._client, marks, leaving={network: list(self._guests(network))})

    def _remove_orphans(self) -> None:
        """Remove what a killed lab left of this very run: a continued one takes the same names again."""
        remove_labelled(self._client, {RUN: self._run_id}, only=lambda marks: not owner_lives(marks))
