"""Prerequisites of this tier, checked once: a Docker engine and the two images. Missing ones fail with a sentence.

Tests that run beside each other must not deploy the same image: one would be a stranger to the other's arm. So each
process of the tests has images of its own, and whatever it labels is its own. Tests of which several look at one
deployment are an xdist group: one process has them all. So are those on hosts (tests/two_hosts.py), which are made once
for all of them: they start engines, and images are carried to each. The two groups take about equally long.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from lab.analysis.gates.limits import EDGE_S
from lab.engines.docker.agent.image import prepare_agent
from lab.engines.docker.engine import DockerEngine, connect
from lab.engines.images.images import ImageRecord, prepare_base
from lab.engines.images.prepare import prepare_images
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Topology
from lab.record.load_types import LoadCounters
from lab.record.types import TrialResult
from lab.scenario.budget import Budget
from lab.scenario.databases import source_of
from lab.scenario.kinds import FRONTS
from lab.scenario.model import App, Arm, Load, Scenario
from tests.forked_loads import FORKED
from tests.swarm_hosts import swarm_hosts
from tests.two_hosts import Host, hosts

REPOSITORY = Path(__file__).parent.parent.parent
RUN_ID = f"integration-tests-{os.getpid()}"
PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "")  # of the tests: "gw0", "" where there is one
# A build argument that nothing reads: another image with the same files.
OWN = {"IMAGE": PROCESS} if PROCESS else {}
SECOND = {"IMAGE": f"second {PROCESS}".strip()}
# A program of Python that takes more memory than a test gives it. By one call: between many, a kernel that is short of
# memory evicts the program's own code and has it read again, for a minute on a busy machine, before it kills anybody.
FILL = "import mmap; mmap.mmap(-1, 10**9, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)"
# Of a test that leaves something of a dead lab on the machine's engine: those end to end look at all that is left.
LEAVES = pytest.mark.xdist_group("engine")
ON_NODES, ON_A_SWARM = (pytest.mark.xdist_group(name) for name in ("nodes", "swarm"))
AHEAD_S = 5000  # of the second of three hosts: it has a clock of its own, as another kernel has


def check_foreign(trial: TrialResult) -> None:
    """Foreign CPU has a value exactly where the readings of all machines reach both ends of the measure phase.

    On a busy machine some come late; what it is made of is there all the same.
    """
    machines = trial.tables.host.partition_by("node", maintain_order=True)
    for host in machines:
        for column in ("busy_s", "total_s", "load_cpu_s", "sampler_cpu_s", "lab_cpu_s"):
            assert host[column].drop_nulls().len() > 1, (host["node"].first(), column)
    start_s, end_s = trial.record.measure.start_s, trial.record.measure.end_s
    read_s = [[at for at in host["t_s"].to_list() if start_s <= at <= end_s] for host in machines]
    reached = all(at and at[0] <= start_s + EDGE_S and at[-1] >= end_s - EDGE_S for at in read_s)
    (gate,) = (gate for gate in trial.record.gates if gate.key == "machine.foreign")
    assert (gate.value is not None) is reached


def check_counted(load: LoadCounters) -> None:
    """Every arrival is accounted for; a busy machine may drop some, and says so."""
    assert load.scheduled == load.started + load.dropped + load.unfinished
    assert load.started > 100


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


@pytest.fixture(scope="session", autouse=True)
def copies_of_locust() -> Iterator[None]:
    """What load processes of ``run_load`` are copied from goes with the tests."""
    yield
    FORKED.close()


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


@pytest.fixture(scope="session")
def carried(
    client: docker.DockerClient, making_images: Callable[[], AbstractContextManager[None]]
) -> Mapping[str, ImageRecord]:
    """The images of what runs on hosts, and of their agents, made before anybody counts seconds.

    Hosts have no way to a registry, nor has a lab that has entered one of their networks. The app's is that of a
    scenario without arguments: there is nobody else there to whom it could be a stranger.
    """
    arm, beside = Arm(name="replicas", model="replicas", front="nginx"), source_of("redis:8")
    with making_images():
        prepare_base(client, beside, beside.reference, print)
        prepare_agent(client, print)
        return prepare_images(client, scenario_of(arm, app=app_of_repository(build_args={})), print)


@pytest.fixture(scope="session")
def three_hosts(carried: Mapping[str, ImageRecord]) -> Iterator[tuple[Host, Host, Host]]:
    """Three hosts, which keep the images that are carried to them."""
    with hosts(3, clock_ahead_s=AHEAD_S, tcp=True) as (first, second, third):
        yield first, second, third


@pytest.fixture(scope="session")
def two_and_one(carried: Mapping[str, ImageRecord]) -> Iterator[tuple[Host, Host, Host]]:
    """Two hosts in one Swarm, of which the first is the manager, and a third in none; they keep images."""
    with swarm_hosts(3) as (first, second, third):
        yield first, second, third


@pytest.fixture(scope="session")
def two_in_a_swarm(two_and_one: tuple[Host, Host, Host]) -> tuple[Host, Host]:
    """Two hosts in one Swarm, of which the first is the manager; they keep the images that are carried to them."""
    return two_and_one[:2]


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


def together(topologies: Sequence[Topology]) -> Topology:
    """The app of the first, which is that of all, with every front before it."""
    first = topologies[0]
    apps = (service for service in first.services if service.kind is ServiceKind.APP)
    hops = (service for each in topologies for service in each.services if service.kind is ServiceKind.PROXY)
    return replace(first, services=(*apps, *hops))


def running(client: docker.DockerClient) -> list[tuple[int, str]]:
    """The first process and the id of each container of the tests' run that has one."""
    found = client.containers.list(filters={"label": f"lab.run={RUN_ID}"}, ignore_removed=True)
    return [(each.attrs["State"]["Pid"], each.id) for each in found if each.attrs["State"]["Pid"]]


def labelled(client: docker.DockerClient, run_id: str = RUN_ID) -> list[str]:
    """Names of the containers and volumes of a run of the tests."""
    selection = {"label": f"lab.run={run_id}"}
    containers = client.containers.list(all=True, filters=selection, ignore_removed=True)
    return [thing.name for thing in [*containers, *client.volumes.list(filters=selection)]]
