"""The lab as an ordinary user in Docker's group: processes of containers are read through an agent, or not at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import polars as pl
import pytest

from lab.engines.docker.agent.image import prepare_agent
from lab.engines.docker.removal import remove_labelled
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.engines.leftovers import find_leftovers
from lab.record.folder import read_info, read_trial
from lab.record.types import RunInfo, TrialResult
from lab.scenario.model import App, Arm
from tests.integration.conftest import LEAVES, OWN, REPOSITORY, own_arguments, scenario_of
from tests.launched import launched
from tests.ordinary_user import OrdinaryUser, ordinary_user
from tests.terminal import Terminal, terminal

pytestmark = pytest.mark.integration

ARTEFACTS = REPOSITORY / "artifacts"
DOCS_APP = Path(__file__).parent / "images" / "docs_app"
COMMAND = "fastapi run main.py --host {host} --port {port} --workers {workers}"
TRIAL = "b01-workers"
RUN_ID = f"rights-tests-{os.getpid()}"
DEADLINE_S = 60.0
SCENARIO = f"""
question = "Does it work without rights?"
[app]
build = "{DOCS_APP}"
requirements = "{REPOSITORY}/requirements/app.txt"
{own_arguments()}
command = "{COMMAND}"
ready_path = "/"
[budget]
processes = PROCESSES
[[arms]]
name = "workers"
model = "workers"
front = "direct"
[load]
locustfile = "{Path(__file__).parent}/pid_locustfile.py"
tags = ["keepalive"]
lanes = 16
warmup = "1s"
measure = "4s"
[trials]
blocks = 1
"""
HOLD = """
import sys, time
from lab.engines.docker.engine import connect
from lab.engines.docker.agent.container import start_agent
from lab.host.labels import labels
from lab.sampling.process_view import look
with start_agent(connect(), sys.argv[1], labels(sys.argv[2], "held", "agent"), looks=True) as agent:
    agent.call(look, [agent.pid])
    print(agent.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="session")
def docs_app(client: docker.DockerClient, images: Mapping[str, ImageRecord]) -> None:
    """The image of an app that does not say who answers, made before anybody without rights needs it."""
    app = App(build=DOCS_APP, requirements=REPOSITORY / "requirements" / "app.txt", build_args=OWN, command=COMMAND)
    prepare_images(client, scenario_of(Arm(name="workers", model="workers", front="direct"), app=app), print)


@pytest.fixture
def user() -> Iterator[OrdinaryUser]:
    """Somebody who may use Docker and nothing else."""
    with ordinary_user() as user:
        yield user


def run_as(
    user: OrdinaryUser, argv: list[str], processes: int, shown_on: Terminal | None = None
) -> tuple[RunInfo, TrialResult, Path]:
    """One run of one trial, valid or not on a machine with neighbours; its folder goes with the user's home."""
    path, out = user.home / "scenario.toml", user.home / "runs"
    path.write_text(SCENARIO.replace("PROCESSES", str(processes)))
    command = [sys.executable, "-m", *(part.format(scenario=path, out=out) for part in argv)]
    done = subprocess.run(
        user.command(command),
        env={**user.environment, "TERM": "xterm-256color"},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=shown_on.slave if shown_on else subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )
    folders = list(out.iterdir()) if out.is_dir() else []
    assert folders, done.stderr
    info = read_info(folders[0])
    assert info.states[TRIAL] == "done", done.stderr
    assert {path.stat().st_uid for path in out.rglob("*")} == {user.uid}
    assert list(user.home.glob("lab-*")) == []
    return info, read_trial(folders[0] / "trials" / TRIAL), folders[0]


@pytest.mark.alone  # uvicorn ends workers that take more than 5 s to start, and `fastapi run` has no option for it
def test_an_ordinary_user_measures_memory_and_knows_who_served(
    user: OrdinaryUser, client: docker.DockerClient, docs_app: None
) -> None:
    """Through the agent: PSS, which agrees with the cgroups, every listener, the event loop, owners of connections.

    The live view shows the processes meanwhile, although their rows grow in the agent's folder.
    """
    prepare_agent(client, print)
    with terminal(200, 50) as screen:
        info, trial, _ = run_as(
            user, ["lab", "run", "{scenario}", "--out", "{out}", "--allow-concurrent"], 2, shown_on=screen
        )
        screen.close()
    frames = ["\n".join(shown) for shown in screen.seen if any(" measure ━" in line for line in shown)]
    assert frames, "\n".join(screen.screen)
    shown = [re.findall(r"^ +worker +\d+ .* [\d.]+ MiB", frame, re.MULTILINE) for frame in frames]
    assert max(map(len, shown)) == 2, frames[len(frames) // 2]  # the last frames may show the arm being taken down
    ARTEFACTS.mkdir(exist_ok=True)
    widest = max(range(len(frames)), key=lambda place: len(shown[place]))
    (ARTEFACTS / "terminal-200-columns.txt").write_text(frames[widest] + "\n", encoding="utf-8")

    assert info.environment["sampled_by"] == "an agent container"
    processes = trial.tables.processes
    roles = processes.filter(pl.col("role") != "platform").group_by("role").agg(pl.col("pid").n_unique())
    assert dict(roles.iter_rows()) == {"supervisor": 1, "helper": 1, "worker": 2}
    assert processes.filter(pl.col("pss_anon_bytes").is_not_null())["pss_bytes"].null_count() == 0
    gates = {gate.key: gate for gate in trial.record.gates}
    assert gates["memory.anon"].outcome == "pass"
    assert trial.record.shared_files == {}
    assert (gates["sampler.cpu"].value or 1.0) < 0.5
    assert set(trial.record.attestation.listeners.values()) == {"app"}
    assert trial.record.attestation.runtime == {"loop": "uvloop", "http": "httptools", "allocator": "glibc"}
    assert trial.record.attribution == "socket"
    served = trial.tables.requests.filter(pl.col("served_by").is_not_null())
    assert set(served.group_by("served_by").agg(pl.col("name").n_unique())["name"]) == {1}


def test_without_an_agent_memory_is_missing_and_the_report_says_why(user: OrdinaryUser, docs_app: None) -> None:
    """Never a part of the memory: no PSS at all, but CPU, RSS, and the cgroups' account."""
    info, trial, folder = run_as(user, ["tests.without_agent", "{scenario}", "{out}"], processes=1)

    assert "No such image" in info.environment["memory_obstacle"]
    processes = trial.tables.processes
    assert processes["pss_bytes"].null_count() == processes["uss_bytes"].null_count() == processes.height > 0
    assert processes["rss_bytes"].null_count() == processes["cpu_s"].null_count() == 0
    assert trial.tables.cgroups["anon_bytes"].drop_nulls().len() > 0
    assert trial.tables.host["engine_cpu_s"].drop_nulls().len() > 0
    assert "attestation.rights" in {gate.key for gate in trial.record.gates}
    report = (folder / "report.md").read_text()
    assert "(PSS) is missing" in report
    assert "No such image" in report


@LEAVES
def test_an_agent_ends_with_the_lab_that_was_killed(client: docker.DockerClient, tmp_path: Path) -> None:
    """Its container has stopped by itself, and `lab clean` finds what is left of it."""
    selection = {"label": f"lab.run={RUN_ID}"}
    command = [sys.executable, "-c", HOLD, prepare_agent(client, print), RUN_ID]
    own_temporary = os.environ | {"TMPDIR": str(tmp_path)}  # what a killed lab leaves in it goes with the test
    with launched(command, env=own_temporary, stdout=subprocess.PIPE) as lab:
        assert lab.stdout is not None
        pid = int(lab.stdout.readline())
        lab.kill()
    try:
        give_up_at = time.monotonic() + DEADLINE_S
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < give_up_at, "the agent has not noticed"
            time.sleep(0.05)
        # The engine learns of the end a little later.
        while client.containers.list(filters=selection, ignore_removed=True):
            assert time.monotonic() < give_up_at, "its container has not stopped"
            time.sleep(0.05)
        found = find_leftovers(client=client)
        assert f"lab-{RUN_ID}-held-agent" in {leftover.name for leftover in found if leftover.kind == "container"}
    finally:
        remove_labelled(client, {"lab.run": RUN_ID})


def test_the_cgroup_of_another_user_is_left_alone_with_a_sentence(user: OrdinaryUser) -> None:
    """`lab clean` of an ordinary user after a lab of root's that was killed."""
    parent = user.home / "cpu" / "process-model-lab"
    (parent / "dead").mkdir(parents=True)
    parent.chmod(0o555)
    code = (
        "import sys; from pathlib import Path\n"
        "from lab.engines.docker import pool; from lab.errors import MissingError\n"
        "try: pool.remove('dead', Path(sys.argv[1]))\n"
        "except MissingError as error: print(error, error.hint)"
    )
    command = user.command([sys.executable, "-c", code, str(user.home)])
    done = subprocess.run(command, env=user.environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)

    assert "cannot be removed: it is not this user's run `lab clean` as root" in done.stdout, done.stderr
    parent.chmod(0o755)
