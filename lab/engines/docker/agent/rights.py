"""Find out what the lab may before the first trial, by trying; through an agent where that is needed."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import docker

from lab.agent.conversation import Conversation
from lab.agent.sampling import sampled_by
from lab.engines.docker.agent.container import Acts, start_agent
from lab.engines.docker.agent.image import prepare_agent
from lab.engines.docker.rights import Access, NoRights, OwnRights, Rights, may_read_memory, may_trace
from lab.errors import LabError
from lab.host.labels import labels
from lab.record.types import ClockOffset
from lab.sampling.process_view import look

MAX_OBSTACLE = 300
Prepare = Callable[[docker.DockerClient, Callable[[str], None]], str]


@dataclass(frozen=True, slots=True)
class ThroughAgent:
    """An agent of this image probes and samples: for an ordinary user's lab, and in networks of their own.

    ``load_image_id``: what drives load there, with packages of the locustfile's; "" for the same. ``acts``: what
    it may do to the processes of the engine, as drills do.
    """

    image_id: str
    load_image_id: str = ""
    acts: Acts = Acts.NOTHING
    sampled_by: ClassVar = "an agent container"
    memory_obstacle: ClassVar = None

    @contextmanager
    def access(self, client: docker.DockerClient, marks: Mapping[str, str], network: str = "") -> Iterator[Access]:
        """An agent of its own for each deployment."""
        with start_agent(client, self.image_id, marks, network=network, looks=True, acts=self.acts) as agent:
            yield access_through(agent, self.image_id)


def access_through(agent: Conversation, image_id: str) -> Access:
    """By an agent, whose clocks have just been compared; ``image_id``: what it runs from."""
    return Access(
        there=agent.call,
        launch=sampled_by(agent),
        image_id=image_id,
        wall_offset_s=agent.wall_clock.offset_s,
        clock=lambda: ClockOffset(**agent.drift()._asdict()),
    )


def find_rights(
    client: docker.DockerClient, run_id: str, on_step: Callable[[str], None], prepare: Prepare = prepare_agent
) -> Rights:
    """What this lab may with this engine. Never raises a LabError: the reason is kept and told in the report."""
    if may_trace():
        return OwnRights()
    try:
        image_id = prepare(client, on_step)
        with start_agent(client, image_id, labels(run_id, "probe", "agent"), looks=True) as agent:
            if may_read_memory(agent.pid):
                return OwnRights()  # a rootless engine: its containers are this user's own processes
            agent.call(look, [os.getpid()])
    except LabError as error:
        return NoRights(" ".join(str(error).split())[:MAX_OBSTACLE])
    return ThroughAgent(image_id)
