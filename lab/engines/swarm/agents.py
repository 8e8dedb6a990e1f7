"""The agents of a run on a Swarm: one that probes and samples on each node of arms, and one where load is driven.

They are plain containers, started through each node's engine: services cannot share the host's PID namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from lab.agent.conversation import Conversation
from lab.agent.loading import AgentPlace
from lab.agent.sampling import sampled_by
from lab.engines import Machine, Part
from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.agent.driver import Driver, ahead
from lab.engines.docker.agent.loads import Bundle, bundle_of, bundled
from lab.engines.docker.agent.rights import ThroughAgent, access_through
from lab.engines.docker.agent.standing import AGENTS, LOADS, LOOKS
from lab.engines.docker.network import join, trial_network
from lab.engines.docker.removal import disconnect, each, engine_errors, noted
from lab.engines.docker.rights import Access
from lab.engines.swarm.cluster import Cluster, Member
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, RUN, SERVICE, TRIAL, labels, owner
from lab.load.place import Place
from lab.scenario.model import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Up, or on their way; whoever needs one waits for it. ``looks``, ``loads``: by the name of the node."""

    cluster: Cluster
    run_id: str
    image_id: str
    place: Place
    looks: Mapping[str, Callable[[], Conversation]]
    loads: Mapping[str, Callable[[], Conversation]]

    def access(self, member: Member) -> Access:
        """To what a node runs, by clocks that are compared anew: those of two kernels drift."""
        agent = self.looks[member.node.name]()
        agent.compare()
        return access_through(agent, self.image_id)

    def machines_of_load(self) -> tuple[Machine, ...]:
        """The nodes that drive load, where no part of an arm runs."""
        apart = {member.node.name: member for member in self.cluster.loads if not member.arms}
        return tuple(
            Machine(name=name, launch=sampled_by(self.loads[name]()), lab_pid=self.cluster.lab_pid(member))
            for name, member in apart.items()
        )

    def join(self, network_id: str, pool: ThreadPoolExecutor, inside: Collection[Member]) -> None:
        """Those that probe on the nodes ``inside``, and those that drive load, join a network of the Swarm.

        No others: what has joined it on a node that is gone keeps it from being removed until the node comes back.
        """
        each(pool, lambda member: join(member.client, network_id, self._on(member, inside)), self.cluster.members)

    def leave(self, network_id: str, pool: ThreadPoolExecutor, inside: Collection[Member]) -> None:
        """They leave it; a node that is gone keeps nobody from leaving."""

        def leaves(member: Member) -> None:
            with noted(member.node.name):
                for identity in self._on(member, inside):
                    disconnect(member.client, network_id, identity)

        each(pool, leaves, self.cluster.members)

    def _on(self, member: Member, inside: Collection[Member]) -> Mapping[str, str]:
        """The containers of agents there that join: id → name in networks."""
        name = member.node.name
        wanted = {LOOKS: self.looks[name]} if member in inside else {}
        wanted |= {LOADS: self.loads[name]} if name in self.loads else {}
        for agent in wanted.values():
            agent()
        mine = {"label": [f"{RUN}={self.run_id}", f"{TRIAL}={AGENTS}", f"{OWNER}={owner()}"]}
        found = member.client.api.containers(filters=mine) if wanted else []
        named = {each["Id"]: each["Labels"][SERVICE] for each in found}
        return {identity: f"{name}-{member.node.name}" for identity, name in named.items() if name in wanted}


def part_of(member: Member, services: frozenset[str], access: Access, lab_pid: int) -> Part:
    """What a node runs of an arm."""
    return Part(
        node=member.node.name,
        services=services,
        there=access.there,
        launch=access.launch,
        clock=access.clock,
        lab_pid=lab_pid,
    )


@contextmanager
def cluster_agents(cluster: Cluster, images: ThroughAgent, run_id: str, load: Load) -> Iterator[Agents]:
    """Start them beside whatever comes before the first trial; nothing of them is left on any node afterwards."""
    with engine_errors(), ExitStack() as stack:
        with INTERRUPTS.deferred():
            number = len(cluster.arms) + len(cluster.loads)
            pool = stack.enter_context(ThreadPoolExecutor(number, thread_name_prefix="agents"))
            networks = {}
            for member in cluster.members:
                stack.enter_context(engine_errors(member.node.name))
                here = trial_network(member.client, labels(run_id, AGENTS, "network"))
                networks[member.id] = stack.enter_context(here)
            looks = {}
            for member in cluster.arms:
                marks, network = labels(run_id, AGENTS, LOOKS), networks[member.id]
                agent = start_agent(
                    member.client,
                    images.image_id,
                    marks,
                    network=network,
                    looks=True,
                    acts=images.acts,
                    node=member.node,
                )
                looks[member.node.name] = stack.enter_context(ahead(pool, agent)).result
            marks = labels(run_id, AGENTS, LOADS)
            start = _starts(images.load_image_id or images.image_id, marks, networks, bundle_of(load))
            loads = [Driver(partial(start, member), stack, pool, member.node) for member in cluster.loads]
        yield Agents(
            cluster=cluster,
            run_id=run_id,
            image_id=images.image_id,
            place=_place(cluster, looks, loads, marks),
            looks=looks,
            loads={member.node.name: agent for member, agent in zip(cluster.loads, loads, strict=True)},
        )


def _starts(
    image_id: str, marks: Mapping[str, str], networks: Mapping[str, str], bundle: Bundle
) -> Callable[[Member], AbstractContextManager[Conversation]]:
    """What starts an agent that drives load from a node, in the network of the agents there."""

    def start(member: Member) -> AbstractContextManager[Conversation]:
        network, node = networks[member.id], member.node
        starting = start_agent(member.client, image_id, marks, network=network, files=bundle.files, node=node)
        return bundled(starting, bundle, node)

    return start


def _place(
    cluster: Cluster,
    looks: Mapping[str, Callable[[], Conversation]],
    loads: Sequence[Driver],
    marks: Mapping[str, str],
) -> Place:
    """Where load comes from: the first node that drives it, and further ones with it."""
    further, driving = list[Place](), list(zip(cluster.loads, loads, strict=True))
    agents: dict[str, Callable[[], Conversation]] = {member.node.name: agent for member, agent in driving}
    agents |= {member.node.name: looks[member.node.name] for member in cluster.arms}
    for member, agent in reversed(driving):
        name, again = member.node.name, partial(agent.renew, member.client, marks)
        place = AgentPlace(agent, f"{LOADS}-{name}", node=name, further=further, agents=agents, again=again)
        further = [place, *further]
    return place
