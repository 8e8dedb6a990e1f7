"""Engine ``swarm``: the services of a topology as services of a Docker Swarm, over the nodes of the scenario."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from docker.models.containers import Container

from lab.engines import Deployment
from lab.engines.docker.agent.rights import ThroughAgent
from lab.engines.docker.connection import describe
from lab.engines.docker.elsewhere import with_machine
from lab.engines.docker.fate import logs_of
from lab.engines.docker.removal import (
    PARALLEL,
    each,
    engine_errors,
    noted,
    remove_container,
    remove_labelled,
)
from lab.engines.docker.rights import Access
from lab.engines.docker.stages import run_stages, starts
from lab.engines.images.images import ImageRecord
from lab.engines.running import with_logs
from lab.engines.swarm.agents import Agents, cluster_agents
from lab.engines.swarm.arm import Arm
from lab.engines.swarm.cluster import Cluster, Member
from lab.engines.swarm.draining import activate, drained
from lab.engines.swarm.removal import (
    Only,
    TrialNetworks,
    any_labels,
    remove_files,
    remove_networks,
    remove_services,
)
from lab.engines.swarm.services import Services
from lab.errors import MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, RUN, SERVICE, TRIAL, labels, owner, owner_lives
from lab.load.place import Place
from lab.plan.topology import Service, Topology
from lab.record.run_types import EngineFacts, SwarmFacts
from lab.scenario.model import Load
from lab.scenario.swarm import SwarmOptions


class SwarmEngine:
    """Realises topologies as services of a Swarm; one service of one task for each container of a topology."""

    name = "swarm"

    def __init__(
        self,
        cluster: Cluster,
        images: Mapping[str, ImageRecord],
        run_id: str,
        agents: ThroughAgent,
        options: SwarmOptions,
    ) -> None:
        self.elsewhere = f"the arms run on the Swarm of node {cluster.manager.node.name}"
        self._cluster = cluster
        self._images = images
        self._run_id = run_id
        self._through = agents
        self._options = options
        self._agents: Agents | None = None
        self._networks = TrialNetworks()

    def describe(self) -> EngineFacts:
        """Facts of the manager's engine and machine, and of the Swarm."""
        manager = self._cluster.manager
        swarm = SwarmFacts(
            nodes=tuple(member.node.name for member in self._cluster.arms),
            load=", ".join(each.node.name for each in self._cluster.loads),
            endpoint_mode=self._options.endpoint_mode,
            front=", ".join(each.node.name for each in self._cluster.fronts(self._options)),
        )
        with engine_errors(manager.node.name):
            facts = replace(
                describe(manager.client),
                engine=self.name,
                network="own",
                network_because=self.elsewhere,
                sampled_by=self._through.sampled_by,
                swarm=swarm,
            )
            if not self._agents:
                return facts
            return with_machine(facts, manager.client, self._agents.looks[manager.node.name]())

    def image_id(self, key: str) -> str:
        """The id of a prepared image, which is the same on every node."""
        return self._images[key].id

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:  # noqa: ARG002  every container has all of them
        """None: nothing listens on this machine."""
        return ()

    @contextmanager
    def load_place(self, load: Load) -> Iterator[Place]:
        """The agent that drives load, which joins the network of each trial as those do that look."""
        manager = self._cluster.manager
        with (
            engine_errors(manager.node.name),
            self._networks.during_run(manager.client),
            cluster_agents(self._cluster, self._through, self._run_id, load) as self._agents,
        ):
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
                agents.join(services.network_id, services.pool, services.inside())
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
                self._start(services, accesses, pairs)
                arm = Arm(
                    services=services,
                    before=before,
                    accesses=accesses,
                    generators=agents.machines_of_load(),
                )
                deployment = arm.deployed(pairs, began_s)
            yield deployment

    def _services(self, topology: Topology, agents: Agents, stack: ExitStack) -> tuple[Services, str]:
        """What makes the services of a trial, and its network by name; ``stack`` removes all of it."""
        manager = self._cluster.manager.client
        pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="swarm")
        stack.callback(pool.shutdown)
        stack.callback(self._let_back, lambda found: found.get(OWNER) == owner())
        name, marks = f"lab-{self._run_id}-{topology.trial_id}", labels(self._run_id, topology.trial_id, "network")
        made = manager.networks.create(name, driver="overlay", attachable=True, labels=marks, check_duplicate=True)
        network_id = str(made.id)
        stack.enter_context(self._networks.during_trial(manager, network_id))
        services = Services(
            cluster=self._cluster,
            images=self._images,
            run_id=self._run_id,
            topology=topology,
            network_id=network_id,
            network=name,
            options=self._options,
            pool=pool,
        )
        services.place()
        stack.callback(agents.leave, network_id, pool, services.inside())
        stack.callback(self._remove, {TRIAL: topology.trial_id, RUN: self._run_id, OWNER: owner()})
        return services, name

    def standing(self) -> Agents:
        """The agents of the run. Raises MissingError outside of ``load_place``."""
        if self._agents is None:
            raise MissingError("a Swarm is reached by the agents of a run, and there are none yet")
        return self._agents

    def _start(
        self, services: Services, accesses: Mapping[str, Access], pairs: list[tuple[Service, Container]]
    ) -> None:
        """The app's first; a front starts when it can find them by name. Those that run are added to ``pairs``."""
        started: list[tuple[Service, Container]] = []
        for together in starts(services.topology, services.topology.services):
            if started and together:  # a front, which looks names up when it starts
                addresses = {service.host: services.address_of(service, container) for service, container in started}
                for member in services.homes(together):
                    services.wait_for_names(accesses[member.node.name].there, addresses, member)
            started = list(zip(together, services.create(together), strict=True))
            pairs += started

    def _remove_ended(self, container: Container) -> None:
        marks = {key: container.labels[key] for key in (RUN, TRIAL, SERVICE, OWNER)}
        remove_services(self._cluster.manager.client, marks)
        remove_container(container.client, str(container.id))  # the Swarm would take its time

    def _remove_orphans(self) -> None:
        """Remove what a killed lab left of this very run: a continued one takes the same names again.

        So is what a lost node kept, for without it no further trial begins.
        """
        self._networks.remove_kept(self._cluster.manager.client)
        marks, abandoned = {RUN: self._run_id}, lambda found: not owner_lives(found)
        self._remove(marks, abandoned)
        remove_networks(self._cluster.manager.client, marks, abandoned)
        self._let_back(abandoned)

    def _let_back(self, only: Only) -> None:
        """Let nodes run tasks again that this run has drained."""
        manager = self._cluster.manager.client
        for _name, identity, marks in drained(manager):
            if marks[RUN] == self._run_id and only(marks):
                activate(manager, identity)

    def _remove(self, marks: Mapping[str, str], only: Only = any_labels) -> None:
        """Services first, so that nothing comes again; then their containers on each node, then what they used.

        All of it is tried, also where a node is gone: that is raised when the others are clean.
        """
        manager = self._cluster.manager.client
        with ExitStack() as stack:
            stack.callback(remove_files, manager, marks, only)
            stack.callback(self._remove_containers, marks, only)
            remove_services(manager, marks, only)

    def _remove_containers(self, marks: Mapping[str, str], only: Only) -> None:
        def remove(member: Member) -> None:
            with noted(member.node.name):
                remove_labelled(member.client, marks, only)

        with ThreadPoolExecutor(PARALLEL) as pool:
            each(pool, remove, self._cluster.members)
