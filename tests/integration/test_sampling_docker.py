"""The sampler on real containers: every process an arm costs, with its role, and the kernel's account beside it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker
import polars as pl
import psutil
import pytest

from lab.analysis.trial.courses import courses, total
from lab.attest.serving import members, serving
from lab.engines import Deployment
from lab.engines.docker.engine import DockerEngine
from lab.engines.images.images import ImageRecord
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.record.types import PhaseWindow
from lab.sampling.grid import LOOKS_FLOOR
from lab.sampling.plan import SamplerPlan
from lab.sampling.sampler import Sampler, start_sampler
from lab.scenario.model import Arm
from tests.integration.conftest import scenario_of

pytestmark = pytest.mark.integration

RUN_ID = f"sampling-tests-{os.getpid()}"
PROCESSES = 2
WORKERS_NGINX = Arm(name="workers-nginx", model="workers", front="nginx")
REPLICAS = Arm(name="replicas", model="replicas", front="nginx")
DEADLINE_S = 60.0
MEASURE_S = 6.0


@contextmanager
def sampled(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], arm: Arm, directory: Path
) -> Iterator[tuple[Deployment, Sampler, float]]:
    """A deployed arm under the sampler, and the instant from which its rows count."""
    engine = DockerEngine(client, images, RUN_ID, (23000, 23999))
    scenario = scenario_of(arm, processes=PROCESSES)
    ports = engine.free_ports(ports_needed(scenario, arm), seed=3)
    with engine.deploy(build_topology(scenario, build_plan(scenario).trials[0], ports)) as deployment:
        t0 = time.monotonic()
        plan = SamplerPlan(
            targets=deployment.targets, t0_monotonic_s=t0, measure_s=MEASURE_S, lab_pid=os.getpid(), directory=directory
        )
        with start_sampler(plan) as sampler:
            yield deployment, sampler, t0


def wait_until(instant_s: float, sampler: Sampler) -> None:
    """Let the sampler work; its death ends the wait."""
    while time.monotonic() < instant_s:
        sampler.check()
        time.sleep(0.05)


def spawned_by(init_pid: int) -> set[int]:
    """The serving processes that a supervisor has started with multiprocessing's spawn."""
    found = set()
    for child in psutil.Process(init_pid).children():
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
        except psutil.NoSuchProcess:  # a zombie too: the victim until the supervisor has collected it
            continue
    return found


def roles(processes: pl.DataFrame) -> dict[str, int]:
    """Distinct processes of each role, platform left out."""
    counted = processes.filter(pl.col("role") != "platform").group_by("role").agg(pl.col("pid").n_unique())
    return dict(counted.iter_rows())


def test_the_ledger_of_workers_behind_nginx(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """Supervisor, resource tracker, workers, nginx, shims; what the processes add up to is what the cgroups account."""
    with sampled(client, images, WORKERS_NGINX, tmp_path) as (deployment, sampler, t0):
        wait_until(t0 + 1.2 + MEASURE_S, sampler)
        sampler.result(tmp_path)

    processes, cgroups = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("processes", "cgroups"))
    found = roles(processes)
    assert found.pop("proxy") >= 2
    assert found == {"supervisor": 1, "helper": 1, "worker": PROCESSES}
    platform = processes.filter(pl.col("role") == "platform")
    shims = platform.filter(pl.col("command").str.contains("containerd-shim"))
    assert set(shims["service"]) == {service.name for service in deployment.services}
    assert platform["pss_bytes"].null_count() == 0
    window = PhaseWindow(start_s=1.0, end_s=1.0 + MEASURE_S)
    arm = processes.filter(pl.col("role") != "platform")
    looks = arm.filter(pl.col("pss_bytes").is_not_null() & pl.col("t_s").is_between(window.start_s, window.end_s))
    assert looks.group_by("pid").len()["len"].min() >= LOOKS_FLOOR - 1  # type: ignore[operator]  # any column's
    assert looks.filter(pl.col("t_s").is_duplicated()).is_empty(), "one process at a time"
    pss = total(courses(arm, ("pid",), "pss_anon_bytes", window), window)
    anon = total(courses(cgroups, ("container",), "anon_bytes", window), window)
    assert pss is not None
    assert anon is not None
    assert pss.mean == pytest.approx(anon.mean, rel=0.05)


def test_replicas_have_no_supervisor(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """N containers of one serving process each."""
    with sampled(client, images, REPLICAS, tmp_path) as (_, sampler, t0):
        wait_until(t0 + 0.6, sampler)  # it has looked at everybody before
        sampler.result(tmp_path)

    processes = pl.read_parquet(tmp_path / "processes.parquet")
    found = roles(processes)
    found.pop("proxy")
    assert found == {"worker": PROCESSES}
    assert processes.filter(pl.col("role") == "worker")["service"].n_unique() == PROCESSES


def test_a_respawned_worker_is_followed(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """uvicorn replaces a killed worker; the new process appears as a worker and the supervisor stays one."""
    with sampled(client, images, WORKERS_NGINX, tmp_path) as (deployment, sampler, t0):
        init = next(target.init_pid for target in deployment.targets if target.kind == "app")
        workers = spawned_by(init)
        victim = min(workers)
        wait_until(t0 + 0.6, sampler)
        os.kill(victim, signal.SIGKILL)
        app = [target for target in deployment.targets if target.kind == "app"]
        give_up_at = time.monotonic() + DEADLINE_S
        while not (new := {member.pid for member in serving(members(app))} - workers):
            assert time.monotonic() < give_up_at, "uvicorn did not replace its worker"
            time.sleep(0.05)
        wait_until(time.monotonic() + 2.2, sampler)  # in which a round comes, though the machine be busy
        sampler.result(tmp_path)

    processes = pl.read_parquet(tmp_path / "processes.parquet")
    assert processes.filter(pl.col("pid") == init)["role"].unique().to_list() == ["supervisor"]
    rounds = pl.read_parquet(tmp_path / "host.parquet")["t_s"]  # between them one process is looked at
    last = processes.filter(pl.col("t_s") == rounds.max(), pl.col("role") == "worker")
    assert set(last["pid"]) == (workers - {victim}) | new
