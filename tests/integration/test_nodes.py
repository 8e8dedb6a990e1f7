"""A run over three machines: the arm on one, load on two others, a sampler on each; nothing is left on any."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psutil
import pytest

from lab.analysis.gates import CAVEAT
from lab.analysis.gates.limits import A_STEP_S
from lab.analysis.trial.drill import aftermath
from lab.engines.images.images import ImageRecord
from lab.host.kernel import governor
from lab.plan.blocks import build_plan
from lab.record.folder import read_info, read_trial
from lab.run.drill import action_s
from lab.run.node_checks import STEADY
from lab.scenario.file import read_scenario
from tests.integration.conftest import AHEAD_S, ON_NODES, REPOSITORY, check_counted, check_foreign
from tests.late_channel import late_channel
from tests.launched import launched
from tests.second_engine import MEMORY, SecondEngine
from tests.two_hosts import Host, certified, wait_until_measured

pytestmark = [pytest.mark.integration, ON_NODES]

MEASURE = "4s"  # two readings at 1 Hz lie in it wherever it begins, and one may be late: foreign CPU takes two
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
{generators}
[load]
locustfile = "{repository}/locustfiles/json_api.py"
rate = 50
lanes = 8
warmup = "1s"
measure = "{measure}"
[trials]
blocks = 1
"""
ONE = """
[[nodes]]
name = "gen"
engine = "{second.engine.host}"
"""
TWO = """
[[nodes]]
name = "gen"
engine = "{second.tcp}"
tls = "{second.tls}"
cores = "0"
[[nodes]]
name = "gen2"
engine = "{third.tcp}"
"""
UNREACHED = """
[[nodes]]
name = "gen"
engine = "{second.engine.host}"
[[nodes]]
name = "gen2"
engine = "{third.engine.host}"
"""
Hosts = tuple[Host, Host, Host]


@pytest.fixture
def hosts(three_hosts: Hosts, tmp_path: Path) -> Hosts:
    """All up, and with nothing of the lab on them but images, even where the test before has not come to its end."""
    for host in three_hosts:
        host.engine.start()
    if any(left_on(host) for host in three_hosts):
        lab("clean", "--scenario", scenario(three_hosts, tmp_path, TWO), "--out", tmp_path / "out", at=three_hosts[0])
    return three_hosts


def scenario(hosts: Hosts, folder: Path, generators: str, measure: str = MEASURE) -> Path:
    names = ", ".join(re.findall(r'name = ("\w+")', generators))
    first, second, third = hosts
    nodes = generators.format(second=second, third=third)
    path = folder / "scenario.toml"
    text = SCENARIO.replace("[load]\n", f"[load]\nnodes = [{names}]\n")
    path.write_text(text.format(repository=REPOSITORY, first=first, generators=nodes, measure=measure))
    return path


def lab(*words: str | Path, at: Host | None = None, on: Host | None = None) -> subprocess.CompletedProcess[str]:
    """Run the lab here; ``at``: in the network of a host; ``on``: as a process of it."""
    place = on.engine.inside if on else at.engine.prefix if at else []
    command = [*place, sys.executable, "-m", "lab", *map(str, words)]
    return subprocess.run(command, env=dict(os.environ), cwd=REPOSITORY, capture_output=True, text=True, timeout=240)


def left_on(host: Host) -> list[str]:
    """What carries the lab's label there."""
    with closing(host.engine.client()) as own:
        labelled = {"label": "lab.run"}
        containers = own.containers.list(all=True, ignore_removed=True)
        found = [*containers, *own.networks.list(filters=labelled), *own.volumes.list()]
        return [each.name for each in found]


def test_load_comes_from_two_machines_and_the_arm_is_on_a_third(
    hosts: Hosts, carried: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """One schedule, rows and readings of three clocks on one, each machine's by its name, and gates on all.

    The lab stands on the machine of the arms, and reaches the engines of the others by TCP, one over TLS.
    """
    done = lab("run", scenario(hosts, tmp_path, TWO), "--out", tmp_path / "out", "--allow-concurrent", at=hosts[0])
    assert (tmp_path / "out").is_dir(), done.stderr
    (folder,) = (tmp_path / "out").iterdir()
    info, trial = read_info(folder), read_trial(folder / "trials" / "b01-replicas")

    assert info.states == {"b01-replicas": "done"}, done.stderr
    generators = info.environment["generators"]
    assert [generators[name]["load_cores"] for name in ("gen", "gen2")] == [1, None]
    assert len({each["bundle_sha256"] for each in generators.values()}) == 1
    assert info.calibration is not None
    assert info.fronts == {"nginx (tuned)": {}}
    record, tables = trial.record, trial.tables
    assert [node.name for node in record.nodes] == ["arms", "gen", "gen2"]
    assert record.nodes[0].clock is not None
    assert record.clock is not None
    assert record.clock == record.nodes[1].clock
    assert abs(record.clock.offset_s - AHEAD_S) < 1, "the clock of the generator is its own"
    assert 0 < record.clock.bound_s < 0.005
    check_counted(record.load)
    loads = [node.load for node in record.nodes if node.load]
    assert [load.processes for load in loads] == [1, 1]
    assert sum(load.scheduled for load in loads) == record.load.scheduled
    assert all(load.rows == load.scheduled > 40 for load in loads)
    assert record.attribution == "header"
    assert len(record.attestation.servers) == 2
    assert all(record.attestation.listeners.values())

    assert set(tables.processes["node"]) == {"arms"}
    assert set(tables.processes["service"]) == {"app-1", "app-2", "nginx"}
    assert tables.processes["pss_bytes"].drop_nulls().len() > 3
    assert tables.host["node"].unique(maintain_order=True).to_list() == ["arms", "gen", "gen2"]
    assert set(tables.arm_host["load_cpu_s"]) == {0.0}
    assert len(tables.load_hosts) == 2
    for host in tables.load_hosts:
        assert max(host["load_cpu_s"].drop_nulls().to_list()) > 0.05
    window = record.measure
    for lane in (0, 1):  # of one machine, and of the other
        measured = tables.requests.filter(phase="measure", lane=lane)
        due, sent = (measured[instant].to_list() for instant in ("t_scheduled_s", "t_sent_s"))
        assert window.start_s - 0.1 <= min(due) <= max(due) <= window.end_s + 0.1, "on the clock of the readings"
        assert min(sent) >= window.start_s - 0.1, "which on a busy machine is later than due"
    for host in (tables.arm_host, *tables.load_hosts):
        instants = host["t_s"].to_list()
        ends = (min(instants) - window.start_s, max(instants) - window.end_s)
        assert max(map(abs, ends)) < AHEAD_S / 2, "on the clock of the load, however late some of them are"
    gates = {gate.key: gate for gate in record.gates}
    assert gates["load.clock"].value == max(node.clock.bound_s for node in record.nodes if node.clock)
    assert gates["load.lag"].value == max(load.dispatch_lag_p99_s or 0.0 for load in loads)
    check_foreign(trial)
    assert [left_on(host) for host in hosts] == [[]] * 3
    with closing(hosts[0].engine.client()) as own:
        there = {tag for image in own.images.list() for tag in image.tags}
    assert carried["nginx"].name in there
    assert carried["python"].name not in there, "what is built on it brings its layers"


def of_page(url: str, path: str, **form: object) -> Any:
    """What the page answers; a form is posted."""
    data = urlencode(form).encode() if form else None
    with urlopen(f"{url}{path}", data, timeout=30) as answer:
        return json.loads(answer.read())


def wait_for_page(running: subprocess.Popen[str], url: str, path: str, done: Callable[[Any], bool]) -> None:
    give_up_at = time.monotonic() + 240
    while not done(found := of_page(url, path)):
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < give_up_at, found
        time.sleep(0.2)


def wait_for_workers(running: subprocess.Popen[str], url: str) -> None:
    up = ("ready", {"ready": 2, "of": 2})
    wait_for_page(running, url, "/lab/live", lambda live: (live["state"], live["workers"]) == up)


def kill_a_worker(running: subprocess.Popen[str], url: str, out: Path) -> None:
    """The page says so, and the arm is chosen again."""
    seen = psutil.process_iter(["cmdline"])
    workers = [each for each in seen if {"lab.load.inside.plugin"} <= set(each.info["cmdline"] or ())]
    next(each for each in workers if str(out) in " ".join(each.info["cmdline"])).kill()
    wait_for_page(running, url, "/lab/live", lambda live: live["state"] == "failed" and "SIGKILL" in live["message"])
    asked = Request(f"{url}/lab/switch", b'{"arm": "replicas"}', {"Content-Type": "application/json"})
    with urlopen(asked, timeout=30) as answer:
        assert json.loads(answer.read())["message"] == ""


def test_a_page_here_is_the_master_of_workers_on_two_machines(hosts: Hosts, tmp_path: Path) -> None:
    """No machine has a way to this one, nor this one to the arm. SIGTERM keeps the session, and nothing is left."""
    path, out = scenario(hosts, tmp_path, UNREACHED), tmp_path / "out"
    command = [sys.executable, "-m", "lab", "ui", str(path), "--out", str(out), "--allow-concurrent"]
    with launched(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert url, running.communicate()[1]
        wait_for_workers(running, url)
        kill_a_worker(running, url, out)
        wait_for_workers(running, url)
        started = of_page(url, "/swarm", user_count=4, spawn_rate=4, host=f"http://{hosts[0].address}:20080")
        assert started["success"], started
        wait_for_page(
            running,
            url,
            "/lab/live",
            lambda live: (
                {each["service"] for last in live["points"][-1:] for each in last["processes"] if each["share"]}
                == {"app-1", "app-2"}
            ),
        )
        wait_for_page(
            running,
            url,
            "/stats/requests",
            lambda stats: [each["user_count"] for each in stats["workers"]] == [2, 2] and stats["total_rps"] > 0,
        )
        running.terminate()
        told, said = running.communicate(timeout=240)
    assert running.returncode == 0, said
    assert "session kept" in told
    (folder,) = out.iterdir()
    info, trial = read_info(folder), read_trial(folder / "trials" / "b01-replicas")
    assert info.exploratory
    assert set(info.environment["generators"]) == {"gen", "gen2"}
    assert (trial.record.load.workers, trial.record.load.lanes) == (2, 4)
    loads = [node.load for node in trial.record.nodes if node.load]
    assert all(load.rows == load.started + load.unfinished > 3 for load in loads)
    assert sum(load.requests for load in loads) == trial.tables.requests.height
    assert trial.record.attribution == "header"
    assert set(trial.tables.processes["node"]) == {"arms"}
    assert [left_on(host) for host in hosts] == [[]] * 3


LATE_S = 5.0  # on a busy machine
DRILLS = """
[[drills]]
verb = "deploy"
after = "5s"
[[drills]]
verb = "kill-front"
after = "5s"
"""


def test_drills_reach_the_node_of_the_arm(hosts: Hosts, tmp_path: Path) -> None:
    """Its processes are signalled and its containers replaced there, told on the clock of the load; nothing stays."""
    path, out = scenario(hosts, tmp_path, ONE, measure="25s"), tmp_path / "out"
    path.write_text(path.read_text().replace("[budget]", 'restart = "always"\n[budget]') + DRILLS)
    done = lab("run", path, "--out", out, "--allow-concurrent", "--wait-for-quiet=0")
    assert "cannot be asked" not in done.stderr, "either node, whether it is quiet"
    (folder,) = out.iterdir()
    assert set(read_info(folder).states.values()) == {"done"}, done.stderr
    due_s = {trial.id: action_s(trial) for trial in build_plan(read_scenario(path)).trials}
    for verb, acts in (("deploy", ["deployed", "deployed", "over"]), ("kill-front", ["SIGKILL", "over"])):
        name = f"b01-{verb}-replicas"
        trial = read_trial(folder / "trials" / name)
        told = [event for event in trial.record.events if event.kind.startswith("action.")]
        assert [event.kind.removeprefix("action.") for event in told] == acts
        found = aftermath(trial.record, trial.tables.requests)
        assert found is not None
        late_s = found.action_s - trial.record.measure.start_s - due_s[name]
        assert -0.05 <= late_s <= LATE_S, "it begins when it is due, on the clock of the load"
        if verb == "kill-front":  # a deployment behind a front that repeats requests may cost none
            assert found.bad_before < found.bad, "what is bad comes after the action, on the clock of the load"
    assert not any(left_on(host) for host in hosts)


def test_a_generator_that_is_lost_makes_its_trial_invalid_and_leaves_nothing(hosts: Hosts, tmp_path: Path) -> None:
    """Its engine is killed under load, and comes back: the run goes on. Lost once more it is one block too many.

    Then the run ends, the other node is clean, and `lab clean` cleans the dead one.
    """
    path, out = scenario(hosts, tmp_path, ONE, measure="5s"), tmp_path / "out"  # under load still when it is killed
    path.write_text(path.read_text().replace("blocks = 1", "blocks = 5"))
    command = [sys.executable, "-m", "lab", "run", str(path), "--out", str(out), "--allow-concurrent"]
    with launched(command, stderr=subprocess.PIPE) as running:
        wait_until_measured(running, out, trial=".b01*")
        hosts[1].engine.kill()
        hosts[1].engine.start()
        wait_until_measured(running, out, trial=".b03*")
        hosts[1].engine.kill()
        said = running.communicate(timeout=240)[1]
    assert running.returncode == 3, said
    assert "Traceback" not in said
    assert "node gen, which drives load, was lost" in said
    assert left_on(hosts[0]) == []
    info = read_info(next(out.iterdir()))
    states = [info.states[f"b0{block}-replicas"] for block in range(1, 6)]
    assert states == ["lost", "done", "lost", "planned", "planned"]
    assert {lost.block for lost in info.lost.values()} == {1, 3}

    gone = lab("doctor", "--scenario", path)
    assert gone.returncode == 4
    assert "(node gen)" in gone.stdout
    hosts[1].engine.start()
    cleaned = lab("clean", "--scenario", path, "--out", out)
    assert cleaned.returncode == 0, cleaned.stderr
    assert [left_on(host) for host in hosts] == [[]] * 3


CHANNEL_S = 0.03  # on its way, either way


def test_a_generator_that_is_heard_late_leaves_a_caveat(hosts: Hosts, tmp_path: Path) -> None:
    """Its clock is known to the time that its agent's channel takes one way, and more than 5 ms is told."""
    with late_channel(hosts[1].engine.root / "docker.sock", CHANNEL_S) as late:
        path = scenario(hosts, tmp_path, ONE.replace("{second.engine.host}", late))
        done = lab("run", path, "--out", tmp_path / "out", "--allow-concurrent", "--wait-for-quiet=0")
    (folder,) = (tmp_path / "out").iterdir()
    assert read_info(folder).states == {"b01-replicas": "done"}, done.stderr
    record = read_trial(folder / "trials" / "b01-replicas").record
    gate = next(gate for gate in record.gates if gate.key == "load.clock")
    assert gate.value is not None
    assert gate.value >= CHANNEL_S
    assert (gate.outcome == CAVEAT) is (gate.value <= A_STEP_S), "as it is, where a busy machine is not later still"
    assert record.clock is not None
    assert abs(record.clock.offset_s - AHEAD_S) < 1
    assert not any(left_on(host) for host in hosts)


ROOM = "size=96m"  # the agent's image takes 174 MB


def test_an_image_for_which_a_node_has_no_room_is_a_sentence(
    hosts: Hosts, carried: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """It names the node and the image before anything is measured, and no node keeps more than it had."""
    assert carried
    folder = Path(tempfile.mkdtemp(prefix="lab-small-", dir=MEMORY.parent))  # a socket's path is short
    subprocess.run(["mount", "-t", "tmpfs", "-o", ROOM, "tmpfs", str(folder)], check=True)
    small = SecondEngine(f"small-{os.getpid()}", home=folder, own_pids=True, firewall=True)
    try:
        small.start()
        path = scenario(hosts, tmp_path, ONE.replace("{second.engine.host}", small.host))
        done = lab("run", path, "--out", tmp_path / "out", "--allow-concurrent")
        with closing(small.client()) as own:
            kept = (own.images.list(), own.containers.list(all=True), own.networks.list(filters={"label": "lab.run"}))
    finally:
        small.stop()
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(r"image process-model-lab/agent:\S+ cannot be carried to node gen: .*no space left", done.stderr)
    assert "its disk is full" in done.stderr
    assert kept == ([], [], [])
    assert not any(left_on(host) for host in hosts)


def test_the_doctor_looks_at_every_node(hosts: Hosts, tmp_path: Path) -> None:
    """Engine and how soon it answers, rights, clock, cores and governor of each, as an agent there tells.

    Who has no certificate sees none.
    """
    path = scenario(hosts, tmp_path, TWO)
    done = lab("doctor", "--json", "--scenario", path, at=hosts[0])
    assert done.returncode == 0, done.stderr
    found = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    for node in ("arms", "gen", "gen2"):
        assert "cgroup v" in found[f"node {node}"]["sentence"]
        trip = re.search(r"answers in ([\d.]+) ms$", found[f"node {node}"]["sentence"])
        assert trip is not None
        assert 0 < float(trip[1]) < LATE_S * 1000
        governed = found[f"{node}: governor"]  # all three have this machine's cores
        assert governed["sentence"].startswith(governor() or "not told")
        assert (governed["state"] == "ok") is (governor() in ("", STEADY))
        assert found[f"{node}: rights"]["state"] == "ok"
        assert found[f"{node}: cores"]["state"] == "ok"
        assert found[f"{node}: leftovers"]["sentence"] == "none"
    assert found["arms: clock"]["sentence"] == "this machine's own"
    assert "+5000." in found["gen: clock"]["sentence"] or "+4999." in found["gen: clock"]["sentence"]
    assert [left_on(host) for host in hosts] == [[]] * 3
    other = certified(tmp_path / "other", hosts[1].address)
    path.write_text(path.read_text().replace(str(hosts[1].tls), str(other)))
    refused = lab("doctor", "--json", "--scenario", path, at=hosts[0])
    told = next(each for each in json.loads(refused.stdout) if each["subject"] == "node gen")
    assert (refused.returncode, told["state"]) == (4, "missing")
    assert "certificate verify failed" in told["sentence"]
    assert "tls of node gen" in told["sentence"]
