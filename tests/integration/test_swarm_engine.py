"""A run on a Docker Swarm of two nodes: its services on both, seen on both, and nothing of it left on either."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import docker
import pytest

from lab.engines.images.images import prepare_base
from lab.plan.fronts import nginx
from lab.record.folder import read_info, read_trial
from lab.scenario.databases import source_of
from lab.scenario.images import PYTHON
from tests.integration.conftest import REPOSITORY
from tests.integration.test_nodes import lab
from tests.two_hosts import Host, two_hosts, wait_until_measured

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("swarm")]  # one pair of hosts

SCENARIO = """
question = "What do replicas on two nodes cost?"
engine = "swarm"
[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
[budget]
processes = 3
memory = "split:600MiB"
[[nodes]]
name = "one"
engine = "{first.engine.host}"
[[nodes]]
name = "two"
engine = "{second.engine.host}"
[[sidecars]]
name = "beside"
image = "redis:8"
ready = "tcp:6379"
[[jobs]]
name = "migrate"
command = "sleep 0.5"
times = "once"
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "{repository}/locustfiles/json_api.py"
rate = 40
lanes = 6
warmup = "1s"
measure = "{measure}"
[trials]
blocks = 1
"""
GONE_S = 5.0
KINDS = ("services", "containers", "networks", "volumes", "configs", "secrets")


def swarm_of(first: Host, second: Host) -> None:
    """Make the two hosts one Swarm: the lab itself makes none."""
    with closing(first.engine.client()) as manager, closing(second.engine.client()) as worker:
        manager.swarm.init(advertise_addr=first.address, listen_addr=f"{first.address}:2377")
        manager.swarm.reload()
        token = manager.swarm.attrs["JoinTokens"]["Worker"]
        joined = [f"{first.address}:2377"]
        worker.swarm.join(joined, token, advertise_addr=second.address, listen_addr=f"{second.address}:2377")


@pytest.fixture(scope="module")
def hosts(
    client: docker.DockerClient, making_images: Callable[[], AbstractContextManager[None]]
) -> Iterator[tuple[Host, Host]]:
    """Two hosts in one Swarm, of which the first is the manager; images are made before anybody counts seconds."""
    with making_images():
        for source in (nginx.IMAGE, source_of("redis:8"), PYTHON):
            prepare_base(client, source, source.reference, print)
    with two_hosts() as both:
        swarm_of(*both)
        yield both


def scenario(hosts: tuple[Host, Host], folder: Path, measure: str) -> Path:
    path = folder / f"scenario-{measure}.toml"
    first, second = hosts
    path.write_text(SCENARIO.format(repository=REPOSITORY, first=first, second=second, measure=measure))
    return path


def left_on(hosts: tuple[Host, Host]) -> list[str]:
    """All that stays of the lab: a worker lets go of a network a moment after the Swarm has removed it."""
    give_up_at = time.monotonic() + GONE_S
    while (found := seen_on(hosts)) and time.monotonic() < give_up_at:
        time.sleep(0.2)
    return found


def seen_on(hosts: tuple[Host, Host]) -> list[str]:
    """All of the lab in the Swarm and on its nodes, which are in it still."""
    found = []
    for host in hosts:
        with closing(host.engine.client()) as own:
            info = own.info()["Swarm"]
            assert info["LocalNodeState"] == "active", "the Swarm stays as it was"
            kinds = KINDS if info["ControlAvailable"] else KINDS[1:4]
            for kind in kinds:
                every = {"all": True} if kind == "containers" else {}
                found += [
                    f"{kind}: {each.id}" for each in getattr(own, kind).list(filters={"label": "lab.run"}, **every)
                ]
    return found


def test_an_arm_is_spread_over_the_nodes(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    """Every process answers through the front and is in the ledger by its node; both machines are held to gates."""
    done = lab("run", scenario(hosts, tmp_path, "3s"), "--out", tmp_path / "out", "--allow-concurrent")
    (folder,) = (tmp_path / "out").iterdir()
    info, trial = read_info(folder), read_trial(folder / "trials" / "b01-replicas")

    assert info.states == {"b01-replicas": "done"}, done.stderr
    facts = info.environment["swarm"]
    assert facts == {"nodes": ["two", "one"], "load": "one", "endpoint_mode": "dnsrr"}
    record, tables = trial.record, trial.tables
    assert len(record.attestation.servers) == 3
    assert all(record.attestation.upstreams)
    assert all(record.attestation.listeners.values())
    assert set(record.attestation.roles) == {"app-1", "app-2", "app-3"}
    assert record.load.scheduled == record.load.started > 100
    assert [job.name for job in record.jobs] == ["migrate"]

    where = set(tables.processes.select("node", "service").unique().iter_rows())
    assert {("one", "app-1"), ("two", "app-2"), ("one", "app-3"), ("one", "nginx"), ("one", "beside")} <= where
    assert ("two", "app-1") not in where
    read = tables.processes.filter(tables.processes["pss_bytes"].is_not_null())
    assert set(read["node"]) == {"one", "two"}, "memory is read on both"
    assert set(tables.cgroups["node"]) == {"one", "two"}
    assert [node.name for node in record.nodes] == ["two", "one"]
    assert all(node.clock is not None and node.sampler is not None for node in record.nodes)
    assert set(tables.load_host["node"]) == {"one"}
    assert max(tables.load_host["load_cpu_s"].drop_nulls().to_list()) > 0.05
    gates = {gate.key: gate for gate in record.gates}
    assert gates["machine.foreign"].value is not None
    assert gates["sampler.readings"].outcome == "pass"
    assert left_on(hosts) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_on_any_node(hosts: tuple[Host, Host], tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C under load takes all of it down; after SIGKILL `lab clean --scenario` does. The Swarm stays."""
    path, out = scenario(hosts, tmp_path, "60s"), tmp_path / "out"
    command = [sys.executable, "-m", "lab", "run", str(path), "--out", str(out), "--allow-concurrent"]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as running:
        wait_until_measured(running, out)
        os.kill(running.pid, number)
        said = running.communicate(timeout=90)[1]
    if number == signal.SIGKILL:
        assert seen_on(hosts)
        cleaned = lab("clean", "--scenario", path, "--out", out)
        assert cleaned.returncode == 0, cleaned.stderr
    else:
        assert running.returncode == 130, said
    assert left_on(hosts) == []


def test_a_node_that_takes_no_tasks_is_a_sentence(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    """So are a worker in the place of the manager, and what `lab doctor` says of both; nothing is built before."""
    path = scenario(hosts, tmp_path, "2s")
    told = {each["subject"]: each for each in json.loads(lab("doctor", "--json", "--scenario", path).stdout)}
    assert told["one: Swarm"]["state"] == "ok"
    assert "manager" in told["one: Swarm"]["sentence"]
    with closing(hosts[0].engine.client()) as manager:
        worker = next(node for node in manager.nodes.list() if node.attrs["Spec"]["Role"] == "worker")
        spec = worker.attrs["Spec"]
        worker.update({**spec, "Availability": "drain"})
        done = lab("run", path, "--out", tmp_path / "out", "--allow-concurrent")
        worker.reload()
        worker.update({**spec, "Availability": "active"})
    assert done.returncode == 4
    assert "node two takes no tasks" in done.stderr
    swapped = tmp_path / "swapped.toml"
    first, second = (host.engine.host for host in hosts)
    text = path.read_text().replace(first, "FIRST").replace(second, first).replace("FIRST", second)
    swapped.write_text(text)
    done = lab("run", swapped, "--out", tmp_path / "out", "--allow-concurrent")
    assert done.returncode == 4
    assert "is no manager" in done.stderr
