"""How a finished image starts, as the engine knows it: what `lab init` guesses from."""

from __future__ import annotations

from collections.abc import Callable

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.engines.docker.engine import connect
from lab.engines.images.images import find_image
from lab.errors import MissingError
from lab.starter.dockerfile import Start, image_start


def start_of_image(name: str, *, docker_client: Callable[[], docker.DockerClient] = connect) -> Start | None:
    """None where no engine answers or none knows the image: for a guess nothing is pulled, and nothing fails.

    Raises MissingError when the name is none that Docker understands.
    """
    try:
        client = docker_client()
    except MissingError:
        return None
    try:
        image = find_image(client, name)
    except (docker.errors.DockerException, RequestException):
        return None
    finally:
        client.close()
    return None if image is None else image_start(image.attrs["Config"])
