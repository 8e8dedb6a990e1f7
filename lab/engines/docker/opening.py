"""Have everything that the arms of a scenario need in Docker, then the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import docker

from lab.engines.docker.engine import DockerEngine, connect
from lab.engines.docker.helper.rights import find_rights
from lab.engines.docker.removal import engine_errors
from lab.engines.images.images import prepare_images
from lab.engines.images.versions import image_versions
from lab.engines.kinds import OnStep, Opened
from lab.scenario.model import APP_IMAGE, Scenario


def open_docker(
    scenario: Scenario, run_id: str, on_step: OnStep, *, docker_client: Callable[[], docker.DockerClient] = connect
) -> Opened:
    """Every image is here, and which versions are inside is known. Raises MissingError."""
    client = docker_client()
    with engine_errors():
        images = dict(prepare_images(client, scenario, on_step))
        keys = sorted({APP_IMAGE, *(arm.image_key for arm in scenario.arms)})
        versions = {identity: image_versions(client, identity, run_id) for identity in {images[key].id for key in keys}}
        images |= {key: replace(images[key], versions=versions[images[key].id]) for key in keys}
    rights = find_rights(client, run_id, on_step)
    return DockerEngine(client, images, run_id, scenario.port_range, scenario.app.restart, rights), images
