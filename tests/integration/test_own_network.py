"""Trials in networks of their own: agents probe, drive load and sample, and nothing of it stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import polars as pl
import pytest

from lab.attest.attest import attest, fallback_of
from lab.attest.claims import homes_of
from lab.engines.docker.engine import DockerEngine
from lab.engines.docker.opening import open_docker
from lab.engines.leftovers import find_leftovers, remove_leftovers
from lab.errors import DeploymentError
from lab.host.labels import RUN
from lab.load.locust_process import loads
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.record.folder import RunFolder, new_run_info, read_trial
from lab.record.types import Environment, TrialResult
from lab.run.drive import Scheduled, load_plan
from lab.run.tools import Run
from lab.run.trial import run_trial
from lab.scenario.kinds import FRONTS
from lab.scenario.model import App, Arm, Load, Scenario
from lab.scenario.trials import Trials
from tests.integration.conftest import (
    LEAVES,
    REPOSITORY,
    app_of_repository,
    check_counted,
    own_arguments,
    scenario_of,
    together,
)
from tests.integration.test_attribution import DOCS_APP, LOAD, REPLICAS, WORKERS, truth
from tests.launched import launched
from tests.load_runs import wait_finished

pytestmark = pytest.mark.integration

RUN_ID = f"own-tests-{os.getpid()}"
JSON_API = Load(locustfile=REPOSITORY / "locustfiles" / "json_api.py", rate=60.0, lanes=8, warmup=1.0, measure=2.0)
# As its author meant it: one port, chosen by nobody.
FIXED = "uvicorn app.main:app --host 0.0.0.0 --port 80 --workers {workers}"
DEADLINE_S = 60.0
LOCUSTFILE = """
import humanize
from locust import HttpUser, task

class Asking(HttpUser):
    @task
    def ask(self):
        self.client.get("/items/1", name=humanize.ordinal(1))
"""
HOLD = """
import sys, time
from pathlib import Path
from lab.engines.docker.opening import open_docker
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.scenario.file import read_scenario
scenario = read_scenario(Path(sys.argv[1]))
engine, _ = open_docker(scenario, sys.argv[2], print)
trial = build_plan(scenario).trials[0]
with engine.deploy(build_topology(scenario, trial, ())):
    print("up", flush=True)
    time.sleep(120)
"""


def labelled(client: docker.DockerClient) -> list[str]:
    selection = {"label": f"{RUN}={RUN_ID}"}
    containers = client.containers.list(all=True, filters=selection, ignore_removed=True)
    things = (containers, client.networks.list(filters=selection))
    return [thing.name for found in things for thing in found]


@pytest.fixture(autouse=True)
def _nothing_stays(client: docker.DockerClient) -> Iterator[None]:
    yield
    assert labelled(client) == []


def run_own(client: docker.DockerClient, root: Path, app: App, arm: Arm, load: Load) -> TrialResult:
    """One whole trial with everything inside."""
    scenario: Scenario = scenario_of(arm, app=app, load=load, trials=Trials(blocks=1), network="own")
    engine, _ = open_docker(scenario, RUN_ID, print, docker_client=lambda: client)
    plan = build_plan(scenario)
    folder = RunFolder.create(root, new_run_info("run", "own", plan, Environment(facts={}), {}))
    with loads(folder.path) as here, engine.load_place(load) as place, loads(folder.path, place) as inside:
        run_trial(Run(plan=plan, folder=folder, engine=engine), plan.trials[0], Scheduled(here, inside))
    return read_trial(folder.path / "trials" / plan.trials[0].id)


def test_replicas_with_one_port_of_their_image_are_found_by_name(client: docker.DockerClient, tmp_path: Path) -> None:
    """Attested, named by address, measured from inside; agents count for the instrument and never for the arm.

    The locustfile has the packages that it asks for.
    """
    folder = tmp_path / "load"
    folder.mkdir()
    (folder / "requirements.txt").write_text("humanize>=4\n")
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    own = replace(JSON_API, locustfile=folder / "locustfile.py", requirements=folder / "requirements.txt")
    trial = run_own(client, tmp_path, app_of_repository(command=FIXED, port=80), REPLICAS, own)

    record, tables = trial.record, trial.tables
    apps = {service.name: service for service in record.services if service.kind == "app"}
    assert {(service.host, service.ports) for service in apps.values()} == {("app-1", (80,)), ("app-2", (80,))}
    assert len({service.address for service in record.services}) == 3
    assert set(record.attestation.listeners.values()) == {"app-1", "app-2", "nginx"}
    assert set(record.attestation.homes.values()) == {f"{service.address}:80" for service in apps.values()}
    assert set(record.attestation.upstreams) == set(record.attestation.homes.values())
    assert record.attribution == "header"
    check_counted(record.load)
    assert set(tables.requests["name"]) == {"GET 1st"}
    assert set(tables.processes["service"]) == {"app-1", "app-2", "nginx"}
    assert tables.processes.filter(pl.col("role") == "worker")["pss_bytes"].drop_nulls().min() > 1e7  # type: ignore[operator]  # polars allows for strings
    last = tables.host.tail(1)
    assert last["load_cpu_s"].item() > 0.1
    assert last["sampler_cpu_s"].item() > 0.0
    assert tables.host["lab_cpu_s"].null_count() == 0


@pytest.mark.alone  # uvicorn ends workers that take more than 5 s to start, and `fastapi run` has no option for it
@pytest.mark.parametrize(
    ("arm", "attribution"), [(WORKERS, "socket"), (REPLICAS, "upstream")], ids=("workers", "replicas")
)
def test_who_served_is_known_of_an_app_that_does_not_say(
    client: docker.DockerClient, tmp_path: Path, arm: Arm, attribution: str
) -> None:
    """By the owners of connections inside the container's network, or by the address that nginx names."""
    trial = run_own(client, tmp_path, DOCS_APP, arm, LOAD)

    assert trial.record.attribution == attribution
    found = truth(trial)
    assert len(found) == 2
    assert all(len(names) == 1 for names in found.values()), found
    if attribution == "upstream":
        assert set(found) == {f"{s.address}:8000" for s in trial.record.services if s.kind == "app"}


def test_every_front_tells_by_address_or_by_name_who_served(client: docker.DockerClient, tmp_path: Path) -> None:
    """Behind all of them at once stand the same two replicas: attested, and found in requests as each front names them.

    Traefik tells nothing, Caddy the name by which it was told of a process.
    """
    arms = tuple(Arm(name=kind, model="replicas", front=kind) for kind in FRONTS if FRONTS[kind].hops)
    scenario = scenario_of(arms[0], app=app_of_repository(server_header=""), arms=arms, network="own")
    engine, _ = open_docker(scenario, RUN_ID, print, docker_client=lambda: client)
    trials = {trial.arm.front.kind: trial for trial in build_plan(scenario).trials}
    each = {kind: build_topology(scenario, trial, ()) for kind, trial in trials.items()}
    all_fronts = together(list(each.values()))
    load = replace(JSON_API, warmup=0.2, measure=1.0)
    with engine.load_place(load) as place, loads(tmp_path, place) as inside, engine.deploy(all_fronts) as deployment:
        at = {service.host: service.address for service in deployment.services}
        for kind, trial in trials.items():
            here = replace(deployment, topology=each[kind].located(at))
            evidence = attest(trial, here, None)
            plan = load_plan(load, each[kind], 1, tmp_path / kind, min_warmup_requests=0)
            plan.directory.mkdir()
            with inside.start(plan) as asking, asking.users(fallback_of(evidence, here.topology), ""):
                wait_finished(asking)
                asking.result(tmp_path / f"{kind}.parquet", 0.0)
            served = pl.read_parquet(tmp_path / f"{kind}.parquet")["served_by"].drop_nulls()
            known = homes_of(evidence, evidence.listeners)
            assert {known.get(name) for name in served} == (set() if kind == "traefik" else {"app-1", "app-2"}), kind


def test_an_arm_that_does_not_come_up_leaves_no_network(client: docker.DockerClient) -> None:
    """The agent has probed and says what was seen."""
    app = app_of_repository(ready_path="/nowhere", ready_timeout=6.0)
    scenario = scenario_of(WORKERS, app=app, network="own")
    engine, _ = open_docker(scenario, RUN_ID, print, docker_client=lambda: client)
    assert isinstance(engine, DockerEngine)
    topology = build_topology(scenario, build_plan(scenario).trials[0], ())
    with (
        pytest.raises(DeploymentError, match="0 of 2 serving processes answered GET /nowhere"),
        engine.deploy(topology),
    ):
        pytest.fail("it was ready")

    assert labelled(client) == []


@LEAVES
def test_what_a_killed_lab_leaves_is_found_by_label(client: docker.DockerClient, tmp_path: Path) -> None:
    """Its agents have ended by themselves; `lab clean` takes the rest, the network too."""
    path = tmp_path / "scenario.toml"
    path.write_text(
        f'question = "?"\nnetwork = "own"\n[app]\nbuild = "{REPOSITORY}"\n'
        f'requirements = "{REPOSITORY}/requirements/app.txt"\n{own_arguments()}\n'
        "[budget]\nprocesses = 1\n"
        '[[arms]]\nname = "workers"\nmodel = "workers"\nfront = "direct"\n'
        f'[load]\nlocustfile = "{REPOSITORY}/locustfiles/json_api.py"\n'
    )
    command = [sys.executable, "-c", HOLD, str(path), RUN_ID]
    with launched(command, stdout=subprocess.PIPE) as lab:
        assert lab.stdout is not None
        while (line := lab.stdout.readline()) and line != "up\n":
            pass
        lab.kill()
    give_up_at = time.monotonic() + DEADLINE_S
    selection = {"label": [f"{RUN}={RUN_ID}", "lab.service=agent"]}
    while (agents := client.containers.list(filters=selection, ignore_removed=True)) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    assert agents == []

    mine = [found for found in find_leftovers(client=client) if RUN_ID in found.name]
    assert {found.kind for found in mine} == {"container", "network"}
    remove_leftovers(mine, client)
