"""A run on a Docker Swarm of two nodes: its services on both, seen on both, and nothing of it left on either."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.gates import GATES, INVALID
from lab.attest.serving import members
from lab.engines.docker.connection import connect
from lab.engines.images.images import ImageRecord
from lab.engines.swarm.opening import open_swarm
from lab.engines.there import who
from lab.host.authority import make_certificate
from lab.host.kernel import has_ipvs
from lab.host.labels import RUN, SERVICE
from lab.load.arrivals import Timetable
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.record.folder import read_info, read_trial
from lab.sampling.hearing import hear
from lab.scenario.file import read_scenario
from tests.integration.acting import carry_out
from tests.integration.conftest import ON_A_SWARM, REPOSITORY, RUN_ID, check_counted, check_foreign
from tests.integration.test_nodes import lab
from tests.launched import launched
from tests.swarm_hosts import join_swarm, leave_swarm, left_on, seen_on, set_availability, until_ready
from tests.two_hosts import Host, power_off, power_on, wait_until_measured

pytestmark = [pytest.mark.integration, ON_A_SWARM]
BRACES = "{{d}} of {{.Node.ID}} {{{x}}}"
CHECKS = f"""sh -c 'test "$GREETING" = "$0"' "{BRACES}\""""
IN_THE_APP = '"workers"\nfront = { kind = "direct", tls = true }'
AGENT_BYTES = 40 * 2**20  # less than the lab holds, which has libraries for tables and for Docker beside
TOLD_S = 60.0  # in which a front that was told obeys, on a busy machine

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


@pytest.fixture
def hosts(two_in_a_swarm: tuple[Host, Host], tmp_path: Path) -> tuple[Host, Host]:
    """Both in their Swarm, with nothing of the lab there, even where the test before has not come to its end."""
    until_ready(two_in_a_swarm)
    if seen_on(two_in_a_swarm):
        lab("clean", "--scenario", scenario(two_in_a_swarm, tmp_path, "2s"), "--out", tmp_path / "out")
    return two_in_a_swarm


def scenario(hosts: tuple[Host, Host], folder: Path, measure: str) -> Path:
    path = folder / f"scenario-{measure}.toml"
    first, second = hosts
    path.write_text(SCENARIO.format(repository=REPOSITORY, first=first, second=second, measure=measure))
    return path


def test_an_arm_is_spread_over_the_nodes(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    """Every process answers through either front and is in the ledger by its node; both machines are held to gates.

    The lab runs on the manager, and what it takes there is not another program's.
    """
    path = scenario(hosts, tmp_path, "4s")
    text = path.read_text().replace("[load]\n", "[load]\nprocesses = 2\n")
    path.write_text(text + '[swarm]\nfront = "*"\n')
    done = lab("run", path, "--out", tmp_path / "out", "--allow-concurrent", on=hosts[0])
    assert (tmp_path / "out").is_dir(), done.stderr
    (folder,) = (tmp_path / "out").iterdir()
    info, trial = read_info(folder), read_trial(folder / "trials" / "b01-replicas")

    assert info.states == {"b01-replicas": "done"}, done.stderr
    facts = info.environment["swarm"]
    assert facts == {"nodes": ["two", "one"], "load": "one", "endpoint_mode": "dnsrr", "front": "one, two"}
    record, tables = trial.record, trial.tables
    assert len(record.attestation.servers) == 3
    assert all(record.attestation.upstreams)
    assert all(record.attestation.listeners.values())
    assert len(record.attestation.listeners) == 3 + 2, "those of both fronts"
    assert set(record.attestation.roles) == {"app-1", "app-2", "app-3"}
    check_counted(record.load)
    assert [job.name for job in record.jobs] == ["migrate"]

    where = set(tables.processes.select("node", "service").unique().iter_rows())
    assert {("one", "app-1"), ("two", "app-2"), ("one", "app-3"), ("one", "nginx"), ("one", "beside")} <= where
    assert ("two", "nginx-2") in where
    assert where.isdisjoint({("two", "app-1"), ("one", "nginx-2")})
    used = tables.cgroups.filter(service="nginx-2")["cpu_s"].drop_nulls().to_list()
    assert used[-1] > used[0], "load passes it"
    read = tables.processes.filter(tables.processes["pss_bytes"].is_not_null())
    assert set(read["node"]) == {"one", "two"}, "memory is read on both"
    assert set(tables.cgroups["node"]) == {"one", "two"}
    assert [node.name for node in record.nodes] == ["two", "one"]
    assert all(node.clock is not None and node.sampler is not None for node in record.nodes)
    (driving,) = tables.load_hosts
    assert set(driving["node"]) == {"one"}
    assert max(driving["load_cpu_s"].drop_nulls().to_list()) > 0.05
    one, two = (max(tables.host.filter(node=node)["lab_rss_bytes"].drop_nulls().to_list()) for node in ("one", "two"))
    assert one > two + AGENT_BYTES, "the lab beside its agent"
    gates = {gate.key: gate for gate in record.gates}
    check_foreign(trial)
    told = [node.sampler for node in record.nodes if node.sampler]
    least = min(each.achieved_readings / each.planned_readings for each in told)
    assert gates["sampler.readings"].value == pytest.approx(least), "of the one that came to fewer"
    assert least > 0.2, "on a machine on which other tests run"
    limit = GATES["sampler.readings"].invalid
    assert limit is not None
    assert (gates["sampler.readings"].outcome == INVALID) is (least < limit)
    assert left_on(hosts) == []


@pytest.fixture
def three(hosts: tuple[Host, Host], two_and_one: tuple[Host, Host, Host]) -> Iterator[tuple[Host, Host, Host]]:
    """A third one is in their Swarm for a while."""
    first, second, third = two_and_one
    assert hosts == (first, second)
    join_swarm(first, third)
    yield two_and_one
    third.engine.start()
    until_ready(two_and_one)
    leave_swarm(first, third)


def test_load_comes_from_two_nodes_and_one_that_is_lost_costs_its_trial(
    three: tuple[Host, Host, Host], carried: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """Each sends its part of one schedule over the network of the Swarm, and all of it arrives.

    The engine of one is killed in the second trial, which is lost, and started again: nothing is left on any.
    What runs no part of an arm has the images of agents alone.
    """
    path, out, third = scenario(three[:2], tmp_path, "3s"), tmp_path / "out", three[2]
    node = f'[[nodes]]\nname = "three"\nengine = "{third.engine.host}"\n[[sidecars]]'
    text = path.read_text().replace("[[sidecars]]", node, 1).replace("blocks = 1", "blocks = 2")
    path.write_text(text.replace("[load]\n", '[load]\nnodes = ["two", "three"]\n'))
    command = [sys.executable, "-m", "lab", "run", str(path), "--out", str(out), "--allow-concurrent"]
    with launched([*command, "--wait-for-quiet=0"], stderr=subprocess.PIPE) as running:
        wait_until_measured(running, out, trial=".b02*")
        third.engine.kill()
        third.engine.start()
        said = running.communicate(timeout=240)[1]
    assert running.returncode == 3, said
    assert "node three, which drives load, was lost" in said
    assert "Traceback" not in said
    assert "cannot be asked" not in said, "whether they are quiet"
    (folder,) = out.iterdir()
    assert read_info(folder).states == {"b01-replicas": "done", "b02-replicas": "lost"}
    until_ready(three)
    assert left_on(three) == []

    trial, planned = read_trial(folder / "trials" / "b01-replicas"), build_plan(read_scenario(path)).trials[0]
    loads = {node.name: node.load for node in trial.record.nodes if node.load}
    assert set(loads) == {"two", "three"}
    assert all(load.rows == load.scheduled > 40 for load in loads.values())
    assert sum(load.scheduled for load in loads.values()) == trial.record.load.scheduled
    sent = trial.tables.requests.filter(phase="measure")["t_scheduled_s"].sort()
    timetable = Timetable(rate=40, schedule="poisson", seed=planned.schedule_seed, lanes=6, measure_s=3.0)
    due = [arrival.due_s for arrival in timetable.measure(0.0)]
    assert (sent - sent[0]).to_list() == pytest.approx([at - due[0] for at in due], abs=1e-6), "each, and once"
    assert set(trial.tables.processes["node"]) == {"one"}
    with closing(third.engine.client()) as own:
        there = {tag for image in own.images.list() for tag in image.tags}
    assert there.isdisjoint({carried["app"].name, carried["nginx"].name}), "it runs no part of an arm"
    assert trial.tables.host["node"].unique(maintain_order=True).to_list() == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("number", "step"), [(signal.SIGINT, "measure"), (signal.SIGTERM, "deploy"), (signal.SIGKILL, "measure")]
)
def test_nothing_is_left_on_any_node(
    hosts: tuple[Host, Host], tmp_path: Path, number: signal.Signals, step: str
) -> None:
    """Ctrl-C under load, SIGTERM while services start: all is taken down. After SIGKILL `lab clean` does, by node."""
    path, out = scenario(hosts, tmp_path, "60s"), tmp_path / "out"
    command = [sys.executable, "-m", "lab", "run", str(path), "--out", str(out), "--allow-concurrent"]
    with launched(command, stderr=subprocess.PIPE) as running:
        wait_until_measured(running, out, step=step)
        os.kill(running.pid, number)
        said = running.communicate(timeout=240)[1]
    if number == signal.SIGKILL:
        assert seen_on(hosts)
        cleaned = lab("clean", "--json", "--scenario", path, "--out", out)
        assert cleaned.returncode == 0, cleaned.stderr
        told = {(each["node"], each["kind"]) for each in json.loads(cleaned.stdout)}
        assert told >= {("one", "service"), ("one", "config"), ("one", "container"), ("two", "container")}
    else:
        assert running.returncode == 130, said
    assert left_on(hosts) == []


def test_a_node_that_takes_no_tasks_is_a_sentence(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    """So are a worker in the place of the manager, and what `lab doctor` says of both; nothing is built before."""
    path = scenario(hosts, tmp_path, "2s")
    told = {each["subject"]: each for each in json.loads(lab("doctor", "--json", "--scenario", path).stdout)}
    assert told["one: Swarm"]["state"] == "ok"
    assert "manager" in told["one: Swarm"]["sentence"]
    set_availability(hosts[0], "drain")
    try:
        done = lab("run", path, "--out", tmp_path / "out", "--allow-concurrent")
    finally:
        set_availability(hosts[0], "active")
    assert done.returncode == 4
    assert "node two takes no tasks" in done.stderr
    swapped = tmp_path / "swapped.toml"
    first, second = (host.engine.host for host in hosts)
    text = path.read_text().replace(first, "FIRST").replace(second, first).replace("FIRST", second)
    swapped.write_text(text)
    done = lab("run", swapped, "--out", tmp_path / "out", "--allow-concurrent")
    assert done.returncode == 4
    assert "is no manager" in done.stderr
    path.write_text(path.read_text() + '[swarm]\nendpoint_mode = "vip"\n')
    done = lab("run", path, "--out", tmp_path / "out", "--allow-concurrent")
    missing = not has_ipvs(Path("/proc"))
    assert ("node one has no IPVS" in done.stderr) is missing, done.stderr
    assert (done.returncode == 4) is missing


def test_a_start_that_fails_leaves_nothing(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    """Of the sidecar that was up, nor of the job that ended with an error, of which a sentence tells."""
    path = scenario(hosts, tmp_path, "2s")
    path.write_text(path.read_text().replace('"sleep 0.5"', "\"sh -c 'echo no table; exit 3'\""))
    done = lab("run", path, "--out", tmp_path / "out", "--allow-concurrent")
    assert done.returncode == 3, done.stderr
    assert 'job "migrate" ended with exit code 3' in done.stderr
    assert "no table" in done.stderr
    assert left_on(hosts) == []


@contextmanager
def of_the_app(carried: Mapping[str, ImageRecord], called: str, *entrypoint: str) -> Iterator[str]:
    """The name of an image of the app with another ENTRYPOINT, on the machine's own engine for as long as the block."""
    name = f"lab-integration-tests:{called}-{os.getpid()}"
    text = f"FROM {carried['app'].name}\nENTRYPOINT {json.dumps(entrypoint)}\n"
    with closing(connect()) as machine:
        machine.images.build(fileobj=io.BytesIO(text.encode()), tag=name, rm=True)
        try:
            yield name
        finally:
            machine.images.remove(name, force=True)


@pytest.fixture
def with_entrypoint(carried: Mapping[str, ImageRecord]) -> Iterator[str]:
    """The name of an image of the app that starts something else by itself."""
    with of_the_app(carried, "entrypoint", "python", "-m", "http.server") as name:
        yield name


def test_containers_start_what_they_would_on_docker(
    hosts: tuple[Host, Host], with_entrypoint: str, tmp_path: Path
) -> None:
    """The image's ENTRYPOINT is dropped where that is asked for: of the app, and of a job in its image.

    Braces in a variable are no template of the Swarm's, and a key is read by a user whom only the image knows.
    """
    path = scenario(hosts, tmp_path, "2s")
    built = f'build = "{REPOSITORY}"\nrequirements = "{REPOSITORY}/requirements/app.txt"\n'
    app = f'image = "{with_entrypoint}"\nentrypoint = ""\nuser = "nobody"\nenv = {{ GREETING = "{BRACES}" }}\n'
    text = path.read_text().replace(built, app).replace('"replicas"\nfront = "nginx"', IN_THE_APP)
    path.write_text(text.replace('"sleep 0.5"', f"'''{CHECKS}'''"))
    given = read_scenario(path)
    engine, _ = open_swarm(given, RUN_ID, print)
    trial = build_plan(given).trials[0]
    ports, certificate = nominal_ports(given, trial.arm), make_certificate()
    topology = build_topology(given, trial, ports, engine.elsewhere, certificate)
    with engine.load_place(given.load), engine.deploy(topology) as deployment:
        jobs, answered = deployment.jobs, len(deployment.servers)
    assert answered == 3
    assert [job.argv for job in jobs] == [tuple(shlex.split(CHECKS))]
    assert left_on(hosts) == []


DRILLS = """
[[drills]]
verb = "scale"
[[drills]]
verb = "roll"
update = { order = "start-first", parallelism = 2, monitor = "500ms" }
[[drills]]
verb = "rotate-cert"
hold = "100ms"
update = { monitor = "500ms" }
[[drills]]
verb = "node-loss"
"""


def all_behind(ask: Callable[[], str | None], number: int) -> set[str]:
    """Who answers through the front, until they are so many: it is told by a signal, which it obeys when it can."""
    found: set[str | None] = set()
    give_up_at = time.monotonic() + TOLD_S
    while len(found - {None}) < number and time.monotonic() < give_up_at:
        found.add(ask())
    return {each for each in found if each is not None}


def test_a_swarm_adds_replaces_and_moves_tasks_while_they_serve(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    """One task more, all of them by updates of which two run side by side, and those of a node that is drained.

    Clients connect over TLS, whose key is a secret of the Swarm: the front gets another one by an update of its own.
    """
    path = scenario(hosts, tmp_path, "30s")
    path.write_text(path.read_text().replace('"nginx"', '{ kind = "nginx", tls = true }') + DRILLS)
    given = read_scenario(path)
    engine, _ = open_swarm(given, RUN_ID, print)
    trial = build_plan(given).trials[0]
    ports, certificate = nominal_ports(given, trial.arm), make_certificate()
    topology = build_topology(given, trial, ports, engine.elsewhere, certificate)
    with engine.load_place(given.load) as place, engine.deploy(topology) as deployment:
        heard = {name: there(hear, 0.1) for name, there in place.measured.items()}
        acts = (carry_out(trial.arm, deployment, drill, certificate.next) for drill in given.drills)
        scaled, rolled, rotated, moved = acts
        named = replace(deployment.topology.entry, host="nginx")  # its task has another address now
        where = {
            part.node: {each.service for each in part.there(members, deployment.current())} for part in deployment.parts
        }
        front = all_behind(lambda: deployment.there(who, deployment.topology, named), 4)
        logs, kinds = deployment.logs(), {each.partition(":")[0] for each in seen_on(hosts)}

    assert set(heard) == {"one", "two"}
    assert all(each.after.engine_cpu_s and each.after.busy_s > each.before.busy_s for each in heard.values())
    assert [act.what for act in scaled] == ["added", "SIGHUP", "returned", "came"]
    assert [act.what for act in rolled] == ["SIGHUP", "updated", "updated", "SIGHUP", "updated"]
    assert sorted(act.detail.partition(" (")[0] for act in rolled if act.what == "updated") == [
        f"{name}: completed" for name in ("app-1", "app-2", "app-3")
    ]
    assert [act.what for act in rotated] == ["certificate", "updated", "closed"]
    assert rotated[1].detail == "nginx: completed (stop-first, looked at for 0.5 s)"
    assert [act.what for act in moved] == ["node drained", "moved", "moved", "SIGHUP"]
    assert {act.detail for act in moved if act.what == "moved"} == {"app-2: to one", "app-4: to one"}
    assert where["one"] == {"app-1", "app-2", "app-3", "app-4"}
    assert len(front) == 4, "each answers through the front, by its new address"
    assert {"app-1.before", "app-4.before", "nginx.before"} <= set(logs)
    assert "secrets" in kinds
    with closing(hosts[0].engine.client()) as manager:
        assert [node.attrs["Spec"]["Availability"] for node in manager.nodes.list()] == ["active", "active"]
    assert left_on(hosts) == []


BACK = """
[[drills]]
verb = "deploy"
image = "{image}"
update = {{ order = "start-first", monitor = "2s", failure = "rollback" }}
"""


@pytest.fixture
def ends_at_once(carried: Mapping[str, ImageRecord]) -> Iterator[str]:
    """The name of an image of the app whose containers end as soon as they are started."""
    with of_the_app(carried, "ends", "false") as name:
        yield name


def test_an_update_that_fails_is_taken_back_by_the_swarm(
    hosts: tuple[Host, Host], ends_at_once: str, tmp_path: Path
) -> None:
    """The first one is the last: its task comes again from the image that it had, and the others stay."""
    path = scenario(hosts, tmp_path, "30s")
    path.write_text(path.read_text() + BACK.format(image=ends_at_once))
    given = read_scenario(path)
    engine, images = open_swarm(given, RUN_ID, print)
    trial = build_plan(given).trials[0]
    topology = build_topology(given, trial, nominal_ports(given, trial.arm), engine.elsewhere)
    with engine.load_place(given.load), engine.deploy(topology) as deployment:
        before = dict(in_the_app(hosts))
        (drill,) = given.drills
        acts = carry_out(trial.arm, deployment, drill)
        after = dict(in_the_app(hosts))
        front = all_behind(lambda: deployment.there(who, deployment.topology, deployment.topology.entry), 3)
    (updated,) = (act for act in acts if act.what == "not updated")
    first, told = updated.detail.split(": ")
    assert first in before, "in the order in which they were started"
    assert told == "rollback completed (start-first, looked at for 2 s)"
    assert set(after) == set(before) == {"app-1", "app-2", "app-3"}
    assert set(after.values()) == {images["app"].id}, "none runs from the image that ends at once"
    assert len(front) == 3, "all answer through the front"
    assert left_on(hosts) == []


def in_the_app(hosts: tuple[Host, Host]) -> Iterator[tuple[str, str]]:
    """The services of the app whose containers run, and the image of each."""
    for host in hosts:
        with closing(host.engine.client()) as own:
            for each in own.containers.list(filters={"label": f"{RUN}={RUN_ID}"}, ignore_removed=True):
                if each.labels[SERVICE].startswith("app-"):
                    yield each.labels[SERVICE], str(each.image.id)


def test_a_node_that_disappears_is_a_sentence(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    """Its power goes in the second trial: the first is kept, nothing is left on the other, and later on it neither."""
    first, second = hosts
    path, out = scenario(hosts, tmp_path, "4s"), tmp_path / "out"  # under load still when the power goes
    path.write_text(path.read_text().replace("blocks = 1", "blocks = 2"))
    command = [sys.executable, "-m", "lab", "run", str(path), "--out", str(out), "--allow-concurrent"]
    with launched(command, stderr=subprocess.PIPE) as running:
        wait_until_measured(running, out, trial=".b02*")
        power_off(second)
        try:
            said = running.communicate(timeout=240)[1]
            left = left_on((first,))
            cleaned = lab("clean", "--scenario", path, "--out", out)
        finally:
            power_on(second, first)
    assert running.returncode in (3, 4), said
    assert "node two" in said
    assert "Traceback" not in said
    (folder,) = out.iterdir()
    assert read_info(folder).states == {"b01-replicas": "done", "b02-replicas": "failed"}
    assert left == []
    assert cleaned.returncode == 4
    assert "node two" in cleaned.stderr
    until_ready(hosts)
    cleaned = lab("clean", "--scenario", path, "--out", out)
    assert cleaned.returncode == 0, cleaned.stderr
    assert left_on(hosts) == []
