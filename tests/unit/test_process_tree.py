"""Who belongs to a process tree: children, orphans, and nobody else. A written /proc, and the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.errors import SamplingError
from lab.plan.kinds import Role, ServiceKind
from lab.sampling.plan import SamplerPlan, SampleTarget
from lab.sampling.process_tree import ProcessTrees, tree_pids, without_folders
from lab.sampling.reading import Reader

DEADLINE_S = 60.0


class Proc:
    """A /proc that a test writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "self").mkdir()

    def add(self, pid: int, parent: int, session: int, started: int = 100, name: str = "app") -> None:
        """A process, or another one under the same pid."""
        (self.root / str(pid)).mkdir(exist_ok=True)
        between = " ".join("0" * 15)
        (self.root / str(pid) / "stat").write_text(
            f"{pid} ({name}) S {parent} {session} {session} {between} {started} 0\n"
        )

    def end(self, pid: int) -> None:
        """The process is gone."""
        (self.root / str(pid) / "stat").unlink()
        (self.root / str(pid)).rmdir()


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """Two services: 10 with children 11 and 12, 20 alone; 99 is a stranger."""
    proc = Proc(tmp_path)
    for pid, parent, session in ((10, 1, 10), (11, 10, 10), (12, 10, 10), (20, 1, 20), (99, 1, 99)):
        proc.add(pid, parent, session)
    return proc


@pytest.fixture
def trees(proc: Proc) -> ProcessTrees:
    trees = ProcessTrees({"app": 10, "nginx": 20}, proc.root)
    trees.update()
    return trees


def test_each_service_has_its_own_tree(trees: ProcessTrees) -> None:
    """Nobody is in two of them, and strangers are in none."""
    assert trees.pids("app") == [10, 11, 12]
    assert trees.pids("nginx") == [20]


def test_orphans_stay_members(proc: Proc, trees: ProcessTrees) -> None:
    """The supervisor is gone and init is their parent: their session still tells."""
    proc.end(10)
    proc.add(11, 1, 10)
    proc.add(12, 1, 10)

    for look_again in (False, True):
        trees.update(look_again=look_again)
        assert trees.pids("app") == [11, 12]
    assert tree_pids(10, proc.root) == [11, 12]


def test_whoever_leaves_the_session_is_followed_by_descent(proc: Proc, trees: ProcessTrees) -> None:
    """A child that called setsid, its own child, and both when their parents have gone; listed in any order."""
    proc.add(31, 30, 30)
    proc.add(30, 11, 30)
    trees.update()
    assert trees.pids("app") == [10, 11, 12, 30, 31]

    proc.end(11)
    proc.add(30, 1, 30)
    for look_again in (False, True):
        trees.update(look_again=look_again)
        assert trees.pids("app") == [10, 12, 30, 31]


def test_a_pid_that_was_given_out_again_is_nobody_we_know(proc: Proc, trees: ProcessTrees) -> None:
    """Its start tells it apart when all are looked at again; a stranger's pid may become a member's."""
    proc.add(12, 1, 77, started=500)
    proc.end(99)
    trees.update(look_again=True)
    assert trees.pids("app") == [10, 11]

    proc.add(99, 10, 10, started=600)
    trees.update()
    assert trees.pids("app") == [10, 11, 99]


def test_a_name_cannot_look_like_a_parent(proc: Proc, trees: ProcessTrees) -> None:
    """Brackets and spaces in a name do not shift the fields."""
    proc.add(40, 1, 40, name="x) S 10 10 10 (")
    trees.update(look_again=True)
    assert 40 not in trees.pids("app")


def test_programs_are_shown_by_their_names() -> None:
    """Folders of a cache are longer than what is kept of a command line."""
    assert without_folders("/cache/env/bin/python /cache/env/bin/uvicorn app.main:app --port 1") == (
        "python uvicorn app.main:app --port 1"
    )
    assert without_folders("nginx: worker process") == "nginx: worker process"


def test_a_real_tree_is_read_without_any_cgroup(tmp_path: Path) -> None:
    """Rows of both processes with their roles, and none of a cgroup."""
    first = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    try:
        target = SampleTarget(service="app", kind=ServiceKind.APP, container_id="", init_pid=first.pid)
        give_up_at = time.monotonic() + DEADLINE_S
        while len(tree_pids(first.pid)) < 2:
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
        reader = Reader(plan_of(target, tmp_path))
        reader.check_rights()
        rows = reader.round(101.0, memory=True, look_again=True)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()

    assert [row.role for row in rows.processes] == [Role.HELPER, Role.HELPER]  # neither listens
    assert all((row.pss_bytes or 0) > 0 for row in rows.processes)
    assert rows.cgroups == []


def test_a_tree_that_has_ended_is_an_error_at_the_start(tmp_path: Path) -> None:
    """With the service's name."""
    ended = subprocess.Popen(["true"], start_new_session=True)
    ended.wait()
    target = SampleTarget(service="app", kind=ServiceKind.APP, container_id="", init_pid=ended.pid)
    with pytest.raises(SamplingError, match=f"process {ended.pid} of 'app'"):
        Reader(plan_of(target, tmp_path))


def plan_of(target: SampleTarget, directory: Path) -> SamplerPlan:
    return SamplerPlan(targets=(target,), t0_monotonic_s=100.0, measure_s=10.0, lab_pid=1, directory=directory)
