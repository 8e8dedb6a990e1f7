"""Pooled limits land in the right files of a parent cgroup, v1 and v2, and nothing of it stays."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.engines.docker.opening import open_docker
from lab.engines.docker.pool import check_pool, leftovers, limit_files, pooled_parent, remove
from lab.errors import MissingError
from lab.scenario.budget import Limits
from tests.builders import make_scenario
from tests.fake_images import FakeDocker

LIMITS = Limits(cpus=1.5, memory_bytes=2**30)


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    for controller in ("cpu", "memory", "pids"):
        (tmp_path / controller).mkdir()
    return tmp_path


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    return tmp_path


def written(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): text for path, text in limit_files("run-b01", LIMITS, root)}


def test_version_1_uses_a_cfs_quota_and_a_memory_limit(v1: Path) -> None:
    """1.5 cores are 150 ms in each period of 100 ms."""
    assert written(v1) == {
        "cpu/process-model-lab/run-b01/cpu.cfs_period_us": "100000",
        "cpu/process-model-lab/run-b01/cpu.cfs_quota_us": "150000",
        "memory/process-model-lab/run-b01/memory.limit_in_bytes": "1073741824",
        "memory/process-model-lab/run-b01/memory.memsw.limit_in_bytes": "1073741824",
    }


def test_version_2_uses_cpu_max_and_memory_max(v2: Path) -> None:
    """Quota and period in one file; no swap."""
    assert written(v2) == {
        "process-model-lab/run-b01/cpu.max": "150000 100000",
        "process-model-lab/run-b01/memory.max": "1073741824",
        "process-model-lab/run-b01/memory.swap.max": "0",
    }


def test_nothing_is_made_without_a_pooled_budget(v1: Path) -> None:
    """An unlimited pool needs no parent and no rights."""
    with pooled_parent("run-b01", Limits(cpuset="0-1"), "systemd", v1) as parent:
        assert parent == ""
        assert leftovers(v1) == []


def test_the_systemd_driver_is_refused_with_the_way_out() -> None:
    """Better no budget than one that is not enforced."""
    with pytest.raises(MissingError, match="cgroupfs") as caught, pooled_parent("x", LIMITS, "systemd"):
        pytest.fail("must not be entered")

    assert "split:" in caught.value.hint


def test_the_parent_is_named_for_docker_and_found_as_a_leftover(v1: Path) -> None:
    """While it exists, `lab clean` would find it."""
    (v1 / "cpu" / "process-model-lab" / "run-b01").mkdir(parents=True)

    assert leftovers(v1) == ["run-b01"]


def test_cgroups_that_cannot_be_written_to_are_refused_and_nothing_stays(v1: Path) -> None:
    """The sentence names the cause, the hint the key, and what was made of it is removed."""
    (v1 / "memory").rmdir()
    (v1 / "memory").write_text("no folder")
    with pytest.raises(MissingError, match="cannot be made: Not a directory .*memory") as caught:
        check_pool("run", LIMITS, "cgroupfs", "", v1)

    assert caught.value.hint.startswith('use "split:" in [budget]')
    assert leftovers(v1) == []


def test_a_machine_without_cgroups_is_told_so(tmp_path: Path) -> None:
    """Nothing to remove is no error of its own."""
    nowhere = tmp_path / "file" / "cgroup"
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingError, match="cgroup of the lab's own"):
        check_pool("run", LIMITS, "cgroupfs", "", nowhere)


def test_an_engine_elsewhere_cannot_be_limited_from_here(v1: Path) -> None:
    """A cgroup of this machine limits nothing on that one."""
    with pytest.raises(MissingError, match="of this machine, but the engine far runs elsewhere"):
        check_pool("run", LIMITS, "cgroupfs", "the engine far runs elsewhere", v1)


def test_a_pool_that_cannot_be_had_is_said_before_any_image_is_asked_for() -> None:
    """The engine that is asked here has no image at all, and says no cgroup driver."""
    scenario = make_scenario(budget={"processes": 2, "memory": "pooled:500MiB"})
    docker = FakeDocker()
    with pytest.raises(MissingError, match="pooled budgets need Docker's cgroupfs driver"):
        open_docker(scenario, "run", print, docker_client=lambda: docker)

    assert docker.asked == []


def with_a_container(root: Path) -> Path:
    """The cgroup that Docker makes for a container of the arm."""
    child = root / "cpu" / "process-model-lab" / "run-b01" / "container"
    child.mkdir(parents=True)
    return child


def refusing(number: int, times: int) -> Callable[[Path], None]:
    """``Path.rmdir`` on a kernel that answers the first of so many calls with this error."""
    remove_it, left = Path.rmdir, [number] * times

    def rmdir(path: Path) -> None:
        if left:
            raise OSError(left.pop(), "as the kernel says", str(path))
        remove_it(path)

    return rmdir


def test_a_cgroup_that_is_busy_for_a_moment_is_removed(v1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So long the kernel keeps it for a process that has been killed and not yet reaped."""
    with_a_container(v1)
    monkeypatch.setattr(Path, "rmdir", refusing(errno.EBUSY, 3))
    remove("run-b01", v1)

    assert leftovers(v1) == []


def test_a_cgroup_that_docker_removes_first_is_no_error(v1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its daemon may come back, or remove the container, between the look and the call."""
    child = with_a_container(v1)
    listed = Path.iterdir

    def after_a_look(path: Path) -> list[Path]:
        found = list(listed(path))
        if path == child.parent and child.exists():
            child.rmdir()
        return found

    monkeypatch.setattr(Path, "iterdir", after_a_look)
    monkeypatch.setattr(Path, "is_dir", lambda path: path.name == child.name or path.exists())
    remove("run-b01", v1)

    assert not child.parent.exists()


def test_a_cgroup_that_stays_in_use_is_a_sentence(v1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback, and what to do about it."""
    with_a_container(v1)
    monkeypatch.setattr("lab.engines.docker.pool.BUSY_S", 0.0)
    monkeypatch.setattr(Path, "rmdir", refusing(errno.EBUSY, 1000))
    with pytest.raises(MissingError, match="container cannot be removed: as the kernel says") as caught:
        remove("run-b01", v1)

    assert "cgroup.procs" in caught.value.hint
