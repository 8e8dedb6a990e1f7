"""Engine process with the real app, uvicorn and nginx: the same arms without containers, and nothing of them stays."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import polars as pl
import psutil
import pytest

from lab.attest.attest import attest
from lab.engines.kinds import open_engine
from lab.engines.process import scratch as process_leftovers
from lab.engines.process.engine import ProcessEngine
from lab.errors import DeploymentError, OutsideError
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.run.calibration import answering_nginx
from lab.sampling.plan import SamplerPlan
from lab.sampling.process_tree import tree_pids
from lab.sampling.sampler import start_sampler
from lab.scenario.model import App, Arm, Scenario
from tests.integration.conftest import app_of_repository, scenario_of
from tests.late import late_when
from tests.launched import launched

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("process")]

RUN_ID = f"process-tests-{os.getpid()}"
WORKERS_NGINX = Arm(name="workers-nginx", model="workers", front="nginx")
REPLICAS = Arm(name="replicas", model="replicas", front="nginx")
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def engine() -> ProcessEngine:
    """As a run opens it; the environment comes from the user's cache if it was made before."""
    engine, images = open_engine(plain(REPLICAS), RUN_ID, print)
    assert isinstance(engine, ProcessEngine)
    assert set(images) == {"app", "nginx"}
    return engine


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No process and no folder of these tests outlives one of them."""
    yield
    assert [thing for thing in process_leftovers.things() if thing[3]["lab.run"] == RUN_ID] == []


def plain(arm: Arm, app: App | None = None) -> Scenario:
    """One arm of two processes on plain processes."""
    return scenario_of(arm, app=app or app_of_repository(), engine="process", ports="25000-25999")


def topology_of(engine: ProcessEngine, scenario: Scenario) -> Topology:
    """The scenario's first trial on free ports."""
    trial = build_plan(scenario).trials[0]
    return build_topology(scenario, trial, engine.free_ports(ports_needed(scenario, trial.arm), seed=1))


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def lives(pid: int) -> bool:
    """Whether it has not ended; one that only waits for its parent has."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


@pytest.mark.parametrize("arm", [WORKERS_NGINX, REPLICAS], ids=lambda arm: arm.name)
def test_an_arm_is_what_it_says_without_containers(engine: ProcessEngine, arm: Arm) -> None:
    """Attested as in Docker: supervisor or none, listeners, nginx passed; afterwards every process is gone."""
    scenario = plain(arm)
    with engine.deploy(topology_of(engine, scenario)) as deployment:
        evidence = attest(build_plan(scenario).trials[0], deployment, None)
        assert evidence.runtime == {"loop": "uvloop", "http": "httptools", "allocator": "glibc"}
        pids = {pid for target in deployment.targets for pid in tree_pids(target.init_pid)}
        deployment.check()
        for pid in pids:
            assert "DOCKER_HOST" not in psutil.Process(pid).environ()
        if os.geteuid() == 0:
            (nginx,) = [target for target in deployment.targets if target.service == "nginx"]
            assert {psutil.Process(pid).uids().real for pid in tree_pids(nginx.init_pid)} == {65534}
    assert not set(filter(lives, pids))


def test_the_ledger_follows_workers_whose_supervisor_died(engine: ProcessEngine, tmp_path: Path) -> None:
    """Roles as in Docker, PSS of every process, no cgroup rows; orphans stay members, and are ended with the rest."""
    with engine.deploy(topology_of(engine, plain(WORKERS_NGINX))) as deployment:
        (app,) = [target for target in deployment.targets if target.service == "app"]
        t0 = time.monotonic()
        plan = SamplerPlan(
            targets=deployment.targets, t0_monotonic_s=t0, measure_s=5.0, lab_pid=os.getpid(), directory=tmp_path
        )
        with start_sampler(plan) as sampler:
            orphans = set(tree_pids(app.init_pid))
            os.kill(app.init_pid, signal.SIGKILL)
            killed_s = time.monotonic() - t0
            while time.monotonic() < t0 + killed_s + 3.2:
                sampler.check()
                time.sleep(0.05)
            sampler.result(tmp_path)
        with pytest.raises(DeploymentError, match="process of 'app' was killed by SIGKILL"):
            deployment.check()

    processes = pl.read_parquet(tmp_path / "processes.parquet")
    first = processes.filter(pl.col("t_s") == processes["t_s"].min()).group_by("role").len()
    assert dict(first.iter_rows()) == {"supervisor": 1, "helper": 1, "worker": 2, "proxy": 1 + (os.cpu_count() or 1)}
    assert processes.filter(pl.col("t_s") == processes["t_s"].min())["pss_bytes"].null_count() == 0
    late = processes.filter((pl.col("t_s") > killed_s) & (pl.col("role") == "worker"))
    assert late["pid"].n_unique() == 2
    assert set(late["pid"]) < orphans
    assert pl.read_parquet(tmp_path / "cgroups.parquet").is_empty()
    assert not set(filter(lives, orphans))


def test_an_app_that_exits_ends_the_wait_with_its_last_words(engine: ProcessEngine) -> None:
    """As in a container, and what had started already is gone."""
    scenario = plain(REPLICAS, app_of_repository(target="app.main:absent", ready_timeout=600.0))
    with pytest.raises(
        DeploymentError, match=r"ended with exit code 3: uvicorn does not find absent; (.|\n)*not found"
    ):
        with engine.deploy(topology_of(engine, scenario)):
            pytest.fail("must not come up")


class NotWell(BaseHTTPRequestHandler):
    """What a front of somebody else says whose app is gone."""

    asked = 0

    def do_GET(self) -> None:
        """Answer 502."""
        self.send_error(502)
        NotWell.asked += 1

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_stranger_on_the_port_of_an_app_is_told(engine: ProcessEngine) -> None:
    """Workers with uvloop go on without a word where somebody began to listen before them: not their answers came."""
    silent = app_of_repository(command="python -c 'import time; time.sleep(60)' {port} {workers}")
    scenario = plain(Arm(name="workers", model="workers", front="direct"), silent)
    topology = topology_of(engine, scenario)
    with ThreadingHTTPServer(("127.0.0.1", topology.entry.port), NotWell) as stranger:
        Thread(target=stranger.serve_forever, daemon=True).start()
        told = f"other answer was 502.*: something that is no part of the arm listens on {topology.entry.port} in its"
        refused = pytest.raises(OutsideError, match=told)
        with refused as caught, late_when(lambda: NotWell.asked), engine.deploy(topology):
            pytest.fail("must not come up")
        stranger.shutdown()

    assert "run it again" in caught.value.hint


def test_the_calibrations_nginx_runs_on_it(engine: ProcessEngine) -> None:
    """It answers everything itself; two deployments do not get into each other's files."""
    first, second = (answering_nginx(port) for port in engine.free_ports(2, seed=2))
    with engine.deploy(first), engine.deploy(replace(second, trial_id="other")):
        assert [get(topology.entry.port, "/") for topology in (first, second)] == [200, 200]


LAB = """
import sys
from lab.engines.kinds import open_engine
from tests.integration.test_process_engine import REPLICAS, RUN_ID, plain, topology_of
engine, _ = open_engine(plain(REPLICAS), sys.argv[1], lambda text: None)
with engine.deploy(topology_of(engine, plain(REPLICAS))) as deployment:
    print(*(target.init_pid for target in deployment.targets), flush=True)
    sys.stdin.read()
"""


def test_a_killed_lab_leaves_no_process() -> None:
    """SIGKILL cannot be caught: the guard ends what ran, nginx with its workers too."""
    command = [sys.executable, "-c", LAB, RUN_ID]
    with launched(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as lab:
        assert lab.stdout is not None
        first = [int(pid) for pid in lab.stdout.readline().split()]
        pids = {member for pid in first for member in tree_pids(pid)}
        assert len(pids) > len(first) == 3
        lab.kill()
    wait_until(lambda: not set(filter(lives, pids)))
    wait_until(lambda: not [thing for thing in process_leftovers.things() if thing[3]["lab.run"] == RUN_ID])
