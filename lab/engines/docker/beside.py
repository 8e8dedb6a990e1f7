"""What else runs from the images of a deployment: it would share their file pages (METHOD 4.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import docker
import docker.errors
from docker.models.containers import Container

from lab.engines.running import Others, others
from lab.plan.kinds import ServiceKind


def beside(
    client: docker.DockerClient, images: Mapping[str, ServiceKind], containers: Sequence[Container], agent_image: str
) -> Others:
    """Tell what else runs from the images of an app than ``containers``, those of the deployment.

    ``images``: every image of it, by its id. The agent too if a layer of its image, "" for no agent, is one of theirs.
    """
    ours = {container.id for container in containers}
    running = (
        other
        for image in sorted(image for image, kind in images.items() if kind is ServiceKind.APP)
        for other in client.containers.list(filters={"ancestor": image}, ignore_removed=True)
    )
    found = others((other.name, other.labels, partial(_runs, other)) for other in running if other.id not in ours)
    if not agent_image:
        return found
    arm = {layer for image in images for layer in _layers(client, image)}
    common = [layer for layer in _layers(client, agent_image) if layer in arm]
    agent = [f"the lab's agent, whose image has the layer {layer} as well" for layer in common[:1]]
    return replace(found, strangers=(*found.strangers, *agent))


def _runs(container: Container) -> bool:
    try:
        container.reload()
    except docker.errors.NotFound:
        return False
    return bool(container.attrs["State"]["Running"])


def _layers(client: docker.DockerClient, image_id: str) -> tuple[str, ...]:
    """The digests of an image's layers; equal ones are the same files on disk, and in memory under overlay2."""
    return tuple(client.images.get(image_id).attrs["RootFS"].get("Layers") or ())
