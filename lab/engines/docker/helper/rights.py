"""Find out what the lab may before the first trial, by trying; through a helper container where that is needed."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import docker

from lab.engines.docker.helper.container import start_helper
from lab.engines.docker.helper.image import prepare_helper
from lab.engines.docker.rights import Access, NoRights, OwnRights, Rights, may_read_memory, may_trace
from lab.errors import LabError
from lab.host.labels import labels

MAX_OBSTACLE = 300
Prepare = Callable[[docker.DockerClient, Callable[[str], None]], str]


@dataclass(frozen=True, slots=True)
class ThroughHelper:
    """An ordinary user's lab: a helper container of this image reads the processes."""

    image_id: str

    def describe(self) -> Mapping[str, str]:
        """Facts for the environment."""
        return {"sampled_by": "a helper container"}

    @contextmanager
    def access(self, client: docker.DockerClient, marks: Mapping[str, str]) -> Iterator[Access]:
        """A helper of its own for each deployment."""
        with start_helper(client, self.image_id, marks) as helper:
            yield Access(look=helper.look, launch=helper.launch, image_id=self.image_id)


def find_rights(
    client: docker.DockerClient, run_id: str, on_step: Callable[[str], None], prepare: Prepare = prepare_helper
) -> Rights:
    """What this lab may with this engine. Never raises a LabError: the reason is kept and told in the report."""
    if may_trace():
        return OwnRights()
    try:
        image_id = prepare(client, on_step)
        with start_helper(client, image_id, labels(run_id, "helper", "probe")) as helper:
            if may_read_memory(helper.pid):
                return OwnRights()  # a rootless engine: its containers are this user's own processes
            helper.look([os.getpid()])
    except LabError as error:
        return NoRights(" ".join(str(error).split())[:MAX_OBSTACLE])
    return ThroughHelper(image_id)
