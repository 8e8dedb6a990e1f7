"""Ask the Python of an image, or of an environment, something; images in a container without network or rights."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import docker
import docker.errors
from docker.models.containers import Container
from requests.exceptions import RequestException

from lab.engines.docker.removal import one_line, remove_container
from lab.engines.refusals import refusal
from lab.errors import MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import environment_of, labels

TIMEOUT_S = 60
LAST_LINES = 3
PROBE_TIMEOUT_S = 30
PROBE = """
import importlib.metadata, json, platform
found = {"app_python": platform.python_version()}
for name in ("fastapi", "starlette", "uvicorn", "uvloop", "httptools"):
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def ask_python(
    client: docker.DockerClient, image: str, code: str, marks: Mapping[str, str], *arguments: str, program: str
) -> str:
    """Run ``code`` by the ``program`` of the image ("python") and give what it printed. Its container is removed.

    Raises MissingError with the reason when there is no such program, when it fails, or takes longer than a minute.
    """
    with INTERRUPTS.deferred():
        container = client.containers.create(
            image,
            entrypoint=[program, "-c", code],
            command=list(arguments),
            network_mode="none",
            labels=dict(marks),
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            read_only=True,
            tmpfs={"/tmp": ""},  # noqa: S108  the container's own
        )
        try:
            with INTERRUPTS.admitted():
                return _answer(container)
        finally:
            remove_container(client, container.id)


def _answer(container: Container) -> str:
    try:
        container.start()
        code = container.wait(timeout=TIMEOUT_S)["StatusCode"]
        text: str = container.logs(stdout=code == 0, stderr=code != 0).decode(errors="replace")
    except docker.errors.APIError as error:
        raise MissingError(refusal(one_line(error), "").told) from None
    except RequestException:
        raise MissingError(f"it has not answered for {TIMEOUT_S} s") from None
    if code:
        raise MissingError("\n".join(text.strip().splitlines()[-LAST_LINES:]) or f"it ended with exit code {code}")
    return text


def image_versions(client: docker.DockerClient, image_id: str, run_id: str) -> Mapping[str, str]:
    """``{"app_python": "3.13.5", "uvicorn": "0.54.0", …}``; empty for an image without a ``python`` that runs.

    A version alone changes the answer: uvicorn 0.47 to 0.49 imported the app in the supervisor too (FIELD 4).
    """
    try:
        told = ask_python(client, image_id, PROBE, labels(run_id, "versions"), program="python")
        versions: Mapping[str, str] = json.loads(told)
    except (MissingError, ValueError):
        return {}  # no Python in it, or none called so: the image is compared by its digest
    return versions


def environment_versions(python: Path, marks: Mapping[str, str]) -> Mapping[str, str]:
    """As ``image_versions``, of a virtual environment. Raises MissingError when its interpreter does not run.

    ``marks``: labels of the lab, by which another one on this environment knows whose the interpreter is.
    """
    try:
        probe = [str(python), "-I", "-c", PROBE]
        marked = os.environ | environment_of(marks)
        told = subprocess.run(probe, capture_output=True, check=True, timeout=PROBE_TIMEOUT_S, env=marked).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(
            f"the app's environment does not work: {error}", f"remove {python.parent.parent}, and it is made again"
        ) from None
    versions: Mapping[str, str] = json.loads(told)
    return versions
