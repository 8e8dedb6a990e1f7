"""Build the image of the app under test from a folder with a Dockerfile; list and remove the images that were built."""

import json
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import docker
import docker.errors
from docker.utils import version_gte
from requests import Response

from lab.engines.images.context import Context, write_context
from lab.engines.images.dockerfile import Dockerfile
from lab.engines.images.progress import lines_of
from lab.errors import MissingError

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
LAST_LINES = 20
LABEL = "lab.image"
NAMESPACE = (
    "process-model-lab/"  # an image that somebody built on one of ours has inherited the label, but not the name
)
CLASSIC, BUILDKIT = "1", "2"  # the builders of an engine, as its API numbers them
SINCE_API = "1.39"  # engine 18.09
READS_ALL = 23  # the first engine whose own reader of Dockerfiles knows heredocs and --link
INSTEAD = "`docker build -t NAME FOLDER` where it can be built, then image = NAME in place of app.build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a context is built beyond its files: ``arguments`` fill ARG, ``target`` is the last stage, "" for all.

    ``syntax``: whether the image that ``# syntax=`` names is here to read the Dockerfile; else the engine does.
    ``offline``: no step of it may use the network.
    """

    arguments: Mapping[str, str]
    target: str = ""
    syntax: bool = True
    offline: bool = False


def builder_of(client: docker.DockerClient) -> str:
    """The best builder that the engine has. BuildKit needs no more than its API: neither a command line nor buildx."""
    return BUILDKIT if version_gte(client.api.api_version, SINCE_API) else CLASSIC


def check_builder(client: docker.DockerClient, dockerfile: Dockerfile, recipe: Recipe, root: Path) -> None:
    """Raise MissingError, before anything is built, when the engine cannot read the Dockerfile."""
    reasons = dockerfile.buildkit_reasons(recipe.target)
    if reasons and builder_of(client) == CLASSIC:
        raise MissingError(
            f"the Dockerfile in {root} needs BuildKit ({', '.join(reasons)}), which this engine does not have", INSTEAD
        )
    newer = dockerfile.buildkit_reasons(newer=True)
    if newer and not recipe.syntax and (engine := str(client.version()["Version"])) and _major(engine) < READS_ALL:
        reader = dockerfile.syntax or "docker/dockerfile:1 (# syntax= in its first line)"
        raise MissingError(
            f"the Dockerfile in {root} has {', '.join(newer)}, which engine {engine} does not read by itself, and the "
            f"image {reader} that would is not here",
            f"`docker pull {reader.partition(' ')[0]}`, or a newer engine; or {INSTEAD}",
        )


def _major(version: str) -> int:
    number = version.partition(".")[0]
    return int(number) if number.isdecimal() else READS_ALL


def build_image(
    client: docker.DockerClient,
    context: Context,
    name: str,
    *,
    recipe: Recipe,
    wheelhouse: Path | None = None,
    labels: Mapping[str, str],
    cached: bool = True,
) -> float:
    """Build ``context`` as ``name``; a ``wheelhouse`` goes with it. Gives the seconds from sending it to the image.

    Unless ``cached``, no layer of an earlier build is taken. Raises MissingError if it fails.
    """
    parameters = {
        **_parameters(context, name, recipe, labels),
        "version": builder_of(client),
        "buildargs": json.dumps({**recipe.arguments, **(OFFLINE if wheelhouse else {})}),
        **({} if cached else {"nocache": "1"}),
    }
    with tempfile.TemporaryFile() as archive:
        write_context(context, wheelhouse, archive, syntax=recipe.syntax)
        archive.seek(0)
        began_s = time.perf_counter()
        # The SDK's own build() knows the classic builder only.
        with client.api.post(
            f"{client.api.base_url}/v{client.api.api_version}/build",
            params=parameters,
            data=archive,
            headers={"Content-Type": "application/x-tar"},
            stream=True,
            timeout=None,
        ) as answer:
            _follow(answer, context)
    return time.perf_counter() - began_s


def _parameters(context: Context, name: str, recipe: Recipe, labels: Mapping[str, str]) -> dict[str, str]:
    """The part of a build's query that the context and the recipe decide."""
    return {
        "dockerfile": context.dockerfile,
        "t": name,
        "rm": "1",
        "forcerm": "1",
        "labels": json.dumps(dict(labels)),
        **({"target": recipe.target} if recipe.target else {}),
        **({"networkmode": "none"} if recipe.offline else {}),
    }


def _follow(answer: Response, context: Context) -> None:
    if not answer.ok:
        raise _build_error(context, _message(answer))
    last: deque[str] = deque(maxlen=LAST_LINES)
    failure = ""
    for line in answer.iter_lines():
        event = json.loads(line)
        last.extend(text for text in lines_of(event) if text.strip())
        failure = event.get("error", failure)
    if failure:
        raise _build_error(context, "\n".join([*last, failure]))


def _message(answer: Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text


def _build_error(context: Context, reason: str) -> MissingError:
    return MissingError(
        f"the image of {context.root} could not be built; last lines of the build:\n{reason}",
        f"`{context.command}` shows the whole output",
    )


def built_images(client: docker.DockerClient) -> list[str]:
    """Their names, sorted: of the apps, of the agent, and of the bases that stand in for a registry's."""
    found = client.api.images(filters={"label": LABEL})  # the SDK's list asks for each: one may be gone by then
    return sorted(tag for image in found for tag in image["RepoTags"] or () if tag.startswith(NAMESPACE))


def remove_image(client: docker.DockerClient, name: str) -> bool:
    """Remove one by its name, never by force; False when it stays because a container uses it. Gone already is fine."""
    try:
        client.images.remove(name)
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError as error:
        if error.response is not None and error.response.status_code == HTTPStatus.CONFLICT:
            return False
        raise
    return True
