"""Which versions an app runs with: its interpreter and the packages that change what is measured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import docker

from lab.engines.images.asking import ask_python
from lab.errors import MissingError
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
    try:
        told = ask_python(client, image_id, PROBE, labels(run_id, "versions"), program="python")
        versions: Mapping[str, str] = json.loads(told)
    except (MissingError, ValueError):
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
