"""Which versions an app runs with: its interpreter and the packages that change what is measured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import docker
import docker.errors
from docker.models.containers import Container

from lab.errors import MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import labels

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


def image_versions(client: docker.DockerClient, image_id: str, run_id: str) -> Mapping[str, str]:
    """``{"app_python": "3.13.5", "uvicorn": "0.54.0", …}``; empty for an image without a ``python`` that runs.

    A version alone changes the answer: uvicorn 0.47 to 0.49 imported the app in the supervisor too (FIELD 4).
    """
    with INTERRUPTS.deferred():
        container = client.containers.create(
            image_id,
            entrypoint=["python"],
            command=["-c", PROBE],
            network_mode="none",
            labels=labels(run_id, "versions"),
            cap_drop=["ALL"],
            read_only=True,
        )
        with INTERRUPTS.owing(f"container {container.name}"):
            try:
                with INTERRUPTS.admitted():
                    return _answer(container)
            finally:
                container.remove(force=True)


def _answer(container: Container) -> Mapping[str, str]:
    try:
        container.start()
        container.wait(timeout=PROBE_TIMEOUT_S)
        versions: Mapping[str, str] = json.loads(container.logs(stderr=False))
    except (docker.errors.APIError, ValueError):
        return {}  # no Python in it, or none called so: the image is compared by its digest
    return versions


def environment_versions(python: Path) -> Mapping[str, str]:
    """As ``image_versions``, of a virtual environment. Raises MissingError when its interpreter does not run."""
    try:
        probe = [str(python), "-I", "-c", PROBE]
        told = subprocess.run(probe, capture_output=True, check=True, timeout=PROBE_TIMEOUT_S).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(
            f"the app's environment does not work: {error}",
            f"remove {python.parent.parent}, and it is made again",
        ) from None
    versions: Mapping[str, str] = json.loads(told)
    return versions
