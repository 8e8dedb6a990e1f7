"""How an image starts its containers: as the engine has it, else as its Dockerfile says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.engines.images.context import read_context
from lab.engines.images.dockerfile import read_dockerfile
from lab.engines.images.images import find_image
from lab.errors import MissingError, ScenarioError
from lab.scenario.app import IMAGE_ENTRYPOINT, App
from lab.scenario.beside import Job, Sidecar
from lab.scenario.model import APP_IMAGE, Arm, Scenario
from lab.scenario.servers import SERVERS

NO_ANSWER = (docker.errors.DockerException, RequestException, MissingError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStart:
    """ENTRYPOINT and CMD of an image."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def start_of(scenario: Scenario, key: str, client: docker.DockerClient | None) -> ImageStart | None:
    """How an image starts, by its key: the app's, or that of an arm, a sidecar or a job.

    None where neither the engine nor a Dockerfile tells.
    """
    own: tuple[Arm | Sidecar | Job, ...] = (*scenario.arms, *scenario.sidecars, *scenario.jobs)
    names = {each.image_key: each.image for each in own if each.image} | {APP_IMAGE: scenario.app.image}
    if name := names.get(key, ""):
        return _of_image(client, name)
    folders = {
        each.image_key: App(build=each.build, dockerfile=each.dockerfile) for each in scenario.sidecars if each.build
    }
    build = {**folders, APP_IMAGE: scenario.app}.get(key)
    return None if build is None or build.build is None else _of_build(client, build)


def _of_image(client: docker.DockerClient | None, name: str) -> ImageStart | None:
    try:
        image = None if client is None else find_image(client, name)
    except NO_ANSWER:
        return None  # whatever is wrong with the engine or with the name is said by whoever needs the image
    return None if image is None else _start(image.attrs["Config"])


def _of_build(client: docker.DockerClient | None, app: App) -> ImageStart | None:
    """As the Dockerfile says; what it leaves to the image that it builds on is asked there."""
    context = read_context(app)
    stage = read_dockerfile(context.text, app.build_args).stage(app.target_stage)
    own = _start(stage.config)
    if context.takes_base or "Entrypoint" in stage.config:
        return own  # a Python image that the lab chooses has no ENTRYPOINT
    base = _of_image(client, stage.image)
    if base is None:
        return None
    return ImageStart(entrypoint=base.entrypoint, command=own.command or base.command)


def _start(config: Mapping[str, Any]) -> ImageStart:
    return ImageStart(entrypoint=tuple(config.get("Entrypoint") or ()), command=tuple(config.get("Cmd") or ()))


def check_targets(scenario: Scenario, client: docker.DockerClient | None) -> None:
    """Raise ScenarioError when the lab's `uvicorn app.target` would be arguments of a server in the ENTRYPOINT."""
    if scenario.app.entrypoint != IMAGE_ENTRYPOINT:
        return
    for arm in scenario.arms:
        start = None if scenario.command_of(arm) else start_of(scenario, arm.image_key, client)
        words = " ".join(start.entrypoint if start else ()).split()
        if server := next((name for name in SERVERS if any(word.rpartition("/")[2] == name for word in words)), ""):
            raise ScenarioError(
                f"app.target: the image has an ENTRYPOINT that starts {server} itself ({' '.join(words)}): "
                f"`uvicorn {scenario.app.target} …` would only be more arguments of it",
                'entrypoint = "" leaves it out; or say instead of target which arguments it gets, as in '
                'command = "--host {host} --port {port} --workers {workers}"',
            )
