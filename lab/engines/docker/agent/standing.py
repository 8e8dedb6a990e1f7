"""The agents of a run: one drives load, the other probes and samples; both join the network of each trial."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

import docker

from lab.agent.conversation import Conversation
from lab.agent.loading import AgentPlace
from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.agent.generator import Generator
from lab.engines.docker.agent.loads import files_of
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Both agents, up or on their way; whoever needs one waits for it. Raises MissingError where none may run.

    ``place``: where load runs. ``looks``: the one that probes and samples, ``loads``: the one that drives load.
    ``containers``: id → name in networks, of those that join.
    """

    place: Place
    looks: Callable[[], Conversation]
    loads: Callable[[], Conversation]
    containers: Callable[[], Mapping[str, str]]
    image_id: str

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
    generator: Generator | None = None,
    node: Node | None = None,
) -> Iterator[Standing]:
    """Start both beside whatever comes before the first trial; nothing of them is left afterwards.

    With a ``generator`` load is driven there, in that machine's own network, and joins none. ``node``: that of
    the arms.
    """

    def containers() -> Mapping[str, str]:
        for agent in (looks, loads):
            agent.result()
        return _joining(client, run_id)

    with engine_errors(), ExitStack() as stack:
        with INTERRUPTS.deferred():
            network = stack.enter_context(trial_network(client, labels(run_id, AGENTS, "network")))
            pool = stack.enter_context(ThreadPoolExecutor(2, thread_name_prefix="agents"))
            marks = labels(run_id, AGENTS, LOOKS)
            agent = start_agent(
                client, images.image_id, marks, network=network, looks=True, signals=images.signals, node=node
            )
            looks = stack.enter_context(ahead(pool, agent))
            marks, image_id = labels(run_id, AGENTS, LOADS), images.load_image_id or images.image_id
            there, at, on = (generator.client, "", generator.node) if generator else (client, network, node)
            agent = start_agent(there, image_id, marks, network=at, files=files_of(load), node=on)
            stack.enter_context(engine_errors(generator.node.name if generator else ""))
            loads = stack.enter_context(ahead(pool, agent))
        yield Standing(
            place=_place(looks, loads, generator),
            looks=looks.result,
            loads=loads.result,
            containers=containers,
            image_id=images.image_id,
        )


def _joining(client: docker.DockerClient, run_id: str) -> Mapping[str, str]:
    mine = {"label": [f"{RUN}={run_id}", f"{TRIAL}={AGENTS}", f"{OWNER}={owner()}"]}
    return {found["Id"]: found["Labels"][SERVICE] for found in client.api.containers(filters=mine)}


def _place(looks: Future[Conversation], loads: Future[Conversation], generator: Generator | None) -> Place:
    if generator is None:
        return AgentPlace(loads.result, host=LOADS)
    inside = AgentPlace(looks.result, host=LOOKS)
    return AgentPlace(loads.result, node=generator.node.name, entrance=generator.entrance, inside=inside)


@contextmanager
def ahead(pool: ThreadPoolExecutor, agent: AbstractContextManager[Conversation]) -> Iterator[Future[Conversation]]:
    """Enter in a thread what is left at the end."""

    def enter() -> Conversation:
        with engine_errors():  # told where the agent is needed
            return agent.__enter__()

    starting = pool.submit(enter)
    try:
        yield starting
    finally:
        with INTERRUPTS.deferred():
            if starting.exception() is None:
                agent.__exit__(None, None, None)
