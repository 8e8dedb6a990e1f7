"""Have everything that a run needs of a Swarm: its nodes, images on each, and agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import docker

from lab.engines.docker.carry import carry, carry_agent
from lab.engines.docker.opening import image_maker, prepare_agents
from lab.engines.docker.refusals import choose_networks
from lab.engines.docker.removal import engine_errors
from lab.engines.images.asking import image_versions
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.engines.kinds import OnStep, Opened
from lab.engines.swarm.cluster import Cluster, find_cluster
from lab.engines.swarm.engine import SwarmEngine
from lab.scenario.model import APP_IMAGE, Scenario


def open_swarm(scenario: Scenario, run_id: str, on_step: OnStep) -> Opened:
    """The Swarm is there, and every image on every node. Raises MissingError, the Swarm's before anything is built."""
    choose_networks(scenario, elsewhere="the arms run on a Swarm")
    cluster = find_cluster(scenario)
    manager = cluster.manager
    maker = image_maker(manager.node, manager.client, on_step)
    with engine_errors():
        images = _images(maker, cluster, scenario, run_id, on_step)
        agents = prepare_agents(maker, scenario, on_step)
        for member in cluster.members:
            carry_agent(maker, member.client, agents.image_id, member.node.name, on_step)
        if agents.load_image_id:
            carry_agent(maker, cluster.load.client, agents.load_image_id, cluster.load.node.name, on_step)
    return SwarmEngine(cluster, images, run_id, agents), images


def _images(
    maker: docker.DockerClient, cluster: Cluster, scenario: Scenario, run_id: str, on_step: OnStep
) -> Mapping[str, ImageRecord]:
    """On every node that may run them, for a Swarm pulls none of those that it is given by id."""
    images = dict(prepare_images(maker, scenario, on_step))
    for member in cluster.members:
        for image_id, name in sorted({image.id: image.name for image in images.values()}.items()):
            carry(maker, member.client, image_id, name, member.node.name, on_step)
    keys = sorted({APP_IMAGE, *(arm.image_key for arm in scenario.arms)})
    client = cluster.manager.client
    versions = {identity: image_versions(client, identity, run_id) for identity in {images[key].id for key in keys}}
    return images | {key: replace(images[key], versions=versions[images[key].id]) for key in keys}
