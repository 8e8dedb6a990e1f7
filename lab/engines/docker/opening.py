"""Have everything that a run needs of a Docker engine: images, agents, rights, and a network for each arm."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import docker

from lab.engines.docker.agent.generator import Generator
from lab.engines.docker.agent.image import prepare_agent, prepare_load_agent
from lab.engines.docker.agent.rights import ThroughAgent, find_rights
from lab.engines.docker.carry import carry, carry_agent
from lab.engines.docker.connection import connect_node
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


def open_docker(
    scenario: Scenario, run_id: str, on_step: OnStep, *, docker_client: Callable[[], docker.DockerClient] = connect
) -> Opened:
    """Every image is here, and which versions are inside is known. Raises MissingError.

    On nodes images are made by this machine's engine, if it has one, and carried to where they run.
    """
    choose_networks(scenario, elsewhere="")  # what cannot be, wherever the engine is, needs no engine to be said
    node = scenario.nodes[0] if scenario.nodes else None
    client = connect_node(node) if node else docker_client()
    there = connect_node(scenario.load_node) if scenario.load_node else None
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
        _carry_agents(scenario, agents, maker, client, there or client, on_step)
        rights = find_rights(client, run_id, on_step) if Network.HOST in networks else agents
        if isinstance(rights, ThroughAgent):
            rights = replace(rights, signals=bool(scenario.drills))
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
            generator=_generator(scenario, there, agents, run_id),
        ), images


def elsewhere_so_far(run_id: str, *, docker_client: Callable[[], docker.DockerClient] = connect) -> str:
    """Why the engine is not this machine's; "" if it is, or as long as it has no image that could tell."""
    client = docker_client()
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
        for image_id, name in sorted({image.id: image.name for image in images.values()}.items()):
            carry(maker, client, image_id, name, scenario.nodes[0].name, on_step)
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
    there: docker.DockerClient,
    on_step: OnStep,
) -> None:
    """To the nodes on which they run, if any: ``client`` is of that of the arms, ``there`` of that of the load."""
    if agents is None or not scenario.nodes:
        return
    node = scenario.nodes[0]
    carry_agent(maker, client, agents.image_id, node.name, on_step)
    load = scenario.load_node or node
    carry_agent(maker, there, agents.load_image_id or agents.image_id, load.name, on_step)


def _generator(
    scenario: Scenario, there: docker.DockerClient | None, agents: ThroughAgent | None, run_id: str
) -> Generator | None:
    node = scenario.load_node
    if node is None or there is None or agents is None:
        return None
    elsewhere = find_elsewhere(there, [agents.load_image_id or agents.image_id], run_id) or ""
    return Generator(client=there, node=node, arms=scenario.nodes[0], elsewhere=elsewhere)


def prepare_agents(client: docker.DockerClient, scenario: Scenario, on_step: OnStep) -> ThroughAgent:
    """The images of the agents of a run, in this engine. Raises MissingError."""
    agent, wanted = prepare_agent(client, on_step), scenario.load.requirements
    load = prepare_load_agent(client, agent, wanted, on_step) if wanted else ""
    return ThroughAgent(agent, load, signals=bool(scenario.drills))
