"""Engine ``swarm``: the services of a topology as services of a Docker Swarm, over the nodes of the scenario."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from docker.models.containers import Container

from lab.agent.calls import There
from lab.engines import Deployment
from lab.engines.docker.agent.rights import ThroughAgent
from lab.engines.docker.connection import describe
from lab.engines.docker.elsewhere import machine_facts
from lab.engines.docker.fate import logs_of
from lab.engines.docker.network import address_in
from lab.engines.docker.removal import PARALLEL, each, engine_errors, remove_container, remove_labelled
from lab.engines.docker.stages import run_stages, starts
from lab.engines.images.images import ImageRecord
from lab.engines.running import with_logs
from lab.engines.swarm.agents import Agents, cluster_agents
from lab.engines.swarm.arm import Arm
from lab.engines.swarm.cluster import Cluster
from lab.engines.swarm.removal import (
    Only,
    any_labels,
    remove_files,
    remove_networks,
    remove_services,
    remove_used_network,
)
from lab.engines.swarm.services import DNSRR, Services
from lab.errors import MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, RUN, SERVICE, TRIAL, labels, owner, owner_lives
from lab.load.place import Place
from lab.plan.topology import Service, Topology
from lab.scenario.model import APP_IMAGE, Load


class SwarmEngine:
    """Realises topologies as services of a Swarm; one service of one task for each container of a topology."""

    name = "swarm"

    def __init__(self, cluster: Cluster, images: Mapping[str, ImageRecord], run_id: str, agents: ThroughAgent) -> None:
        self.elsewhere = f"the arms run on the Swarm of node {cluster.manager.node.name}"
        self._cluster = cluster
        self._images = images
        self._run_id = run_id
        self._through = agents
        self._agents: Agents | None = None

    def describe(self) -> Mapping[str, Any]:
        """Facts of the manager's engine and machine, of the Swarm, and of what is inside the app's own image."""
        manager = self._cluster.manager
        with engine_errors(manager.node.name):
            facts = {
                **describe(manager.client),
                "engine": self.name,
                "network": "own",
                "network_because": self.elsewhere,
                **self._through.describe(),
                "swarm": {
                    "nodes": [member.node.name for member in self._cluster.arms],
                    "load": self._cluster.load.node.name,
                    "endpoint_mode": DNSRR,
                },
            }
            if self._agents:
                facts |= machine_facts(manager.client, self._agents.looks[manager.node.name]().clock)
            return {**facts, **self._images[APP_IMAGE].versions}

    def image_id(self, key: str) -> str:
        """The id of a prepared image, which is the same on every node."""
        return self._images[key].id

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:  # noqa: ARG002  every container has all of them
        """None: nothing listens on this machine."""
        return ()

    @contextmanager
    def load_place(self, load: Load) -> Iterator[Place]:
        """The agent that drives load, which joins the network of each trial as those do that look."""
        with cluster_agents(self._cluster, self._through, self._run_id, load) as self._agents:
            try:
                yield self._agents.place
            finally:
                self._agents = None

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        """Services up, N processes answering; everything is removed on leaving, also after a failed start."""
        agents = self.standing()
        with INTERRUPTS.deferred(), engine_errors(), ExitStack() as stack:
            self._remove_orphans()
            services, network = self._services(topology, agents, stack)
            with INTERRUPTS.admitted():
                agents.join(services.network_id, services.pool)
                accesses = {member.node.name: agents.access(member) for member in self._cluster.arms}
                first = accesses[self._cluster.manager.node.name]
                before = run_stages(
                    topology.before,
                    services.create_beside,
                    services.pool,
                    network,
                    first,
                    remove=self._remove_ended,
                    begin=lambda _container, _hint: None,  # it was created by being started
                )
            pairs = [*before.running]
            with with_logs(lambda: {**before.logs, **logs_of(container for _, container in pairs)}):
                began_s = time.monotonic()
                self._start(services, first.there, network, pairs)
                arm = Arm(
                    services=services,
                    pairs=pairs,
                    before=before,
                    accesses=accesses,
                    network=network,
                    generator=agents.machine_of_load(),
                )
                deployment = arm.deployed(began_s)
            yield deployment

    def _services(self, topology: Topology, agents: Agents, stack: ExitStack) -> tuple[Services, str]:
        """What makes the services of a trial, and its network by name; ``stack`` removes all of it."""
        manager = self._cluster.manager.client
        pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="swarm")
        stack.callback(pool.shutdown)
        name, marks = f"lab-{self._run_id}-{topology.trial_id}", labels(self._run_id, topology.trial_id, "network")
        made = manager.networks.create(name, driver="overlay", attachable=True, labels=marks, check_duplicate=True)
        network_id = str(made.id)
        stack.callback(remove_used_network, manager, network_id)
        stack.callback(agents.leave, network_id, pool)
        stack.callback(self._remove, {TRIAL: topology.trial_id, RUN: self._run_id, OWNER: owner()})
        services = Services(
            cluster=self._cluster,
            images=self._images,
            run_id=self._run_id,
            topology=topology,
            network_id=network_id,
            pool=pool,
        )
        services.place()
        return services, name

    def standing(self) -> Agents:
        """The agents of the run. Raises MissingError outside of ``load_place``."""
        if self._agents is None:
            raise MissingError("a Swarm is reached by the agents of a run, and there are none yet")
        return self._agents

    def _start(self, services: Services, there: There, network: str, pairs: list[tuple[Service, Container]]) -> None:
        """The app's first; a front starts when it can find them by name. Those that run are added to ``pairs``."""
        started: list[tuple[Service, Container]] = []
        for together in starts(services.topology, services.topology.services):
            if started:
                addresses = {service.host: address_in(container.attrs, network) for service, container in started}
                services.wait_for_names(there, addresses)
            started = list(zip(together, services.create(together), strict=True))
            pairs += started

    def _remove_ended(self, container: Container) -> None:
        marks = {key: container.labels[key] for key in (RUN, TRIAL, SERVICE, OWNER)}
        remove_services(self._cluster.manager.client, marks)
        remove_container(container.client, str(container.id))  # the Swarm would take its time

    def _remove_orphans(self) -> None:
        """Remove what a killed lab left of this very run: a continued one takes the same names again."""
        marks, abandoned = {RUN: self._run_id}, lambda found: not owner_lives(found)
        self._remove(marks, abandoned)
        remove_networks(self._cluster.manager.client, marks, abandoned)

    def _remove(self, marks: Mapping[str, str], only: Only = any_labels) -> None:
        """Services first, so that nothing comes again; then their containers on each node, then what they used."""
        manager = self._cluster.manager.client
        remove_services(manager, marks, only)
        with ThreadPoolExecutor(PARALLEL) as pool:
            each(pool, lambda member: remove_labelled(member.client, marks, only), self._cluster.members)
        remove_files(manager, marks, only)
