"""Which versions an image holds: its interpreter and the packages that change what is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping

import docker
import docker.errors

from lab.engines.labels import labels

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
    container = client.containers.create(
        image_id,
        entrypoint=["python"],
        command=["-c", PROBE],
        network_mode="none",
        labels=labels(run_id, "versions"),
        cap_drop=["ALL"],
        read_only=True,
    )
    try:
        container.start()
        container.wait(timeout=PROBE_TIMEOUT_S)
        versions: Mapping[str, str] = json.loads(container.logs(stderr=False))
    except (docker.errors.APIError, ValueError):
        return {}  # no Python in it, or none called so: the image is compared by its digest
    finally:
        container.remove(force=True)
    return versions
