"""The agent's Python and the arm's Python share no page, although their images come from one base."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import docker
import pytest
from docker.models.containers import Container

from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.agent.image import prepare_agent
from lab.engines.docker.removal import remove_container
from lab.engines.images.images import prepare_base
from lab.host.labels import labels
from lab.sampling.process_view import look
from lab.sampling.shared_files import shared_files
from lab.scenario.images import PYTHON
from tests.integration.conftest import RUN_ID
from tests.second_engine import SecondEngine, short_lived
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("carried")]

OneAtATime = Callable[[], AbstractContextManager[None]]

UP = "up"
IDLE = ["python3", "-uc", f"import time; print('{UP}'); time.sleep(600)"]


def layers(client: docker.DockerClient, image: str) -> set[str]:
    return set(client.images.get(image).attrs["RootFS"]["Layers"])


@pytest.fixture
def base(client: docker.DockerClient, making_images: OneAtATime) -> str:
    """The name of the base; the agent is made of it by now."""
    with making_images():
        prepare_agent(client, print)
        return prepare_base(client, PYTHON, PYTHON.reference, print).name


def test_its_image_has_no_layer_of_the_base_it_was_made_from(client: docker.DockerClient, base: str) -> None:
    """Whatever the storage driver: an equal layer is the same files."""
    assert layers(client, prepare_agent(client, print)) & layers(client, base) == set()


@pytest.fixture
def overlay2(client: docker.DockerClient, base: str) -> Iterator[docker.DockerClient]:
    """An engine whose containers share the file pages of their layers, with both images."""
    engine = SecondEngine(f"pages-{os.getpid()}", "overlay2", short_lived())
    try:
        engine.start()
        with closing(engine.client()) as own:
            for image in (prepare_agent(client, print), base):
                own.images.load(client.images.get(image).save())
            yield own
    finally:
        engine.stop()


@contextmanager
def python_of(client: docker.DockerClient, image: str) -> Iterator[int]:
    """The pid of an idle Python in a container, which has mapped its files by now."""
    container: Container = client.containers.run(image, IDLE, detach=True, network_mode="host")
    try:
        until(lambda: UP.encode() in container.logs(), "Python runs")
        container.reload()
        yield container.attrs["State"]["Pid"]
    finally:
        remove_container(client, container.id)


def test_under_overlay2_it_shares_no_file_with_an_arm(
    client: docker.DockerClient, overlay2: docker.DockerClient, base: str
) -> None:
    """A second container of the base does: without a layer of its own the agent would be just that."""
    base_id = client.images.get(base).id
    agent_image = prepare_agent(client, print)
    marks = labels(RUN_ID, "pages", "agent")

    with python_of(overlay2, base_id) as arm, python_of(overlay2, base_id) as stranger:
        with start_agent(overlay2, agent_image, marks, looks=True) as agent:
            agent.call(look, [arm])  # it runs by now
            ours = shared_files([agent.pid], [arm])
        theirs = shared_files([stranger], [arm])

    assert ours == {}
    assert theirs is not None
    assert sum(theirs.values()) > 2e6, theirs
