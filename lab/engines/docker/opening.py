"""Have everything that a run needs of a Docker engine: images, agents, rights, and a network for each arm."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import docker

from lab.engines.docker.agent.container import Acts
from lab.engines.docker.agent.generator import Generator
from lab.engines.docker.agent.image import prepare_agent, prepare_load_agent
from lab.engines.docker.agent.rights import ThroughAgent, find_rights
from lab.engines.docker.carry import Cargo, carry_all, of_agent, started_from
from lab.engines.docker.connection import Identity, check_another, connect_node
from lab.engines.docker.elsewhere import find_elsewhere, images_here
from lab.engines.docker.engine import DockerEngine, connect
from lab.engines.docker.pool import check_pool
from lab.engines.docker.refusals import check_group, choose_networks
from lab.engines.docker.removal import engine_errors
from lab.engines.images.asking import image_versions
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.engines.kinds import OnStep, Opened
from lab.errors import MissingError
from lab.plan.points import points_of
from lab.scenario.budget import Limits
from lab.scenario.model import APP_IMAGE, Scenario
from lab.scenario.network import Network
from lab.scenario.nodes import Node

Reached: TypeAlias = "tuple[Node, docker.DockerClient]"


def open_docker(
    scenario: Scenario, run_id: str, on_step: OnStep, *, docker_client: Callable[[], docker.DockerClient] = connect
) -> Opened:
    """Every image is here, and which versions are inside is known. Raises MissingError.

    On nodes images are made by this machine's engine, if it has one, and carried to where they run.
    """
    choose_networks(scenario, elsewhere="")  # what cannot be, wherever the engine is, needs no engine to be said
    node = scenario.nodes[0] if scenario.nodes else None
    client = connect_node(node) if node else docker_client()
    there = _reached(scenario, client)
    maker = image_maker(node, client, on_step)
    with engine_errors():
        check_group(scenario, client.info().get("CgroupVersion", ""))
        elsewhere = find_elsewhere(client, images_here(client), run_id)
        networks = choose_networks(scenario, elsewhere or "")
        pool = partial(check_pool, run_id, _pool(scenario), client.info().get("CgroupDriver", ""))
        pool(elsewhere or "")
        images = _images(client, maker, scenario, run_id, on_step)
        if elsewhere is None:
            elsewhere = find_elsewhere(client, [images[APP_IMAGE].id], run_id) or ""
            pool(elsewhere)
            networks = choose_networks(scenario, elsewhere)
        agents = prepare_agents(maker, scenario, on_step) if Network.OWN in networks else None
        _carry_agents(scenario, agents, maker, client, there, on_step)
        rights = find_rights(client, run_id, on_step) if Network.HOST in networks else agents
        if isinstance(rights, ThroughAgent):
            rights = replace(rights, acts=acts_of(scenario))
        return DockerEngine(
            client,
            images,
            run_id,
            scenario.port_range,
            rights,
            agents=agents,
            networks=networks,
            elsewhere=elsewhere,
            node=node,
            generators=_generators(scenario, there, agents, run_id),
        ), images


def _reached(scenario: Scenario, client: docker.DockerClient) -> list[Reached]:
    """The nodes that drive load; ``client`` is of that of the arms. Raises ScenarioError where two have one engine."""
    there, seen = [(each, connect_node(each)) for each in scenario.load_nodes], dict[Identity, Node]()
    for node, engine in [*((first, client) for first in scenario.nodes[:1]), *there]:
        check_another(node, engine, seen)
    return there


def elsewhere_so_far(run_id: str) -> str:
    """Why the engine is not this machine's; "" if it is, or as long as it has no image that could tell."""
    client = connect()
    with engine_errors():
        return find_elsewhere(client, images_here(client), run_id) or ""


def _pool(scenario: Scenario) -> Limits:
    """The first pooled budget that a trial will have, at whichever point: one is refused as all of them are."""
    pools = [point.scenario.budget.pool() for point in points_of(scenario)]
    return next((pool for pool in pools if not pool.unlimited), pools[0])


def _images(
    client: docker.DockerClient, maker: docker.DockerClient, scenario: Scenario, run_id: str, on_step: OnStep
) -> dict[str, ImageRecord]:
    """Every image where the arms run, with what is inside those of apps; made, or had, by ``maker``."""
    images = dict(prepare_images(maker, scenario, on_step))
    if scenario.nodes:
        carry_all(maker, [Cargo(node=scenario.nodes[0].name, target=client, images=started_from(images))], on_step)
    deployed = [drill.image_key for drill in scenario.drills if drill.image]
    keys = sorted({APP_IMAGE, *(arm.image_key for arm in scenario.arms), *deployed})
    versions = {identity: image_versions(client, identity, run_id) for identity in {images[key].id for key in keys}}
    return images | {key: replace(images[key], versions=versions[images[key].id]) for key in keys}


def image_maker(node: Node | None, client: docker.DockerClient, on_step: OnStep) -> docker.DockerClient:
    """The engine that makes images: this machine's for nodes elsewhere, which need no way to a registry."""
    if node is None or not node.engine:
        return client
    try:
        return connect()
    except MissingError as error:
        on_step(f"images are made on node {node.name}: {error}")
        return client


def _carry_agents(
    scenario: Scenario,
    agents: ThroughAgent | None,
    maker: docker.DockerClient,
    client: docker.DockerClient,
    there: Sequence[Reached],
    on_step: OnStep,
) -> None:
    """To the nodes on which they run, if any: ``client`` is of that of the arms, ``there`` are those of the load."""
    if agents is None or not scenario.nodes:
        return
    looks, load = of_agent(maker, agents.image_id), of_agent(maker, agents.load_image_id or agents.image_id)
    cargoes = [Cargo(node=scenario.nodes[0].name, target=client, images=looks if there else {**looks, **load})]
    cargoes += [Cargo(node=each.name, target=engine, images=load) for each, engine in there]
    carry_all(maker, cargoes, on_step)


def _generators(
    scenario: Scenario, there: Sequence[Reached], agents: ThroughAgent | None, run_id: str
) -> tuple[Generator, ...]:
    if agents is None:
        return ()
    found = []
    for node, client in there:
        with engine_errors(node.name):
            elsewhere = find_elsewhere(client, [agents.load_image_id or agents.image_id], run_id) or ""
        found.append(Generator(client=client, node=node, arms=scenario.nodes[0], elsewhere=elsewhere))
    return tuple(found)


def prepare_agents(client: docker.DockerClient, scenario: Scenario, on_step: OnStep) -> ThroughAgent:
    """The images of the agents of a run, in this engine. Raises MissingError."""
    agent, wanted = prepare_agent(client, on_step), scenario.load.requirements
    load = prepare_load_agent(client, agent, wanted, on_step) if wanted else ""
    return ThroughAgent(agent, load, acts=acts_of(scenario))


def acts_of(scenario: Scenario) -> Acts:
    """What its drills take of an agent."""
    if any(drill.group for drill in scenario.drills):
        return Acts.GROUPS
    return Acts.SIGNALS if scenario.drills else Acts.NOTHING
