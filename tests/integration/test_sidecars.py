"""Sidecars and jobs on real containers: a database and a cache beside an app, its migrations before it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

import docker
import pytest

from lab.attest.attest import attest
from lab.engines.docker.engine import DockerEngine
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.errors import DeploymentError
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Topology
from lab.scenario.beside import Job, Sidecar
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from tests.integration.conftest import REPOSITORY, RUN_ID, labelled

pytestmark = pytest.mark.integration
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


def test_an_app_with_a_database_and_a_cache_is_deployed(
    client: docker.DockerClient, notes: Scenario, notes_engine: DockerEngine
) -> None:
    """Database, cache and migrations come first; the app finds them by name and answers from the migrated table."""
    with notes_engine.deploy(topology(notes, "replicas")) as deployment:
        kinds = {service.name: service.kind for service in deployment.services}
        assert {name for name, kind in kinds.items() if kind == ServiceKind.SIDECAR} == {"db", "cache"}
        assert [(job.name, job.argv) for job in deployment.jobs] == [("migrate", ("alembic", "upgrade", "head"))]
        assert 0 < deployment.jobs[0].ended_epoch_s - deployment.jobs[0].began_epoch_s < 60
        assert "migrate" in deployment.logs()
        assert {target.service for target in deployment.targets} == set(kinds)

        entry = deployment.topology.entry
        connection = http.client.HTTPConnection(entry.host, entry.port, timeout=10)
        connection.request("GET", "/notes/7")
        assert json.loads(connection.getresponse().read())["title"] == "Note 7"
        connection.close()

        database = next(service for service in deployment.services if service.name == "db")
        facts = client.containers.get(database.container_id).attrs
        assert "/var/lib/postgresql/data" in facts["HostConfig"]["Tmpfs"]
        assert facts["Mounts"] == []


def test_a_sidecar_is_no_part_of_the_arm(notes: Scenario, notes_engine: DockerEngine) -> None:
    """Attestation finds the arm as it says, beside a database that has processes and listeners of its own."""
    trial = next(trial for trial in build_plan(notes).trials if trial.arm.name == "workers")
    with notes_engine.deploy(topology(notes, "workers")) as deployment:
        evidence = attest(trial, deployment, None)

    assert set(evidence.roles) == {"app"}
    assert evidence.strangers == ()


def test_a_read_only_database_keeps_its_data_in_memory(notes: Scenario, notes_engine: DockerEngine) -> None:
    """Nothing of a sidecar needs a disk that can be written to."""
    sidecars = tuple(replace(sidecar, read_only=True) for sidecar in notes.sidecars)

    with notes_engine.deploy(topology(replace(notes, sidecars=sidecars), "workers")) as deployment:
        assert len(deployment.servers) == 2


def test_a_job_that_fails_ends_the_deployment_with_its_last_lines(notes: Scenario, notes_engine: DockerEngine) -> None:
    """The sentence names the job, and quotes what it said last."""
    failing = replace(notes, sidecars=(), jobs=(Job(name="prepare", command="sh -c 'echo no such table; exit 7'"),))

    with pytest.raises(DeploymentError, match=r'job "prepare" ended with exit code 7') as raised:
        with notes_engine.deploy(topology(failing, "workers")):
            pytest.fail("the arm was started")

    assert "no such table" in str(raised.value)


def test_a_job_for_each_container_runs_as_often(notes: Scenario, notes_engine: DockerEngine) -> None:
    """Once for each replica, at the same time."""
    each = replace(notes, jobs=(*notes.jobs, Job(name="count", command="sleep 1", times="each")))

    with notes_engine.deploy(topology(each, "replicas")) as deployment:
        runs = [job for job in deployment.jobs if job.name == "count"]

    assert [job.service for job in runs] == ["count-1", "count-2"]
    assert runs[0].began_epoch_s < runs[1].ended_epoch_s
    assert runs[1].began_epoch_s < runs[0].ended_epoch_s


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
