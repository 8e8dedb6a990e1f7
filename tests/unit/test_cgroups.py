"""Cgroups of version 1 and 2, under both drivers, from recorded trees."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.errors import SamplingError
from lab.sampling.cgroups import MemoryUsage, cgroup_version, locate, member_pids, read_cpu, read_file, read_memory

TREES = Path(__file__).parent / "data" / "cgroups"
CONTAINER = "3135e4dff0d27fa5c480e2fc72a0f6d8c44af4252b62c7f77cb6637b56d902ad"
INIT = 4120
ALL_TREES = pytest.mark.parametrize("tree", ["v1-systemd", "v2-cgroupfs", "v2-systemd"])


@ALL_TREES
def test_all_processes_of_a_container_are_found(tree: str) -> None:
    """Workers are found beside the first process, also where an init system has put them into cgroups below."""
    cgroup = locate(INIT, CONTAINER, TREES / tree)

    assert sorted(member_pids(cgroup)) == [INIT, 4151, 4152]


@ALL_TREES
def test_units_are_the_same_in_both_versions(tree: str) -> None:
    """Nanoseconds, microseconds and clock ticks all become seconds; memory includes the cgroups below."""
    cgroup = locate(INIT, CONTAINER, TREES / tree)

    cpu, memory = read_cpu(cgroup), read_memory(cgroup)

    assert cpu is not None
    assert cpu.cpu_s == pytest.approx(1.843211, abs=1e-5)
    assert (cpu.periods, cpu.throttled_periods) == (412, 37)
    assert cpu.throttled_s == pytest.approx(1.290442, abs=1e-5)
    assert memory == MemoryUsage(
        anon_bytes=36_827_136,
        file_bytes=12_890_112,
        usage_bytes=52_559_872,
        oom_kills=2,
        limit_hits=34 if tree.startswith("v1") else 14,
        psi_memory_some_s=None if tree.startswith("v1") else 0.25,
    )


@pytest.mark.parametrize(("tree", "version"), [("v1-systemd", 1), ("v2-cgroupfs", 2), ("v2-systemd", 2)])
def test_version_is_that_of_the_hierarchy_in_use(tree: str, version: int) -> None:
    """A unified hierarchy mounted beside version 1 ("hybrid") does not make it version 2."""
    assert cgroup_version(TREES / tree) == version
    assert locate(INIT, CONTAINER, TREES / tree).version == version


def test_parent_is_what_pooled_containers_share() -> None:
    """The cgroup above is the parent in every hierarchy at once."""
    parent = locate(INIT, CONTAINER, TREES / "v1-systemd").parent()

    assert parent.members.name == "system.slice"
    assert parent.cpu == TREES / "v1-systemd/sys/fs/cgroup/cpu,cpuacct/system.slice"


def test_a_container_that_is_down_has_no_members_and_no_usage(tmp_path: Path) -> None:
    """The kernel removes the cgroup of a stopped container: that is no failure of the sampler."""
    shutil.copytree(TREES / "v2-cgroupfs", tmp_path, dirs_exist_ok=True)
    cgroup = locate(INIT, CONTAINER, tmp_path)
    shutil.rmtree(cgroup.members)

    assert member_pids(cgroup) == []
    assert read_cpu(cgroup) is None
    assert read_memory(cgroup) == MemoryUsage()


def test_a_container_that_ended_before_sampling_is_an_error(tmp_path: Path) -> None:
    """Without its first process there is nothing to follow; the message names the container."""
    with pytest.raises(SamplingError, match=r"process 4120 of container 3135e4dff0d2"):
        locate(INIT, CONTAINER, tmp_path)


def test_a_version_2_cgroup_without_controllers_tells_cpu_and_pressure(tmp_path: Path) -> None:
    """Memory and throttling are missing, not zero, where the controllers are not enabled."""
    shutil.copytree(TREES / "v2-cgroupfs", tmp_path, dirs_exist_ok=True)
    cgroup = locate(INIT, CONTAINER, tmp_path)
    for name in ("memory.stat", "memory.current", "memory.events"):
        (cgroup.members / name).unlink()
    (cgroup.members / "cpu.stat").write_text("usage_usec 5000\nuser_usec 4000\nsystem_usec 1000\n")

    cpu = read_cpu(cgroup)

    assert cpu is not None
    assert (cpu.cpu_s, cpu.periods, cpu.throttled_s) == (0.005, None, None)
    assert read_memory(cgroup) == MemoryUsage(psi_memory_some_s=0.25)


def test_a_missing_hierarchy_is_said(tmp_path: Path) -> None:
    """Version 1 without any mounted controller cannot tell the members of a container."""
    shutil.copytree(TREES / "v1-systemd", tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "sys")

    with pytest.raises(SamplingError, match="no cgroup of container"):
        locate(INIT, CONTAINER, tmp_path)


def test_reading_what_may_not_be_read_is_not_taken_for_gone(tmp_path: Path) -> None:
    """Only the errors of something that has ended become None; others are raised."""
    assert read_file(str(tmp_path / "gone")) is None
    with pytest.raises(IsADirectoryError):
        read_file(str(tmp_path))
