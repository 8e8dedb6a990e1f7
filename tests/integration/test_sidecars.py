"""Sidecars and jobs on real containers: a database and a cache beside an app, its migrations before it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeAlias

import docker
import pytest

from lab.attest.attest import attest
from lab.engines import Deployment
from lab.engines.docker.engine import DockerEngine
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.errors import DeploymentError
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Topology
from lab.plan.trial import Trial
from lab.scenario.beside import Job, Sidecar
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from tests.integration.conftest import REPOSITORY, RUN_ID, labelled
from tests.waiting import PATIENCE_S

Deployed: TypeAlias = tuple[Trial, Deployment]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("sidecars")]  # one deployment
BESIDE = f"{RUN_ID}-beside"
STILL = "still"  # another database, on a disk that nobody can write to
NOTES = REPOSITORY / "examples" / "notes" / "scenario.toml"


@pytest.fixture(scope="module")
def notes() -> Scenario:
    return read_scenario(NOTES)


@pytest.fixture(scope="module")
def notes_images(
    client: docker.DockerClient, notes: Scenario, making_images: Callable[[], AbstractContextManager[None]]
) -> Mapping[str, ImageRecord]:
    with making_images():
        return prepare_images(client, notes, print)


@pytest.fixture
def notes_engine(client: docker.DockerClient, notes_images: Mapping[str, ImageRecord]) -> Iterator[DockerEngine]:
    yield DockerEngine(client, notes_images, RUN_ID, (21000, 22999))
    assert labelled(client) == [], "a test left something behind"


def topology(scenario: Scenario, arm: str) -> Topology:
    trial = next(trial for trial in build_plan(scenario).trials if trial.arm.name == arm)
    return build_topology(scenario, trial, ())


@pytest.fixture(scope="module")
def deployed(
    client: docker.DockerClient, notes: Scenario, notes_images: Mapping[str, ImageRecord]
) -> Iterator[Deployed]:
    """Replicas beside the cache and two databases, and a job more, for each container."""
    database = next(each for each in notes.sidecars if each.name == "db")
    still = replace(database, name=STILL, read_only=True)
    scenario = replace(
        notes,
        sidecars=(*notes.sidecars, still),
        # So long that both are there at once, though the engine may take its time between two.
        jobs=(*notes.jobs, Job(name="count", command="sleep 6", times="each")),
    )
    trial = next(trial for trial in build_plan(scenario).trials if trial.arm.name == "replicas")
    images = {**notes_images, still.image_key: notes_images[database.image_key]}
    engine = DockerEngine(client, images, BESIDE, (21000, 22999))
    with engine.deploy(build_topology(scenario, trial, ())) as deployment:
        yield trial, deployment
    assert labelled(client, BESIDE) == []


def test_an_app_with_a_database_and_a_cache_is_deployed(deployed: Deployed) -> None:
    """Database, cache and migrations come first; the app finds them by name and answers from the migrated table."""
    _, deployment = deployed
    kinds = {service.name: service.kind for service in deployment.services}
    assert {name for name, kind in kinds.items() if kind == ServiceKind.SIDECAR} == {"db", STILL, "cache"}
    migrate = deployment.jobs[0]
    assert (migrate.name, migrate.argv) == ("migrate", ("alembic", "upgrade", "head"))
    assert 0 < migrate.ended_epoch_s - migrate.began_epoch_s < 60
    assert "migrate" in deployment.logs()
    assert {target.service for target in deployment.targets} == set(kinds)

    entry = deployment.topology.entry
    connection = http.client.HTTPConnection(entry.host, entry.port, timeout=PATIENCE_S)
    connection.request("GET", "/notes/7")
    assert json.loads(connection.getresponse().read())["title"] == "Note 7"
    connection.close()


@pytest.mark.parametrize(("name", "read_only"), [("db", False), (STILL, True)])
def test_a_database_keeps_its_data_in_memory(
    client: docker.DockerClient, deployed: Deployed, name: str, read_only: bool
) -> None:
    """No volume, and nothing of a sidecar needs a disk that can be written to."""
    _, deployment = deployed
    database = next(service for service in deployment.services if service.name == name)
    facts = client.containers.get(database.container_id).attrs

    assert facts["HostConfig"]["ReadonlyRootfs"] is read_only
    assert "/var/lib/postgresql/data" in facts["HostConfig"]["Tmpfs"]
    assert facts["Mounts"] == []


def test_a_sidecar_is_no_part_of_the_arm(deployed: Deployed) -> None:
    """Attestation finds the arm as it says, beside a database that has processes and listeners of its own."""
    evidence = attest(*deployed, None)

    assert set(evidence.roles) == {"app-1", "app-2"}
    assert evidence.strangers == ()


def test_a_job_for_each_container_runs_as_often(deployed: Deployed) -> None:
    """Once for each replica, at the same time."""
    _, deployment = deployed
    runs = [job for job in deployment.jobs if job.name == "count"]

    assert [job.service for job in runs] == ["count-1", "count-2"]
    assert runs[0].began_epoch_s < runs[1].ended_epoch_s
    assert runs[1].began_epoch_s < runs[0].ended_epoch_s


def test_a_job_that_fails_ends_the_deployment_with_its_last_lines(notes: Scenario, notes_engine: DockerEngine) -> None:
    """The sentence names the job, and quotes what it said last."""
    failing = replace(notes, sidecars=(), jobs=(Job(name="prepare", command="sh -c 'echo no such table; exit 7'"),))

    with pytest.raises(DeploymentError, match=r'job "prepare" ended with exit code 7') as raised:
        with notes_engine.deploy(topology(failing, "workers")):
            pytest.fail("the arm was started")

    assert "no such table" in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ready": "tcp:1", "ready_timeout": "1s"}, r'sidecar "db" is not ready after 1 s'),
        ({"env": {}}, r'sidecar "db" ended with exit code 1 before it was ready'),
    ],
)
def test_a_sidecar_that_does_not_come_up_says_why(
    notes: Scenario, notes_engine: DockerEngine, changes: Mapping[str, object], said: str
) -> None:
    """With its last lines, and before the app is started."""
    values: dict[str, object] = {
        "name": "db",
        "image": "postgres:17",
        "ready": "tcp:5432",
        "env": {"POSTGRES_PASSWORD": "x"},
    }
    database = Sidecar(**(values | dict(changes)))  # type: ignore[arg-type]  # each value has its field's type

    with pytest.raises(DeploymentError, match=said):
        with notes_engine.deploy(topology(replace(notes, sidecars=(database,)), "workers")):
            pytest.fail("the arm was started")
