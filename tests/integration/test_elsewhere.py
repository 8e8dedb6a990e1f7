"""An engine elsewhere: network, mounts and PIDs of its own, reached by DOCKER_HOST and by nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import psutil
import pytest

from lab.engines.docker.elsewhere import find_elsewhere, images_here
from lab.engines.images.images import prepare_base
from lab.record.folder import read_info, read_trial
from lab.sampling.machine import machine_mark, survey
from lab.scenario.images import PYTHON
from tests.integration.conftest import ON_NODES, REPOSITORY, check_counted
from tests.second_engine import SecondEngine
from tests.two_hosts import Host, images_lent

pytestmark = [pytest.mark.integration, ON_NODES]

MACHINE_ID = "/etc/machine-id"
SCENARIO = f"""
question = "Does an engine elsewhere do?"
[app]
build = "{REPOSITORY}"
requirements = "{REPOSITORY}/requirements/app.txt"
[budget]
processes = 2
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "{REPOSITORY}/locustfiles/json_api.py"
rate = 50
lanes = 8
warmup = "1s"
measure = "2s"
[trials]
blocks = 1
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "scenario.toml"
    path.write_text(SCENARIO)
    return path


@contextmanager
def another_machine(engine: SecondEngine, folder: Path) -> Iterator[str]:
    """Its machine has an id of its own inside: all hosts of the tests are on one."""
    identity = folder / "machine-id"
    identity.write_text("5eed" * 8)
    subprocess.run([*engine.inside, "mount", "--bind", str(identity), MACHINE_ID], check=True, timeout=60)
    try:
        yield identity.read_text()
    finally:
        subprocess.run([*engine.inside, "umount", MACHINE_ID], check=True, timeout=60)


@pytest.fixture
def elsewhere(three_hosts: tuple[Host, Host, Host], scenario: Path) -> Iterator[SecondEngine]:
    """That of the first host. It has no way to a registry: its images come from the machine's engine."""
    engine = three_hosts[0].engine
    engine.start()
    with images_lent(three_hosts[0]):
        engine.prepare(scenario)  # the app's and nginx's, and the base of Python's
        engine.prepare_agent()
        yield engine


def test_everything_is_measured_where_the_engine_is(
    client: docker.DockerClient, elsewhere: SecondEngine, scenario: Path, tmp_path: Path
) -> None:
    """`auto` sees it and says so; memory, owners and requests are those of processes that are not to be seen here."""
    base = prepare_base(client, PYTHON, PYTHON.reference, print).id
    assert find_elsewhere(client, [base], "elsewhere-tests") == ""
    with closing(elsewhere.client()) as own:
        assert "its processes are not this machine's" in (
            find_elsewhere(own, images_here(own), "elsewhere-tests") or ""
        )

    command = [sys.executable, "-m", "lab", "run", str(scenario), "--out", str(tmp_path / "out")]
    command += ["--allow-concurrent"]  # nothing here asserts a time
    environment = {**os.environ, "DOCKER_HOST": elsewhere.host}
    with another_machine(elsewhere, tmp_path) as identity:
        done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=240)
    assert (tmp_path / "out").exists(), done.stderr
    (folder,) = (tmp_path / "out").iterdir()
    info, trial = read_info(folder), read_trial(folder / "trials" / "b01-replicas")

    assert info.states == {"b01-replicas": "done"}, done.stderr
    assert info.environment["network"] == "own"
    assert "its processes are not this machine's" in info.environment["network_because"]
    assert info.environment["clock_bound_s"] >= 0.0
    seen = survey()
    assert (seen.cpu_model, seen.cgroup_version) == (info.environment["cpu_model"], info.environment["cgroup_version"])
    there = machine_mark(identity, str(seen.cpu_model), psutil.virtual_memory().total)
    assert info.environment["machine"] == there != seen.machine, "asked where the engine is"
    assert {"virtualisation", "load_average", "foreign"} <= set(info.environment.facts)
    assert info.fronts == {"nginx (tuned)": {}}, "asked there what it lets pass"
    assert info.calibration is not None
    assert trial.record.clock is not None
    assert trial.record.clock.bound_s < 0.005
    assert trial.record.attribution == "header"
    assert len(trial.record.attestation.servers) == 2
    assert all(trial.record.attestation.listeners.values())
    rows = trial.tables.processes
    assert set(rows["service"]) == {"app-1", "app-2", "nginx"}
    assert rows["pss_bytes"].drop_nulls().len() > 3
    check_counted(trial.record.load)
    with closing(elsewhere.client()) as own:
        assert own.containers.list(all=True, ignore_removed=True) == []
        assert own.networks.list(filters={"label": "lab.run"}) == []
