"""Have everything that a run needs of a Docker engine: images, agents, rights, and a network for each arm."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import docker

from lab.engines.docker.agent.image import prepare_agent, prepare_load_agent
from lab.engines.docker.agent.rights import ThroughAgent, find_rights
from lab.engines.docker.elsewhere import find_elsewhere, images_here
from lab.engines.docker.engine import DockerEngine, connect
from lab.engines.docker.pool import check_pool
from lab.engines.docker.refusals import check_group, choose_networks
from lab.engines.docker.removal import engine_errors
from lab.engines.images.asking import image_versions
from lab.engines.images.prepare import prepare_images
from lab.engines.kinds import OnStep, Opened
from lab.plan.points import points_of
from lab.scenario.budget import Limits
from lab.scenario.model import APP_IMAGE, Scenario
from lab.scenario.network import Network


def open_docker(
    scenario: Scenario, run_id: str, on_step: OnStep, *, docker_client: Callable[[], docker.DockerClient] = connect
) -> Opened:
    """Every image is here, and which versions are inside is known. Raises MissingError."""
    choose_networks(scenario, elsewhere="")  # what cannot be, wherever the engine is, needs no engine to be said
    client = docker_client()
    with engine_errors():
        check_group(scenario, client.info().get("CgroupVersion", ""))
        elsewhere = find_elsewhere(client, images_here(client), run_id)
        networks = choose_networks(scenario, elsewhere or "")
        pool = partial(check_pool, run_id, _pool(scenario), client.info().get("CgroupDriver", ""))
        pool(elsewhere or "")
        images = dict(prepare_images(client, scenario, on_step))
        deployed = [drill.image_key for drill in scenario.drills if drill.image]
        keys = sorted({APP_IMAGE, *(arm.image_key for arm in scenario.arms), *deployed})
        versions = {identity: image_versions(client, identity, run_id) for identity in {images[key].id for key in keys}}
        images |= {key: replace(images[key], versions=versions[images[key].id]) for key in keys}
        if elsewhere is None:
            elsewhere = find_elsewhere(client, [images[APP_IMAGE].id], run_id) or ""
            pool(elsewhere)
            networks = choose_networks(scenario, elsewhere)
        agents = _agents(client, scenario, on_step) if Network.OWN in networks else None
        rights = find_rights(client, run_id, on_step) if Network.HOST in networks else agents
        if isinstance(rights, ThroughAgent):
            rights = replace(rights, signals=bool(scenario.drills))
    engine = DockerEngine(
        client,
        images,
        run_id,
        scenario.port_range,
        rights,
        agents=agents,
        networks=networks,
        elsewhere=elsewhere,
    )
    return engine, images


def elsewhere_so_far(run_id: str, *, docker_client: Callable[[], docker.DockerClient] = connect) -> str:
    """Why the engine is not this machine's; "" if it is, or as long as it has no image that could tell."""
    client = docker_client()
    with engine_errors():
        return find_elsewhere(client, images_here(client), run_id) or ""


def _pool(scenario: Scenario) -> Limits:
    """The first pooled budget that a trial will have, at whichever point: one is refused as all of them are."""
    pools = [point.scenario.budget.pool() for point in points_of(scenario)]
    return next((pool for pool in pools if not pool.unlimited), pools[0])


def _agents(client: docker.DockerClient, scenario: Scenario, on_step: OnStep) -> ThroughAgent:
    agent, wanted = prepare_agent(client, on_step), scenario.load.requirements
    load = prepare_load_agent(client, agent, wanted, on_step) if wanted else ""
    return ThroughAgent(agent, load, signals=bool(scenario.drills))
