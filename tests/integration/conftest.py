"""Prerequisites of this tier, checked once: a Docker engine and the two images. Missing ones fail with a sentence.

Tests that run beside each other must not deploy the same image: one would be a stranger to the other's arm. So each
process of the tests has images of its own, and whatever it labels is its own. Tests of which several look at one
deployment, or at one pair of hosts, are an xdist group: one process has them all.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import docker
import pytest

from lab.engines.docker.engine import DockerEngine, connect
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.scenario.budget import Budget
from lab.scenario.kinds import FRONTS
from lab.scenario.model import App, Arm, Load, Scenario

REPOSITORY = Path(__file__).parent.parent.parent
RUN_ID = f"integration-tests-{os.getpid()}"
PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "")  # of the tests: "gw0", "" where there is one
# A build argument that nothing reads: another image with the same files.
OWN = {"IMAGE": PROCESS} if PROCESS else {}
SECOND = {"IMAGE": f"second {PROCESS}".strip()}
# What begins first: whoever takes minutes must not be the last. What takes seconds fills the gaps at the end.
LONG = (
    "swarm_engine",
    "nodes",
    "drill_answers",
    "renewing",
    "toys",
    "process_engine",
    "elsewhere",
    "drills",
    "exported",
)
SHORT = ("load_", "locustfiles", "images", "hostile_front", "second_engine")


def pytest_configure(config: pytest.Config) -> None:
    """Groups begin in the order of the tests: those of most tests are not those that take longest."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first."""
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    """When a test begins: less is earlier."""
    name = item.path.stem.removeprefix("test_")
    if item.path.parent != Path(__file__).parent:
        return 0
    return LONG.index(name) - len(LONG) if name in LONG else int(name.startswith(SHORT))


def app_of_repository(**changes: object) -> App:
    """The app of this repository, in an image of this process's own."""
    requirements = REPOSITORY / "requirements" / "app.txt"
    values: dict[str, object] = {"build": REPOSITORY, "requirements": requirements, "build_args": OWN}
    return App(**(values | changes))  # type: ignore[arg-type]  # each value has its field's type


def own_arguments() -> str:
    """The same as a line of a scenario's table [app]."""
    return f'build_args = {{ IMAGE = "{PROCESS}" }}' if PROCESS else ""


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
def making_images(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], AbstractContextManager[None]]:
    """What only one process of the tests does at a time: two would make the same image."""
    path = tmp_path_factory.getbasetemp().parent / "images.lock"

    @contextmanager
    def alone() -> Iterator[None]:
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    return alone


@pytest.fixture(scope="session")
def images(
    client: docker.DockerClient, making_images: Callable[[], AbstractContextManager[None]]
) -> Mapping[str, ImageRecord]:
    """The app's image and those of the fronts, made the way a run makes them, by the first process that needs them."""
    arms = [Arm(name=kind, model="workers", front=kind) for kind in FRONTS]
    with making_images():
        return prepare_images(client, scenario_of(arms[0], arms=tuple(arms)), print)


@pytest.fixture(scope="session")
def second_image(client: docker.DockerClient, making_images: Callable[[], AbstractContextManager[None]]) -> str:
    """The name of another image of the app."""
    arm = Arm(name="workers", model="workers", front="direct")
    with making_images():
        return prepare_images(client, scenario_of(arm, app=app_of_repository(build_args=SECOND)), print)["app"].name


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


def labelled(client: docker.DockerClient, run_id: str = RUN_ID) -> list[str]:
    """Names of the containers and volumes of a run of the tests."""
    selection = {"label": f"lab.run={run_id}"}
    containers = client.containers.list(all=True, filters=selection)
    return [thing.name for thing in [*containers, *client.volumes.list(filters=selection)]]
