"""Have everything that a run needs of a Swarm: its nodes, images on each, and agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import docker

from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.carry import Cargo, carry_all, of_agent, started_from
from lab.engines.docker.elsewhere import find_elsewhere
from lab.engines.docker.opening import image_maker, prepare_agents
from lab.engines.docker.refusals import choose_networks
from lab.engines.docker.removal import engine_errors
from lab.engines.images.asking import image_versions
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.engines.kinds import OnStep, Opened
from lab.engines.swarm.cluster import Cluster, Member, find_cluster
from lab.engines.swarm.draining import check_alone, lost_node
from lab.engines.swarm.engine import SwarmEngine
from lab.errors import MissingError
from lab.host.kernel import has_ipvs
from lab.host.labels import labels
from lab.sampling.process_view import PROC
from lab.scenario.drills import Verb
from lab.scenario.model import APP_IMAGE, Scenario
from lab.scenario.swarm import DNSRR


def open_swarm(scenario: Scenario, run_id: str, on_step: OnStep) -> Opened:
    """The Swarm is there, and every image on every node. Raises MissingError, the Swarm's before anything is built."""
    choose_networks(scenario, elsewhere="the arms run on a Swarm")
    cluster = find_cluster(scenario)
    manager = cluster.manager
    with engine_errors(manager.node.name):
        for drill in scenario.drills:
            if drill.verb is Verb.NODE_LOSS:
                check_alone(cluster, lost_node(cluster, drill.node, scenario.swarm.front))
    maker = image_maker(manager.node, manager.client, on_step)
    with engine_errors():
        agents = prepare_agents(maker, scenario, on_step)
        looks, load = of_agent(maker, agents.image_id), of_agent(maker, agents.load_image_id)
        carry_all(
            maker,
            [_cargo(each, {**looks, **load} if cluster.drives(each) else looks) for each in cluster.members],
            on_step,
        )
        if scenario.swarm.endpoint_mode != DNSRR:
            for member in cluster.members:
                check_ipvs(member, agents.image_id, run_id)
        cluster = replace(cluster, here=nodes_here(cluster, agents.image_id, run_id))
        images = _images(maker, cluster, scenario, run_id, on_step)
    return SwarmEngine(cluster, images, run_id, agents, scenario.swarm), images


def _cargo(member: Member, images: Mapping[str, str]) -> Cargo:
    return Cargo(node=member.node.name, target=member.client, images=images)


def nodes_here(cluster: Cluster, image_id: str, run_id: str) -> frozenset[str]:
    """The ids of the nodes that are this machine, tried on each with an image that all of them have."""

    def is_here(member: Member) -> bool:
        with engine_errors(member.node.name):
            return find_elsewhere(member.client, [image_id], run_id) == ""

    return frozenset(member.id for member in cluster.members if is_here(member))


def check_ipvs(member: Member, image_id: str, run_id: str) -> None:
    """Refuse virtual addresses where the kernel of a node has nothing that leads on from them. Raises MissingError."""
    with start_agent(member.client, image_id, labels(run_id, "probe", "agent"), looks=True, node=member.node) as agent:
        if not agent.call(has_ipvs, PROC):
            raise MissingError(
                f"the kernel of node {member.node.name} has no IPVS, so that virtual addresses of services lead "
                'nowhere there (swarm.endpoint_mode = "vip")',
                'load it (`modprobe ip_vs`), or say endpoint_mode = "dnsrr": names lead to the tasks themselves',
            )


def _images(
    maker: docker.DockerClient, cluster: Cluster, scenario: Scenario, run_id: str, on_step: OnStep
) -> Mapping[str, ImageRecord]:
    """On every node that runs parts of arms, for a Swarm pulls none of those that it is given by id."""
    images = dict(prepare_images(maker, scenario, on_step))
    carry_all(maker, [_cargo(member, started_from(images)) for member in cluster.arms], on_step)
    deployed = [drill.image_key for drill in scenario.drills if drill.image]
    keys = sorted({APP_IMAGE, *(arm.image_key for arm in scenario.arms), *deployed})
    client = cluster.manager.client
    versions = {identity: image_versions(client, identity, run_id) for identity in {images[key].id for key in keys}}
    return images | {key: replace(images[key], versions=versions[images[key].id]) for key in keys}
