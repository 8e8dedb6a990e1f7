"""The agents of a run on a Swarm: one on each node that probes and samples, and one that drives load.

They are plain containers, started through each node's engine: services cannot share the host's PID namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from lab.agent.conversation import Conversation
from lab.agent.loading import AgentPlace
from lab.agent.sampling import sampled_by
from lab.engines import Machine, Part
from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.agent.loads import files_of
from lab.engines.docker.agent.rights import ThroughAgent, access_through
from lab.engines.docker.agent.standing import AGENTS, LOADS, LOOKS, ahead
from lab.engines.docker.network import join, trial_network
from lab.engines.docker.removal import disconnect, each, engine_errors
from lab.engines.docker.rights import Access
from lab.engines.swarm.cluster import Cluster, Member
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, RUN, SERVICE, TRIAL, labels, owner
from lab.load.place import Place
from lab.scenario.model import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Up, or on their way; whoever needs one waits for it. ``looks``: by the name of the node."""

    cluster: Cluster
    run_id: str
    image_id: str
    place: Place
    looks: Mapping[str, Callable[[], Conversation]]
    loads: Callable[[], Conversation]

    def access(self, member: Member) -> Access:
        """To what a node runs, by clocks that are compared anew: those of two kernels drift."""
        agent = self.looks[member.node.name]()
        agent.compare()
        return access_through(agent, self.image_id)

    def machine_of_load(self) -> Machine | None:
        """The node that drives load, where no part of an arm runs."""
        if self.cluster.load.arms:
            return None
        return Machine(name=self.cluster.load.node.name, launch=sampled_by(self.loads()))

    def join(self, network_id: str, pool: ThreadPoolExecutor) -> None:
        """All of them join a network of the Swarm."""
        each(pool, lambda member: join(member.client, network_id, self._on(member)), self.cluster.members)

    def leave(self, network_id: str, pool: ThreadPoolExecutor) -> None:
        """All of them leave it."""
        guests = [(member, identity) for member in self.cluster.members for identity in self._on(member)]
        each(pool, lambda guest: disconnect(guest[0].client, network_id, guest[1]), guests)

    def _on(self, member: Member) -> Mapping[str, str]:
        """The containers of agents there: id → name in networks."""
        self.looks[member.node.name]()
        if member is self.cluster.load:
            self.loads()
        mine = {"label": [f"{RUN}={self.run_id}", f"{TRIAL}={AGENTS}", f"{OWNER}={owner()}"]}
        found = member.client.api.containers(filters=mine)
        return {each["Id"]: f"{each['Labels'][SERVICE]}-{member.node.name}" for each in found}


def part_of(member: Member, services: frozenset[str], access: Access) -> Part:
    """What a node runs of an arm."""
    return Part(node=member.node.name, services=services, there=access.there, launch=access.launch, clock=access.clock)


@contextmanager
def cluster_agents(cluster: Cluster, images: ThroughAgent, run_id: str, load: Load) -> Iterator[Agents]:
    """Start them beside whatever comes before the first trial; nothing of them is left on any node afterwards."""
    with engine_errors(), ExitStack() as stack:
        with INTERRUPTS.deferred():
            pool = stack.enter_context(ThreadPoolExecutor(len(cluster.members) + 1, thread_name_prefix="agents"))
            networks = {}
            for member in cluster.members:
                stack.enter_context(engine_errors(member.node.name))
                here = trial_network(member.client, labels(run_id, AGENTS, "network"))
                networks[member.id] = stack.enter_context(here)
            looks = {}
            for member in cluster.members:
                marks, network = labels(run_id, AGENTS, LOOKS), networks[member.id]
                agent = start_agent(
                    member.client, images.image_id, marks, network=network, looks=True, node=member.node
                )
                looks[member.node.name] = stack.enter_context(ahead(pool, agent)).result
            marks, there = labels(run_id, AGENTS, LOADS), cluster.load
            image_id, network = images.load_image_id or images.image_id, networks[there.id]
            files = files_of(load)
            agent = start_agent(there.client, image_id, marks, network=network, files=files, node=there.node)
            loads = stack.enter_context(ahead(pool, agent)).result
        yield Agents(
            cluster=cluster,
            run_id=run_id,
            image_id=images.image_id,
            place=AgentPlace(loads, host=f"{LOADS}-{there.node.name}", node=there.node.name),
            looks=looks,
            loads=loads,
        )
