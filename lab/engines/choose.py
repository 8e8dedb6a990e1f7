"""Pick the engine of a run and prepare what its arms run from; every report says which engine it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import docker

from lab.engines import Engine
from lab.engines.docker.engine import DockerEngine, connect
from lab.engines.docker.helper.rights import find_rights
from lab.engines.docker.removal import engine_errors
from lab.engines.images.images import ImageRecord, prepare_images
from lab.engines.images.versions import environment_versions, image_versions
from lab.engines.process.app import prepare_app
from lab.engines.process.engine import ProcessEngine
from lab.engines.process.nginx import find_nginx
from lab.engines.process.refusals import check_plain
from lab.errors import MissingError, ScenarioError
from lab.scenario.model import APP_IMAGE, Scenario

ASKED = "asked for"
NO_DOCKER = "no Docker engine answered"
OnStep = Callable[[str], None]
Opened = tuple[Engine, Mapping[str, ImageRecord]]


def open_engine(
    scenario: Scenario, run_id: str, on_step: OnStep, *, docker_client: Callable[[], docker.DockerClient] = connect
) -> Opened:
    """An engine with everything that the arms need; ``auto`` takes Docker where it answers, else plain processes.

    Raises MissingError when Docker, an image, nginx or a package cannot be had, ScenarioError when the scenario asks
    for what the process engine cannot do.
    """
    if scenario.engine == "process":
        return _open_process(scenario, run_id, on_step, ASKED)
    try:
        client = docker_client()
    except MissingError as error:
        if scenario.engine == "docker":
            raise
        return _open_instead(scenario, run_id, on_step, error)
    return _open_docker(client, scenario, run_id, on_step)


def _open_docker(client: docker.DockerClient, scenario: Scenario, run_id: str, on_step: OnStep) -> Opened:
    with engine_errors():
        images = dict(prepare_images(client, scenario, _needs_nginx(scenario), on_step))
        keys = sorted({APP_IMAGE, *(arm.image_key for arm in scenario.arms)})
        versions = {identity: image_versions(client, identity, run_id) for identity in {images[key].id for key in keys}}
        images |= {key: replace(images[key], versions=versions[images[key].id]) for key in keys}
    rights = find_rights(client, run_id, on_step)
    return DockerEngine(client, images, run_id, scenario.port_range, scenario.app.restart, rights), images


def _open_instead(scenario: Scenario, run_id: str, on_step: OnStep, refusal: MissingError) -> Opened:
    """The process engine where no Docker answers. Raises MissingError with both reasons when that fails too."""
    on_step(f"{NO_DOCKER}: taking engine process instead, plain processes of this machine without containers")
    try:
        return _open_process(scenario, run_id, on_step, NO_DOCKER)
    except (MissingError, ScenarioError) as error:
        raise MissingError(f"{refusal}; and without it: {error}", f"{refusal.hint}; or {error.hint}") from None


def _open_process(scenario: Scenario, run_id: str, on_step: OnStep, why: str) -> Opened:
    check_plain(scenario)
    nginx = {"nginx": find_nginx()} if _needs_nginx(scenario) else {}
    place, app = prepare_app(scenario.app, on_step)
    images = {"app": app, **nginx}
    facts = {"engine_because": why, **environment_versions(place.python)}
    return ProcessEngine(place, images, run_id, scenario.port_range, facts), images


def _needs_nginx(scenario: Scenario) -> bool:
    return any(arm.front == "nginx" for arm in scenario.arms)
