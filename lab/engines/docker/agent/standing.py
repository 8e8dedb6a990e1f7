"""The agents of a run: one drives load, the other probes and samples; both join the network of each trial."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import docker

from lab.agent.conversation import Conversation
from lab.agent.loading import AgentPlace
from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.agent.driver import Driver, ahead
from lab.engines.docker.agent.generator import Generator
from lab.engines.docker.agent.loads import Bundle, bundle_of, bundled
from lab.engines.docker.agent.rights import ThroughAgent, access_through
from lab.engines.docker.network import trial_network
from lab.engines.docker.removal import engine_errors
from lab.engines.docker.rights import Access
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, RUN, SERVICE, TRIAL, labels, owner
from lab.load.place import Place
from lab.scenario.model import Load
from lab.scenario.nodes import Node

AGENTS = "agents"  # as trial of their labels: those that have it join the network of every trial
LOOKS, LOADS = "agent", "loads"  # as service of their labels
DrivesAt: TypeAlias = "tuple[docker.DockerClient, str, Node | None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Both agents, up or on their way; whoever needs one waits for it. Raises MissingError where none may run.

    ``place``: where load runs. ``looks``: the one that probes and samples, ``loads``: those that drive load.
    ``containers``: id → name in networks, of those that join. ``bundle``: the digest of the locustfile and its files,
    which every one that drives load has proved to have.
    """

    place: Place
    looks: Callable[[], Conversation]
    loads: Sequence[Callable[[], Conversation]]
    containers: Callable[[], Mapping[str, str]]
    image_id: str
    bundle: str

    def access(self) -> Access:
        """To a trial whose network they have joined, by clocks that are compared anew: those of two kernels drift."""
        agent = self.looks()
        agent.compare()
        return access_through(agent, self.image_id)


@contextmanager
def standing_agents(
    client: docker.DockerClient,
    images: ThroughAgent,
    run_id: str,
    load: Load,
    generators: Sequence[Generator] = (),
    node: Node | None = None,
) -> Iterator[Standing]:
    """Start all beside whatever comes before the first trial; nothing of them is left afterwards.

    With ``generators`` load is driven there, in the networks of these machines, and joins none. ``node``: that of
    the arms.
    """

    def containers() -> Mapping[str, str]:
        looks.result()
        for agent in loads:
            agent()
        return _joining(client, run_id)

    with engine_errors(), ExitStack() as stack:
        with INTERRUPTS.deferred():
            network = stack.enter_context(trial_network(client, labels(run_id, AGENTS, "network")))
            pool = stack.enter_context(ThreadPoolExecutor(1 + max(1, len(generators)), thread_name_prefix="agents"))
            marks = labels(run_id, AGENTS, LOOKS)
            agent = start_agent(
                client, images.image_id, marks, network=network, looks=True, acts=images.acts, node=node
            )
            looks = stack.enter_context(ahead(pool, agent))
            elsewhere: list[DrivesAt] = [(each.client, "", each.node) for each in generators]
            bundle = bundle_of(load)
            loads = list(_drivers(stack, pool, images, run_id, bundle, elsewhere or [(client, network, node)]))
        yield Standing(
            place=_place(looks, loads, generators, run_id, node),
            looks=looks.result,
            loads=loads,
            containers=containers,
            image_id=images.image_id,
            bundle=bundle.digest,
        )


def _drivers(
    stack: ExitStack,
    pool: ThreadPoolExecutor,
    images: ThroughAgent,
    run_id: str,
    bundle: Bundle,
    places: Sequence[DrivesAt],
) -> Iterator[Driver]:
    """Those that drive load, on their way; ``places``: engine of each, its network ("" for the machine's), its node."""
    marks, image_id = labels(run_id, AGENTS, LOADS), images.load_image_id or images.image_id

    def start(client: docker.DockerClient, network: str, node: Node | None) -> AbstractContextManager[Conversation]:
        starting = start_agent(client, image_id, marks, network=network, files=bundle.files, node=node)
        return bundled(starting, bundle, node)

    for client, network, node in places:
        yield Driver(partial(start, client, network, node), stack, pool, None if network else node)


def _joining(client: docker.DockerClient, run_id: str) -> Mapping[str, str]:
    mine = {"label": [f"{RUN}={run_id}", f"{TRIAL}={AGENTS}", f"{OWNER}={owner()}"]}
    return {found["Id"]: found["Labels"][SERVICE] for found in client.api.containers(filters=mine)}


def _place(
    looks: Future[Conversation],
    loads: Sequence[Driver],
    generators: Sequence[Generator],
    run_id: str,
    node: Node | None,
) -> Place:
    agents: dict[str, Callable[[], Conversation]] = {node.name if node else "": looks.result}
    if not generators:
        return AgentPlace(loads[0], host=LOADS, agents=agents)
    agents |= {generator.node.name: agent for generator, agent in zip(generators, loads, strict=True)}
    inside, further = AgentPlace(looks.result, host=LOOKS), list[Place]()
    for agent, generator in reversed(list(zip(loads, generators, strict=True))):
        name, entrance = generator.node.name, generator.entrance
        again = partial(agent.renew, generator.client, labels(run_id, AGENTS, LOADS))
        place = AgentPlace(
            agent, node=name, entrance=entrance, inside=inside, further=further, agents=agents, again=again
        )
        further = [place, *further]
    return place
