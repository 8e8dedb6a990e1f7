"""What `lab init` writes starts: images as people have them, from their Dockerfile to arms that are what they claim.

What a run does with an arm that is up is no matter of how its image starts, but of which processes there are: of those
that differ one each is run by tests/e2e (test_init_starts.py names them).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import docker
import pytest
from typer.testing import CliRunner

from lab.attest.attest import attest
from lab.attest.raw_http import ask
from lab.cli import app
from lab.engines import Deployment
from lab.engines.docker.opening import open_docker
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from tests.integration.conftest import REPOSITORY
from tests.starts import STARTS, project

pytestmark = pytest.mark.integration

RUN_ID = f"init-tests-{os.getpid()}"
FORMS = ("workers", "replicas")  # workers-nginx is the app of the one and the front of the other

OneAtATime = Callable[[], AbstractContextManager[None]]


def init(folder: Path, *arguments: object) -> Scenario:
    """The scenario that the command writes without an edit."""
    words = ["init", *map(str, arguments), "--processes", "2", "--out", str(folder)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read_scenario(folder / "scenario.toml")


def each_form(
    client: docker.DockerClient, scenario: Scenario, making_images: OneAtATime, look: Callable[[Deployment], None]
) -> None:
    """Deploy and attest one container with workers, then replicas behind the front, and look at each."""
    with making_images():
        engine, _ = open_docker(scenario, RUN_ID, print, docker_client=lambda: client)
    trials = {trial.arm.name: trial for trial in build_plan(scenario).trials}
    runtime = None
    for arm in FORMS:
        trial = trials[arm]
        ports = engine.free_ports(ports_needed(scenario, trial.arm), seed=3)
        with engine.deploy(build_topology(scenario, trial, ports)) as deployment:
            runtime = attest(trial, deployment, runtime).runtime
            look(deployment)
    assert client.containers.list(all=True, ignore_removed=True, filters={"label": f"lab.run={RUN_ID}"}) == []


@pytest.mark.parametrize("start", STARTS)
def test_an_image_starts_as_lab_init_writes_it(
    client: docker.DockerClient, tmp_path: Path, making_images: OneAtATime, start: str
) -> None:
    """No flag but the folder, and no edit: both forms are up, attested, and serve."""
    scenario = init(tmp_path / "mine", "--folder", project(tmp_path / "shop", start))

    def look(deployment: Deployment) -> None:
        assert len(deployment.servers) == 2
        assert ask(deployment.topology.entry, "GET", "/").status == 200

    each_form(client, scenario, making_images, look)


def test_the_example_with_a_database_starts_from_its_compose_file(
    client: docker.DockerClient, tmp_path: Path, making_images: OneAtATime
) -> None:
    """PostgreSQL, Redis and the migrations, as its compose file has them; the path that is loaded answers."""
    scenario = init(tmp_path / "mine", "--compose", REPOSITORY / "examples" / "notes" / "compose.yaml")
    assert '"/notes"' in scenario.load.locustfile.read_text()

    def look(deployment: Deployment) -> None:
        assert {service.name for service in deployment.services} >= {"db", "cache"}
        assert [job.name for job in deployment.jobs] == ["migrate"]
        assert ask(deployment.topology.entry, "GET", "/notes").status == 200

    each_form(client, scenario, making_images, look)
