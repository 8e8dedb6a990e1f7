"""The images that the lab has built: kept for the next run, until somebody wants the room back."""

from __future__ import annotations

from http import HTTPStatus

import docker
import docker.errors

LABEL = "lab.image"
NAMESPACE = (
    "process-model-lab/"  # an image that somebody built on one of ours has inherited the label, but not the name
)


def built_images(client: docker.DockerClient) -> list[str]:
    """Their names, sorted: of the apps, of the helper, and of the bases that stand in for a registry's."""
    found = client.images.list(filters={"label": LABEL})
    return sorted(tag for image in found for tag in image.tags if tag.startswith(NAMESPACE))


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
