"""Engine process without its app: what would be started, what is refused, and that whatever was started ends."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lab.engines.kinds import ENGINE_KINDS, open_engine
from lab.engines.process import guard as process_guard
from lab.engines.process import scratch as process_leftovers
from lab.engines.process.app import install_argv
from lab.engines.process.command import ProgramPlace, Start, start_of
from lab.engines.process.engine import still_runs
from lab.engines.process.guard import MARKS, belongings, end, read_marks
from lab.engines.process.programs import find_program
from lab.engines.process.refusals import check_plain
from lab.engines.process.scratch import MARKS_FILE, PREFIX, scratch
from lab.engines.process.service import LOG_BYTES, RunningService, start_service
from lab.errors import DeploymentError, MissingError, ScenarioError
from lab.host.labels import environment_of, labels
from lab.host.tools import pip_command
from lab.plan.fronts.front import FrontPlace, front_of
from lab.plan.fronts.nginx import CONF_PATH, IMAGE
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Endpoint, Service
from lab.scenario.budget import Budget, Limits, Quota
from lab.scenario.model import App, Arm, Load, Scenario
from tests.waiting import until

DEADLINE_S = 60.0
RUN = f"unit-{os.getpid()}"
DEAD = "4194000-1.00"  # a pid and a start that no process has
FOLDER = Path("/private")


def service(*argv: str, **changes: object) -> Service:
    """A service that runs a command of this machine."""
    values: dict[str, object] = {"name": "app", "kind": ServiceKind.APP, "image": "app", "argv": argv, "ports": (1,)}
    return Service(**(values | changes))  # type: ignore[arg-type]  # each value has its field's type


def nginx() -> Service:
    """The front as the plan makes it."""
    arm = Arm(name="replicas", model="replicas", front="nginx")
    place = FrontPlace(app=(Endpoint(port=21001), Endpoint(port=21002)), ports=(21000,), limits=Limits())
    return front_of(arm).services(arm.front, place)[0]


def test_the_environment_is_a_containers_and_not_the_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH, a private HOME, the app's own variables and our marks; nothing that the lab's user has set."""
    monkeypatch.setenv("DATABASE_URL", "the user's own")
    place = ProgramPlace(programs=(Path("/env/bin"),), directory=Path("/code"))

    start = start_of(service("uvicorn", env=(("BALLAST_MB", "1"),)), place, FOLDER, labels("r", "t", "app"))

    assert start.env["PATH"].split(":")[0] == "/env/bin"
    assert start.env["HOME"] == start.env["TMPDIR"] == "/private/tmp"
    assert start.env["BALLAST_MB"] == "1"
    assert start.env["LAB_RUN"] == "r"
    others = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "SPT_NOENV"}
    assert start.env.keys() == {"PATH", "HOME", "TMPDIR", "BALLAST_MB", *MARKS, *others}
    assert start.directory == Path("/code")


def test_nginx_has_a_prefix_and_a_configuration_of_its_own() -> None:
    """Its container's paths become private ones; the text is the same and holds none of them."""
    start = start_of(nginx(), ProgramPlace(), FOLDER, labels("r", "t", "nginx"))

    assert start.argv == ("nginx", "-p", "/private/tmp", "-c", "/private/etc/lab/nginx.conf")
    assert start.directory == start.scratch == Path("/private/tmp")
    assert dict(start.files) == {Path("/private/etc/lab/nginx.conf"): nginx().files[0]}
    assert "/tmp" not in nginx().files[0].text


def plain_scenario(**app: object) -> Scenario:
    """What the process engine can run; ``app`` replaces keys."""
    values: dict[str, object] = {"build": Path("/shop"), "requirements": Path("/shop/requirements.txt")}
    return Scenario(
        question="Which?",
        app=App(**(values | app)),  # type: ignore[arg-type]  # each value has its field's type
        arms=(Arm(name="workers", model="workers", front="direct"),),
        budget=Budget(processes=2),
        load=Load(locustfile=Path("/shop/locustfile.py")),
    )


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        (plain_scenario(build=None, requirements=None, image="shop:1"), "app.image: shop:1 is an image"),
        (plain_scenario(requirements=None), "app.requirements: the app's environment is made from it"),
        (plain_scenario(command="{image}", env={"PORT": "{port}", "N": "{workers}"}), "app.command: {image}"),
        (plain_scenario(user="10001"), 'app.user: "10001" is a user of the image'),
        (plain_scenario(capabilities=("CHOWN",)), "app.capabilities: a container keeps them"),
        (plain_scenario(volumes=("/data",)), "app.volumes: they are folders of a container"),
        (plain_scenario(healthcheck=True), "app.healthcheck: it is the image's"),
        (plain_scenario(restart="always"), 'app.restart: "always" is Docker\'s policy'),
        *(
            (replace(plain_scenario(), budget=budget), sentence)
            for budget, sentence in (
                (Budget(processes=2, cpus=Quota(mode="pooled", amount=1.0)), "budget.cpus: a limit takes cgroups"),
                (Budget(processes=2, memory=Quota(mode="split", amount=1e9)), "budget.memory: a limit takes cgroups"),
                (Budget(processes=2, cpuset="0"), "budget.cpuset"),
            )
        ),
    ],
)
def test_what_takes_a_container_is_refused_by_its_key(scenario: Scenario, sentence: str) -> None:
    """Exit 2, with every key and what to do; the rest of the scenario may stay."""
    check_plain(plain_scenario())
    with pytest.raises(ScenarioError, match="engine process") as caught:
        check_plain(scenario)
    assert sentence in str(caught.value)
    assert "--engine docker" in caught.value.hint


def no_docker() -> None:
    """What reaching Docker does without an engine; the real one leaves its socket to the garbage collector."""
    raise MissingError("no Docker engine answers: refused", "start it")


WITHOUT_DOCKER = {**ENGINE_KINDS, "docker": replace(ENGINE_KINDS["docker"], reach=no_docker)}


def test_without_docker_auto_says_both_reasons() -> None:
    """An image can only run in Docker, which is not there: exit 4; asked for by name, Docker alone is missing."""
    scenario = plain_scenario(build=None, requirements=None, image="shop:1")

    with pytest.raises(MissingError, match=r"no Docker engine(.|\n)*app.image: shop:1"):
        open_engine(scenario, RUN, lambda _: None, engines=WITHOUT_DOCKER)
    limited = replace(scenario, budget=Budget(processes=2, cpus=Quota(mode="pooled", amount=1.0)))
    with pytest.raises(MissingError) as caught:
        open_engine(limited, RUN, pytest.fail, engines=WITHOUT_DOCKER)
    assert "budget" not in str(caught.value), "leaving that out would not help"
    assert caught.value.hint == "start it"
    with pytest.raises(MissingError, match="no Docker engine answers"):
        open_engine(replace(scenario, engine="docker"), RUN, lambda _: None, engines=WITHOUT_DOCKER)
    with pytest.raises(ScenarioError, match="engine process"):
        open_engine(replace(scenario, engine="process"), RUN, lambda _: None)


def test_a_missing_nginx_is_a_sentence(tmp_path: Path) -> None:
    """What to install; one that does not run is missing too."""
    with pytest.raises(MissingError, match="nginx is not installed") as caught:
        find_program(IMAGE, str(tmp_path))
    assert "apt-get install nginx" in caught.value.hint
    (tmp_path / "nginx").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "nginx").chmod(0o755)
    with pytest.raises(MissingError, match="does not run"):
        find_program(IMAGE, str(tmp_path))


def test_packages_are_wheels_of_the_pinned_hashes_and_nothing_else() -> None:
    """No resolver where there are hashes, and no source builds."""
    argv = install_argv(pip_command(), Path("/env"), Path("/shop/requirements.txt"))
    assert argv[argv.index("--python") + 1] == "/env/bin/python"
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} <= set(argv)
    assert argv[-2:] == ["--requirement", "/shop/requirements.txt"]
    loose = install_argv(pip_command(), Path("/env"), Path("/shop/requirements.txt"), pinned=False)
    assert not {"--no-deps", "--require-hashes"} & set(loose)
    assert "--only-binary=:all:" in loose


@contextmanager
def running(folder: Path, *argv: str) -> Iterator[RunningService]:
    """A started service that is gone afterwards."""
    start = start_of(service(*argv), ProgramPlace(), folder, labels(RUN, "trial", "app"))
    started = start_service(service(*argv), start, folder)
    try:
        yield started
    finally:
        end(lambda: belongings({}, {started.pid}, str(folder)), 0.1)
        started.reap()


def sentence_of(started: RunningService) -> str:
    give_up_at = time.monotonic() + DEADLINE_S
    while (end := started.ended(lines=3)) is None:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    return end.told


def test_an_end_is_told_with_the_last_lines(tmp_path: Path) -> None:
    """An exit code or a signal, and what was printed on either stream."""
    with running(tmp_path / "a", "sh", "-c", "seq 9; echo no such module >&2; exit 3") as started:
        assert sentence_of(started) == "process of 'app' ended with exit code 3; its last lines:\n8\n9\nno such module"
    with running(tmp_path / "b", "sh", "-c", "kill -9 $$") as started:
        assert "was killed by SIGKILL; its last lines:\n(it logged nothing)" in sentence_of(started)
    with running(tmp_path / "c", "sleep", "60") as started:
        assert started.ended(lines=3) is None


def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """With the folders that were searched."""
    with pytest.raises(DeploymentError, match="no program 'uvicornn' in /usr/local/sbin"):
        with running(tmp_path, "uvicornn"):
            pytest.fail("must not start")
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    with pytest.raises(DeploymentError, match="broken: Exec format error"):
        with running(tmp_path / "b", str(broken)):
            pytest.fail("must not start")


def test_a_talkative_service_keeps_its_end_only(tmp_path: Path) -> None:
    """It is read all the time, so that it never waits, and what is kept is bounded."""
    with running(tmp_path, "sh", "-c", f"yes x | head -c {5 * LOG_BYTES}; echo the end") as started:
        assert sentence_of(started).endswith("the end")
        assert len(started.log(lines=10**9)) <= LOG_BYTES


def test_open_files_are_as_many_as_in_a_container(tmp_path: Path) -> None:
    """As far as this user may raise the limit; the lab's own is what it was."""
    before = subprocess.run(["sh", "-c", "ulimit -n; ulimit -Hn"], capture_output=True, text=True, check=True).stdout
    with running(tmp_path, "sh", "-c", "ulimit -n") as started:
        told = sentence_of(started).splitlines()[-1]
    hard = before.split()[1]
    assert int(told) == (1024**2 if hard == "unlimited" else min(int(hard), 1024**2))
    after = subprocess.run(["sh", "-c", "ulimit -n; ulimit -Hn"], capture_output=True, text=True, check=True).stdout
    assert after == before


def test_marks_are_taken_only_when_all_are_there() -> None:
    """A person's own LAB_RUN must not make their shell a leftover."""
    full = environment_of(labels("r", "t", "app"))
    assert read_marks("\0".join(f"{k}={v}" for k, v in full.items()).encode()) == full
    for name in MARKS:
        assert read_marks("\0".join(f"{k}={v}" for k, v in full.items() if k != name).encode()) == {}


def test_without_marks_nobody_is_told_by_marks() -> None:
    """Another lab's processes carry some: they must not be taken for ours."""
    other = subprocess.Popen(["sleep", "60"], env=environment_of(labels(RUN, "other", "app")), start_new_session=True)
    try:
        assert other.pid not in belongings({}, {1 << 22}, "/nowhere")
        assert other.pid in belongings({"LAB_RUN": RUN, "LAB_TRIAL": "other"}, set(), "/nowhere")
    finally:
        other.kill()
        other.wait()


def test_what_ignores_sigterm_is_killed_after_the_grace() -> None:
    """And what heeds it ends by itself, before."""
    deaf = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True)
    assert deaf.stdout is not None
    assert deaf.stdout.read(1) == b"x"
    heeding = subprocess.Popen(["sleep", "60"], start_new_session=True)
    assert end(lambda: belongings({}, {deaf.pid, heeding.pid}, "/nowhere"), grace_s=0.3) == set()
    assert (heeding.wait(), deaf.wait()) == (-15, -9)
    deaf.stdout.close()


DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("x", end="", flush=True)
time.sleep(60)
"""


def test_a_dead_lab_leaves_nothing(tmp_path: Path) -> None:
    """The end of the guard's orders is the death of the lab: marked processes go, their folder too, nobody else."""
    folder = tmp_path / "deployment"
    folder.mkdir()
    marks = environment_of(labels(RUN, "guarded", "app"))
    marked = subprocess.Popen(["sleep", "60"], env=marks, start_new_session=True)
    inside = subprocess.Popen(["sleep", "60"], cwd=folder, env={}, start_new_session=True)
    watched = subprocess.Popen(["sleep", "60"], start_new_session=True)
    stranger = subprocess.Popen(["sleep", "60"], env=marks | {"LAB_TRIAL": "other"}, start_new_session=True)
    shared = [f"{name}={value}" for name, value in marks.items() if name != "LAB_SERVICE"]
    guard = [sys.executable, "-I", "-S", process_guard.__file__, str(folder), *shared]
    try:
        subprocess.run(guard, input=b"%d\n" % watched.pid, check=True, timeout=DEADLINE_S)
        assert [child.wait(DEADLINE_S) for child in (marked, inside, watched)] == [-15, -15, -15]
        assert stranger.poll() is None
        assert not folder.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_killed_guard_is_stood_in_for(tmp_path: Path) -> None:
    """The lab ends by itself what its guard would have ended."""
    marks = labels(RUN, "unguarded", "app")
    with scratch(marks, environment_of(marks)) as (folder, guard):
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        guard.watch(child.pid)
        os.kill(guard.pid, signal.SIGKILL)
    assert child.wait(DEADLINE_S) == -15
    assert not folder.exists()


def test_clean_finds_what_a_killed_lab_and_its_killed_guard_left(tmp_path: Path) -> None:
    """By marks, by session, by folder; never what a living lab owns is told apart here, but by its owner later."""
    marks = {**labels(RUN, "left", "app"), "lab.owner": DEAD}
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    (folder / MARKS_FILE).write_text(json.dumps(marks))
    unmarked_too = "env -i sleep 61 & exec sleep 61"  # a shell would tell its child's end as its own
    marked = subprocess.Popen(
        ["sh", "-c", unmarked_too], env=environment_of(marks) | os.environ, start_new_session=True
    )
    inside = subprocess.Popen(["sleep", "61"], cwd=folder, env={}, start_new_session=True)
    give_up_at = time.monotonic() + DEADLINE_S
    while len(found := [thing for thing in process_leftovers.things() if thing[3]["lab.run"] == RUN]) < 4:
        assert time.monotonic() < give_up_at, found
        time.sleep(0.01)
    processes = [identity for kind, _, identity, _ in found if kind == "process"]
    assert f"{inside.pid}@" in " ".join(processes)
    assert f"{marked.pid}@" in " ".join(processes)

    process_leftovers.remove(processes, [identity for kind, _, identity, _ in found if kind == "folder"])

    assert (marked.wait(DEADLINE_S), inside.wait(DEADLINE_S)) == (-15, -15)
    assert not [thing for thing in process_leftovers.things() if thing[3]["lab.run"] == RUN]
    assert not folder.exists()


def test_a_start_runs_where_it_is_told(tmp_path: Path) -> None:
    """Its working directory, its scratch folder and its files exist by then."""
    folder = tmp_path / "own"
    scratch_folder = folder / "tmp"
    start = Start(
        argv=("sh", "-c", "pwd; cat ../etc/greeting"),
        env={"PATH": "/usr/bin:/bin"},
        directory=scratch_folder,
        scratch=scratch_folder,
        files={folder / "etc/greeting": ConfigFile(path="/etc/greeting", content=b"hello")},
    )
    started = start_service(service(*start.argv), start, folder)
    assert sentence_of(started).splitlines()[1:] == [str(scratch_folder), "hello"]
    started.reap()


def test_the_value_of_an_option_may_name_a_file_of_the_service() -> None:
    """As ``--config=PATH``; any other word stays."""
    service = dataclasses.replace(nginx(), argv=(f"--config={CONF_PATH}", "--at=/etc/other", "a=b=c"))
    start = start_of(service, ProgramPlace(), FOLDER, labels("r", "t", "nginx"))

    assert start.argv[1:] == ("--config=/private/etc/lab/nginx.conf", "--at=/etc/other", "a=b=c")


def test_a_process_that_ends_while_it_is_looked_at_is_no_stranger() -> None:
    """The kernel told its words, and no variables any more: its lab would not have been known."""
    marks = labels("other-lab", "b01-workers", "app")
    child = subprocess.Popen(["sleep", "60"], env=environment_of(marks))
    seen = psutil.Process(child.pid)
    until(seen.environ, "its program has begun: until then the kernel tells no variables")

    assert still_runs(seen, marks)
    assert not still_runs(seen, {}), "it has marks at the second look"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie until it is waited for
    assert not still_runs(seen, marks)
    child.wait()
    assert not still_runs(seen, marks)
