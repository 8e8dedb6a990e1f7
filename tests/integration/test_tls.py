"""Whole trials over TLS: every front, one in a network of its own, and uvicorn itself; and load that is lied to."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import docker
import polars as pl
import pytest

from lab.engines.docker.opening import open_docker
from lab.host.authority import certificate_for, make_certificate
from lab.load.locust_process import loads
from lab.plan.blocks import build_plan
from lab.plan.certificate import CERTIFICATE, KEY
from lab.record.folder import RunFolder, new_run_info, read_trial
from lab.record.types import Environment, TrialResult
from lab.run.drive import Scheduled
from lab.run.tools import Run
from lab.run.trial import run_trial
from lab.scenario.model import Arm, Load
from lab.scenario.trials import Trials
from tests.certificates import serving
from tests.integration.conftest import app_of_repository, scenario_of
from tests.load_runs import run_load

pytestmark = pytest.mark.integration

RUN_ID = f"tls-tests-{os.getpid()}"
LOCUSTFILE = """
from locust import FastHttpUser, HttpUser, task

class Careless(HttpUser):
    def on_start(self):
        self.client.verify = False

    @task
    def ask(self):
        self.client.get("/", headers={"Connection": "close"})

class Fast(FastHttpUser):
    @task
    def ask(self):
        self.client.get("/items/1")
"""
ARMS = (
    Arm(name="nginx", model="replicas", front={"kind": "nginx", "tls": True}, proxy_headers=True),
    Arm(name="haproxy", model="workers", front={"kind": "haproxy", "tls": True}, proxy_headers=True),
    Arm(name="caddy", model="replicas", front={"kind": "caddy", "tls": True}),
    Arm(name="traefik", model="workers", front={"kind": "traefik", "tls": True}, proxy_headers=True, network="own"),
    Arm(name="uvicorn", model="workers", front={"kind": "direct", "tls": True}),
)


def run_arm(client: docker.DockerClient, root: Path, arm: Arm) -> tuple[TrialResult, bytes, bytes]:
    """One real trial; also all that was written of it, and the key that must not be in there."""
    locustfile = root / "user" / "locustfile.py"
    locustfile.parent.mkdir()
    locustfile.write_text(LOCUSTFILE)
    load = Load(locustfile=locustfile, rate=60.0, lanes=8, warmup=0.5, measure=2.0)
    app = app_of_repository(client_path="/whoami", user="" if arm.fronted else "nobody")  # whom only the image knows
    scenario = scenario_of(arm, app=app, load=load, trials=Trials(blocks=1))
    engine, _ = open_docker(scenario, RUN_ID, print, docker_client=lambda: client)
    plan, made = build_plan(scenario), certificate_for(scenario)
    folder = RunFolder.create(root / "run", new_run_info("run", "tls", plan, Environment(facts={}), {}))
    run = Run(plan=plan, folder=folder, engine=engine, certificate=made)
    with loads(folder.path) as here, engine.load_place(load) as place, loads(folder.path, place) as inside:
        run_trial(run, plan.trials[0], Scheduled(here, inside))
    assert client.containers.list(all=True, ignore_removed=True, filters={"label": f"lab.run={RUN_ID}"}) == []
    written = b"".join(path.read_bytes() for path in (root / "run").rglob("*") if path.is_file())
    return read_trial(folder.path / "trials" / plan.trials[0].id), written, made.key


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_a_trial_over_tls(client: docker.DockerClient, tmp_path: Path, arm: Arm) -> None:
    """Attested with what it negotiates and whom the app believes; every request is answered, and the key is nowhere."""
    trial, written, key = run_arm(client, tmp_path, arm)
    evidence, rows = trial.record.attestation, trial.tables.requests
    asked, new = rows.filter(pl.col("kind") != "drop"), rows["opened_s"].drop_nulls()

    assert len(asked) > 60
    assert asked["error"].drop_nulls().to_list() == []
    assert evidence.tls["version"] == "TLSv1.3"
    assert evidence.tls["alpn"] in ("h2", "http/1.1", "none")
    assert evidence.tls["resumed"].endswith(" of 8")
    told = not arm.fronted or arm.proxy_headers
    assert evidence.client["scheme"] == ("https" if told else "http")
    assert len(new) > 20, "each request of the careless user makes a connection"
    assert 0 < new.median() < 1  # type: ignore[operator]  # not empty
    assert set(rows.filter(pl.col("opened_s").is_not_null())["resumed"]) == {0}
    secret = key.splitlines()[1]
    assert CERTIFICATE.encode() in written
    assert KEY not in {path for service in trial.record.services for path in service.files}
    assert secret not in written


@pytest.mark.parametrize("wrong", ["expired", "of somebody else"])
def test_load_that_meets_a_wrong_certificate_fails(tmp_path: Path, wrong: str) -> None:
    """Every request of every client, whatever the locustfile says of certificates; none reaches the server."""
    made = make_certificate(not_after=datetime(2020, 1, 1, tzinfo=UTC) if wrong == "expired" else None)
    trust = made.authority if wrong == "expired" else make_certificate().authority
    run = run_load(tmp_path, LOCUSTFILE, tls=serving(made), trust=trust, kernel_times=False, measure_s=0.5)

    assert run.outcome.counters.started > 20
    assert run.table["error"].str.contains("CERTIFICATE_VERIFY_FAILED").all()
    assert run.server.seen.total() == 0
