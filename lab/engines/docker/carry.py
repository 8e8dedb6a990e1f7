"""Bring an image to another engine without a registry: saved there, loaded here, once for each digest."""

from collections.abc import Callable

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.engines.docker.removal import one_line
from lab.errors import MissingError
from lab.units import format_bytes


def carry(
    source: docker.DockerClient,
    target: docker.DockerClient,
    image_id: str,
    name: str,
    node: str,
    on_step: Callable[[str], None],
) -> None:
    """Have the image of this id in the target too, under its name. Raises MissingError.

    An image is its id, a digest of its content: one that is there already is not sent again.
    """
    if _has(target, image_id):
        return
    image = source.images.get(image_id)
    _check_architecture(image.attrs.get("Architecture", ""), name, target, node)
    on_step(f"carrying {name} ({format_bytes(image.attrs['Size'])}) to node {node}")
    try:
        target.images.load(image.save(named=name))
    except (docker.errors.DockerException, RequestException) as error:
        raise MissingError(
            f"image {name} cannot be carried to node {node}: {one_line(error)}",
            "`docker system df` there says whether its disk is full; `lab doctor --scenario FILE` looks at every node",
        ) from None
    if not _has(target, image_id):
        raise MissingError(
            f"image {name} was carried to node {node} and is not there as {image_id[:19]}",
            "both engines must name images alike: use the same kind of image store on all nodes",
        )


def carry_agent(
    source: docker.DockerClient,
    target: docker.DockerClient,
    image_id: str,
    node: str,
    on_step: Callable[[str], None],
) -> None:
    """The same for an image of an agent, which only the lab names."""
    carry(source, target, image_id, source.images.get(image_id).tags[0], node, on_step)


def _has(client: docker.DockerClient, image_id: str) -> bool:
    try:
        client.images.get(image_id)
    except docker.errors.ImageNotFound:
        return False
    return True


def _check_architecture(architecture: str, name: str, target: docker.DockerClient, node: str) -> None:
    """Raise MissingError where programs of the image would not run there."""
    theirs = str(target.version().get("Arch", ""))
    if architecture and theirs and architecture != theirs:
        raise MissingError(
            f"node {node} has another architecture: {theirs}, and {name} is for {architecture}",
            "use nodes of one architecture",
        )
