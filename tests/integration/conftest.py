"""Prerequisites of this tier, checked once: a Docker engine and the two images. Missing ones fail with a sentence.

Tests that run beside each other must not deploy the same image: one would be a stranger to the other's arm. Those of
one image are an xdist group; whatever they label is their own process's.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import docker
import pytest

from lab.engines.docker.engine import DockerEngine, connect
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.plan.blocks import build_plan, build_topology, ports_needed
from lab.plan.topology import Topology
from lab.scenario.budget import Budget
from lab.scenario.kinds import FRONTS
from lab.scenario.model import App, Arm, Load, Scenario

REPOSITORY = Path(__file__).parent.parent.parent
RUN_ID = f"integration-tests-{os.getpid()}"
OF_THE_APP, OF_DOCS_APP = map(pytest.mark.xdist_group, ("app", "docs_app"))


def app_of_repository(**changes: object) -> App:
    """The app of this repository."""
    values: dict[str, object] = {"build": REPOSITORY, "requirements": REPOSITORY / "requirements" / "app.txt"}
    return App(**(values | changes))  # type: ignore[arg-type]  # each value has its field's type


def scenario_of(arm: Arm, processes: int = 2, **changes: object) -> Scenario:
    """One arm on the app of this repository."""
    values: dict[str, object] = {
        "question": "Does it deploy?",
        "app": app_of_repository(),
        "arms": (arm,),
        "budget": Budget(processes=processes),
        "load": Load(locustfile=REPOSITORY / "locustfiles" / "json_api.py", rate=50.0),
    }
    return Scenario(**(values | changes))  # type: ignore[arg-type]  # each value has its field's type


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    """A Docker client; without an engine this tier fails, it does not skip."""
    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ImageRecord]:
    """The app's image and those of the fronts, made the way a run makes them, by the first process that needs them."""
    arms = [Arm(name=kind, model="workers", front=kind) for kind in FRONTS]
    with (tmp_path_factory.getbasetemp().parent / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return prepare_images(client, scenario_of(arms[0], arms=tuple(arms)), print)


@pytest.fixture
def engine(client: docker.DockerClient, images: Mapping[str, ImageRecord]) -> Iterator[DockerEngine]:
    """An engine for the tests' own run id; nothing of it may be left after a test."""
    yield DockerEngine(client, images, RUN_ID, (21000, 22999))
    assert labelled(client) == [], "a test left something behind"


@pytest.fixture
def topology_of(engine: DockerEngine) -> Callable[[Scenario], Topology]:
    """The topology of a scenario's first trial, on free ports."""

    def build(scenario: Scenario) -> Topology:
        trial = build_plan(scenario).trials[0]
        return build_topology(scenario, trial, engine.free_ports(ports_needed(scenario, trial.arm), seed=1))

    return build


def labelled(client: docker.DockerClient) -> list[str]:
    """Names of the containers and volumes of the tests' run."""
    selection = {"label": f"lab.run={RUN_ID}"}
    containers = client.containers.list(all=True, filters=selection)
    return [thing.name for thing in [*containers, *client.volumes.list(filters=selection)]]
