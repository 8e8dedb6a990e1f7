"""Whole trials of images that know nothing of the lab: who served each request is known, or said not to be.

Both images answer with the pid of the process that serves, which the locustfile makes the name of the request, so
that what the lab finds out from outside can be held against what the app says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import docker
import polars as pl
import pytest

from lab.analysis.trial.latency import measured
from lab.analysis.trial.shares import MIN_ATTRIBUTED, attributed
from lab.analysis.trial.trial import summarise_trial
from lab.engines.docker.engine import DockerEngine
from lab.engines.images.build import remove_image
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.load.locust_process import loads
from lab.plan.blocks import build_plan
from lab.record.folder import RunFolder, new_run_info, read_trial
from lab.record.types import Environment, TrialResult
from lab.run.drive import Scheduled
from lab.run.tools import Run
from lab.run.trial import run_trial
from lab.scenario.model import App, Arm, Load, Scenario
from lab.scenario.trials import Trials
from tests.integration.conftest import OWN, REPOSITORY, app_of_repository, scenario_of
from tests.waiting import until

pytestmark = pytest.mark.integration

RUN_ID = f"attribution-tests-{os.getpid()}"
IMAGES = Path(__file__).parent / "images"
PROCESSES = 2
WORKERS = Arm(name="workers", model="workers", front="direct")
WORKERS_NGINX = Arm(name="workers-nginx", model="workers", front="nginx")
REPLICAS = Arm(name="replicas", model="replicas", front="nginx")
LOAD = Load(
    locustfile=Path(__file__).parent / "pid_locustfile.py", lanes=16, tags=("keepalive",), warmup=1.0, measure=2.5
)
DOCS_APP = App(
    build=IMAGES / "docs_app",
    requirements=REPOSITORY / "requirements" / "app.txt",
    build_args=OWN,
    command="fastapi run main.py --host {host} --port {port} --workers {workers}",
    ready_path="/",
)


@pytest.fixture(scope="session")
def nginx_app(client: docker.DockerClient, images: Mapping[str, ImageRecord]) -> Iterator[App]:
    """An app that is no Python at all."""
    name = f"process-model-lab/nginx-app:integration-tests-{os.getpid()}"
    client.images.build(
        path=str(IMAGES / "nginx_app"),
        tag=name,
        buildargs={"NGINX_IMAGE": images["nginx"].name},
        network_mode="none",
        rm=True,
        forcerm=True,
    )
    yield App(image=name, command="serve {port} {workers}", ready_path="/")
    until(lambda: remove_image(client, name), "it goes: another lab may try it for a moment")


def run_arm(client: docker.DockerClient, root: Path, app: App, arm: Arm, load: Load = LOAD) -> TrialResult:
    """One real trial, valid or not on a machine with neighbours; nothing is left behind."""
    scenario: Scenario = scenario_of(arm, PROCESSES, app=app, load=load, trials=Trials(blocks=1))
    engine = DockerEngine(client, prepare_images(client, scenario, print), RUN_ID, (24000, 24999))
    plan = build_plan(scenario)
    folder = RunFolder.create(root, new_run_info("run", "attribution", plan, Environment(facts={}), {}))
    trial = plan.trials[0]
    with loads(folder.path) as starter:
        run_trial(Run(plan=plan, folder=folder, engine=engine), trial, Scheduled(starter))
    assert client.containers.list(all=True, ignore_removed=True, filters={"label": f"lab.run={RUN_ID}"}) == []
    return read_trial(folder.path / "trials" / trial.id)


def truth(trial: TrialResult) -> dict[str, set[str]]:
    """``served_by`` → what the app said about itself in these requests."""
    known = trial.tables.requests.filter(pl.col("served_by").is_not_null() & pl.col("error").is_null())
    return {server: set(names) for server, names in known.group_by("served_by").agg("name").iter_rows()}


def gate(trial: TrialResult) -> str:
    """What the gate on attribution says."""
    return next(gate.outcome for gate in trial.record.gates if gate.key == "attribution.partial")


def workers(trial: TrialResult) -> set[str]:
    """``service:pid`` of the serving processes that the sampler followed."""
    rows = trial.tables.processes.filter(pl.col("role") == "worker")
    return set(rows.select(pl.format("{}:{}", "service", "pid")).to_series())


def check_sockets(trial: TrialResult) -> dict[str, set[str]]:
    """Each attributed request went to the very process that says that it answered: a pid outside is one inside."""
    assert trial.record.attribution == "socket"
    found = truth(trial)
    assert found.keys() <= workers(trial)
    assert all(len(names) == 1 for names in found.values()), found
    assert len(set.union(*found.values())) == len(found)
    return found


def check_whole(trial: TrialResult) -> None:
    """Every request is attributed, so that there are shares."""
    assert (attributed(measured(trial.tables.requests)) or 0.0) >= MIN_ATTRIBUTED
    assert gate(trial) == "pass"
    assert summarise_trial(trial).values["share.max"] is not None


@pytest.mark.alone  # uvicorn ends workers that take more than 5 s to start, and `fastapi run` has no option for it
def test_workers_of_a_plain_fastapi_app(client: docker.DockerClient, tmp_path: Path) -> None:
    """By the sockets' owners, over both HTTP clients of Locust, with the image's own start command."""
    trial = run_arm(client, tmp_path, DOCS_APP, WORKERS)

    check_sockets(trial)
    check_whole(trial)


def test_workers_that_are_no_python(client: docker.DockerClient, nginx_app: App, tmp_path: Path) -> None:
    """By the sockets' owners, on a listener for both families of addresses."""
    trial = run_arm(client, tmp_path, nginx_app, WORKERS)

    assert check_sockets(trial).keys() == workers(trial)
    check_whole(trial)


def test_replicas_of_any_image(client: docker.DockerClient, nginx_app: App, tmp_path: Path) -> None:
    """By nginx's upstream address: each replica has one of its own, and round robin is even."""
    trial = run_arm(client, tmp_path, nginx_app, REPLICAS)

    assert trial.record.attribution == "upstream"
    ports = {port for service in trial.record.services if service.kind == "app" for port in service.ports}
    assert truth(trial).keys() == {f"127.0.0.1:{port}" for port in ports}
    assert gate(trial) == "pass"
    assert summarise_trial(trial).values["share.skew"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.alone
def test_workers_behind_nginx_are_not_taken_for_one_process(client: docker.DockerClient, tmp_path: Path) -> None:
    """One address, several processes: nobody knows who answered, so there are no shares, and a caveat says why."""
    trial = run_arm(client, tmp_path, DOCS_APP, WORKERS_NGINX)

    assert trial.record.attribution == "none"
    assert truth(trial) == {}
    assert gate(trial) == "caveat"
    values = summarise_trial(trial).values
    assert [values[key] for key in ("share.max", "share.skew", "share.gini")] == [None] * 3
    assert values["p50"] is not None


@pytest.mark.alone
def test_connections_too_short_to_be_seen_give_no_shares(
    client: docker.DockerClient, nginx_app: App, tmp_path: Path
) -> None:
    """Of connections that live for a quarter of a second half are seen: those rightly, but no share comes of it."""
    trial = run_arm(client, tmp_path, nginx_app, WORKERS, replace(LOAD, tags=("churn",)))

    assert check_sockets(trial).keys() == workers(trial)
    assert 0.2 < (attributed(measured(trial.tables.requests)) or 0.0) < MIN_ATTRIBUTED
    assert gate(trial) == "caveat"
    assert summarise_trial(trial).values["share.max"] is None


def test_the_apps_own_header_comes_first(client: docker.DockerClient, tmp_path: Path) -> None:
    """Where the app says who it is, no socket is looked at, and workers behind nginx are told apart as well."""
    load = Load(locustfile=REPOSITORY / "locustfiles" / "json_api.py", rate=100.0, warmup=1.0, measure=2.0)
    trial = run_arm(client, tmp_path, app_of_repository(), WORKERS_NGINX, load)

    assert trial.record.attribution == "header"
    assert len(truth(trial)) == PROCESSES
    assert gate(trial) == "pass"
