"""A run over two machines: the arm on one, load on the other, a sampler on both; nothing is left on either."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from lab.engines.images.images import ImageRecord
from lab.record.folder import read_info, read_trial
from lab.sampling.grid import SLOW_TICK_S
from tests.integration.conftest import REPOSITORY
from tests.two_hosts import Host, two_hosts, wait_until_measured

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("nodes")]  # one pair of hosts

AHEAD_S = 5000
READINGS_APART_S = SLOW_TICK_S + 0.1  # the slower of the two grids, as the gates take it
MEASURE = "3s"  # two readings of that grid lie in it wherever it begins: foreign CPU takes two
SCENARIO = """
question = "What does a generator on a machine of its own see?"
[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
[budget]
processes = 2
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[[nodes]]
name = "arms"
engine = "{first.engine.host}"
address = "{first.address}"
[[nodes]]
name = "gen"
engine = "{second.engine.host}"
[load]
nodes = ["gen"]
locustfile = "{repository}/locustfiles/json_api.py"
rate = 50
lanes = 8
warmup = "1s"
measure = "{measure}"
[trials]
blocks = 1
"""


@pytest.fixture(scope="module")
def hosts(images: Mapping[str, ImageRecord]) -> Iterator[tuple[Host, Host]]:
    """The second one has a clock of its own, as another kernel has. Neither has a way to a registry.

    The images that take long are made before anybody counts seconds.
    """
    with two_hosts(clock_ahead_s=AHEAD_S) as both:
        yield both


@pytest.fixture
def scenario(hosts: tuple[Host, Host], tmp_path: Path) -> Path:
    path = tmp_path / "scenario.toml"
    path.write_text(SCENARIO.format(repository=REPOSITORY, first=hosts[0], second=hosts[1], measure=MEASURE))
    return path


def lab(*words: str | Path, timeout_s: float = 170) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *map(str, words)]
    return subprocess.run(
        command, env=dict(os.environ), cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout_s
    )


def left_on(host: Host) -> list[str]:
    """What carries the lab's label there."""
    with closing(host.engine.client()) as own:
        labelled = {"label": "lab.run"}
        found = [*own.containers.list(all=True), *own.networks.list(filters=labelled), *own.volumes.list()]
        return [each.name for each in found]


def test_load_and_arm_are_on_machines_of_their_own(hosts: tuple[Host, Host], scenario: Path, tmp_path: Path) -> None:
    """Requests of one clock beside readings of the other, each machine's rows by its name, and gates on both."""
    done = lab("run", scenario, "--out", tmp_path / "out", "--allow-concurrent")
    (folder,) = (tmp_path / "out").iterdir()
    info, trial = read_info(folder), read_trial(folder / "trials" / "b01-replicas")

    assert info.states == {"b01-replicas": "done"}, done.stderr
    assert info.environment["generator"]["name"] == "gen"
    assert info.calibration is not None
    assert info.fronts == {"nginx (tuned)": {}}
    record, tables = trial.record, trial.tables
    assert [node.name for node in record.nodes] == ["arms", "gen"]
    assert record.nodes[0].clock is not None
    assert record.clock is not None
    assert record.clock == record.nodes[1].clock
    assert abs(record.clock.offset_s - AHEAD_S) < 1, "the clock of the generator is its own"
    assert 0 < record.clock.bound_s < 0.005
    assert record.load.scheduled == record.load.started > 100
    assert record.attribution == "header"
    assert len(record.attestation.servers) == 2
    assert all(record.attestation.listeners.values())

    assert set(tables.processes["node"]) == {"arms"}
    assert set(tables.processes["service"]) == {"app-1", "app-2", "nginx"}
    assert tables.processes["pss_bytes"].drop_nulls().len() > 3
    assert tables.host["node"].unique(maintain_order=True).to_list() == ["arms", "gen"]
    assert set(tables.arm_host["load_cpu_s"]) == {0.0}
    assert max(tables.load_host["load_cpu_s"].drop_nulls().to_list()) > 0.05
    window = record.measure
    measured = tables.requests.filter(phase="measure")["t_sent_s"].to_list()
    assert window.start_s - 0.1 <= min(measured) <= max(measured) <= window.end_s + 0.5, "on the clock of the readings"
    for host in (tables.arm_host, tables.load_host):
        instants = host["t_s"].to_list()
        assert min(instants) < window.start_s < window.end_s < max(instants) + READINGS_APART_S
    gates = {gate.key: gate for gate in record.gates}
    assert gates["load.clock"].value == record.clock.bound_s
    assert gates["machine.foreign"].value is not None
    assert [left_on(host) for host in hosts] == [[], []]


def test_a_node_that_dies_is_a_sentence_and_leaves_nothing(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    """Its engine is killed under load: the run ends, the other node is clean, and `lab clean` cleans the dead one."""
    scenario, out = tmp_path / "long.toml", tmp_path / "out"
    scenario.write_text(SCENARIO.format(repository=REPOSITORY, first=hosts[0], second=hosts[1], measure="60s"))
    command = [sys.executable, "-m", "lab", "run", str(scenario), "--out", str(out), "--allow-concurrent"]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as running:
        wait_until_measured(running, out)
        hosts[1].engine.kill()
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 4, said
    assert "Traceback" not in said
    assert "node gen" in said
    assert left_on(hosts[0]) == []

    gone = lab("doctor", "--scenario", scenario)
    assert gone.returncode == 4
    assert "(node gen)" in gone.stdout
    hosts[1].engine.start()
    cleaned = lab("clean", "--scenario", scenario, "--out", out)
    assert cleaned.returncode == 0, cleaned.stderr
    assert [left_on(host) for host in hosts] == [[], []]


def test_the_doctor_looks_at_every_node(hosts: tuple[Host, Host], scenario: Path) -> None:
    """Engine, rights, clock and governor of both, tried by an agent there."""
    done = lab("doctor", "--json", "--scenario", scenario)
    assert done.returncode == 0, done.stderr
    found = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    for node in ("arms", "gen"):
        assert "cgroup v" in found[f"node {node}"]["sentence"]
        assert found[f"{node}: rights"]["state"] == "ok"
        assert found[f"{node}: leftovers"]["sentence"] == "none"
    assert found["arms: clock"]["sentence"] == "this machine's own"
    assert "+5000." in found["gen: clock"]["sentence"] or "+4999." in found["gen: clock"]["sentence"]
    assert [left_on(host) for host in hosts] == [[], []]
