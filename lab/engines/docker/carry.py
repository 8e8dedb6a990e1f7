"""Bring images to other engines without a registry: saved there, loaded here, once for each digest."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.engines.docker.removal import each, one_line
from lab.engines.images.images import ImageRecord
from lab.errors import MissingError
from lab.scenario.images import PYTHON
from lab.units import format_bytes


@dataclass(frozen=True, kw_only=True)
class Cargo:
    """The images that the engine of a node is to have: id → name."""

    node: str
    target: docker.DockerClient
    images: Mapping[str, str]


class _StoppedError(Exception):
    """The images of another node cannot be had, or a person has had enough."""


def started_from(images: Mapping[str, ImageRecord]) -> Mapping[str, str]:
    """Those from which containers are started: id → name.

    Not the base that the app was built on: what is built on it brings its layers.
    """
    return {image.id: image.name for key, image in images.items() if key != PYTHON.key}


def of_agent(source: docker.DockerClient, image_id: str) -> Mapping[str, str]:
    """The same for an image of agents, which only the lab names; nothing for ""."""
    return {image_id: source.images.get(image_id).tags[0]} if image_id else {}


def carry_all(source: docker.DockerClient, cargoes: Sequence[Cargo], on_step: Callable[[str], None]) -> None:
    """Have every node's images there: the nodes side by side, the images of a node in turn. Raises MissingError.

    An error ends what is on its way to other nodes, and so does an interrupt, but for what has been sent already.
    """
    stopped, saying = threading.Event(), threading.Lock()

    def say(text: str) -> None:
        with saying:
            on_step(text)

    def carry_in_turn(cargo: Cargo) -> None:
        try:
            for image_id, name in sorted(cargo.images.items()):
                carry(source, cargo.target, image_id, name, cargo.node, say, stopped)
        except _StoppedError:
            return
        except BaseException:
            stopped.set()
            raise

    if len(cargoes) == 1:  # no other thread has to be waited for by an interrupt
        carry_in_turn(cargoes[0])
        return
    with ThreadPoolExecutor(max(1, len(cargoes)), thread_name_prefix="images") as pool:
        try:
            each(pool, carry_in_turn, cargoes)
        except BaseException:
            stopped.set()
            raise


def carry(
    source: docker.DockerClient,
    target: docker.DockerClient,
    image_id: str,
    name: str,
    node: str,
    on_step: Callable[[str], None],
    stopped: threading.Event | None = None,
) -> None:
    """Have the image of this id in the target too, under its name. Raises MissingError.

    An image is its id, a digest of its content: one that is there already is not sent again.
    """
    stopped = stopped or threading.Event()
    if stopped.is_set():
        raise _StoppedError
    if _has(target, image_id):
        return
    image = source.images.get(image_id)
    _check_architecture(image.attrs.get("Architecture", ""), name, target, node)
    on_step(f"carrying {name} ({format_bytes(image.attrs['Size'])}) to node {node}")
    try:
        target.images.load(_until(stopped, image.save(named=name)))
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


def _until(stopped: threading.Event, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a saved image; the engine that loads them drops what is not whole."""
    for piece in pieces:
        if stopped.is_set():
            raise _StoppedError
        yield piece


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
