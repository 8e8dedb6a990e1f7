"""Cgroups, version 1 and 2: which processes a container has, and what the kernel accounts to it.

Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/{memory,cpuacct}.rst of the kernel.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from lab.errors import SamplingError

CGROUPS = Path("sys/fs/cgroup")
MEMBER_CONTROLLERS = ("memory", "pids", "cpuacct", "cpu", "name=systemd")  # any hierarchy knows the members
NS = 1e-9
US = 1e-6
# A path, a process or a cgroup that is no longer there; a file whose subject the kernel does not account.
GONE = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EOPNOTSUPP)
LEAF_LINKS = 2  # a directory without sub-directories: "." and its name in the parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """The places of one container's cgroup; under version 2 all directories are the same, and ``cpuacct`` is None."""

    version: int
    members: Path
    memory: Path | None
    cpu: Path | None
    cpuacct: Path | None

    def parent(self) -> Cgroup:
        """The cgroup above: what containers with a pooled budget share."""
        up = {name: path.parent for name in ("memory", "cpu", "cpuacct") if (path := getattr(self, name)) is not None}
        return replace(self, members=self.members.parent, **up)


class CpuUsage(NamedTuple):
    """Cumulative; None where the kernel counts no periods (version 2 without the cpu controller)."""

    cpu_s: float
    periods: int | None
    throttled_periods: int | None
    throttled_s: float | None


class MemoryUsage(NamedTuple):
    """Current bytes, cumulative counters; None where this kernel or this cgroup does not account it.

    ``limit_hits``: how often an allocation met the limit; ``psi_memory_some_s``: how long some task waited for memory.
    """

    anon_bytes: int | None = None
    file_bytes: int | None = None
    usage_bytes: int | None = None
    oom_kills: int | None = None
    limit_hits: int | None = None
    psi_memory_some_s: float | None = None


def cgroup_version(root: Path = Path("/")) -> int:
    """2 when the unified hierarchy is the one in use, 1 otherwise (also when it is only mounted beside version 1)."""
    return 2 if (root / CGROUPS / "cgroup.controllers").exists() else 1


def locate(pid: int, container_id: str, root: Path = Path("/")) -> Cgroup:
    """The cgroup of the container whose first process is ``pid``. Raises SamplingError when that has ended.

    A process may sit below its container's own cgroup (an init system, Docker in Docker): the path is cut after the
    part that names the container. That part is ``<id>`` under the cgroupfs driver, ``docker-<id>.scope`` under systemd.
    """
    try:
        lines = (root / "proc" / str(pid) / "cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        raise SamplingError(
            f"process {pid} of container {container_id[:12]} ended before sampling began", "see the container's log"
        ) from None
    paths = {controllers: _cut(path, container_id) for _, controllers, path in (line.split(":", 2) for line in lines)}
    if cgroup_version(root) == 2:
        directory = root / CGROUPS / paths[""].lstrip("/")
        return Cgroup(version=2, members=directory, memory=directory, cpu=directory, cpuacct=None)
    found = dict(_version_1_directories(paths, root))
    members = next((found[controller] for controller in MEMBER_CONTROLLERS if controller in found), None)
    if members is None:
        raise SamplingError(
            f"no cgroup of container {container_id[:12]} under {root / CGROUPS}", "mount the cgroup hierarchies there"
        )
    return Cgroup(
        version=1, members=members, memory=found.get("memory"), cpu=found.get("cpu"), cpuacct=found.get("cpuacct")
    )


def _cut(path: str, container_id: str) -> str:
    parts = path.split("/")
    named = [index for index, part in enumerate(parts) if container_id and container_id in part]
    return "/".join(parts[: named[0] + 1]) if named else path


def _version_1_directories(paths: Mapping[str, str], root: Path) -> Iterator[tuple[str, Path]]:
    for controllers, path in paths.items():
        for controller in filter(None, controllers.split(",")):
            # systemd mounts "cpu,cpuacct" together, with links from the single names that not every image keeps
            for mount in (controller.removeprefix("name="), controllers):
                directory = root / CGROUPS / mount / path.lstrip("/")
                if directory.is_dir():
                    yield controller, directory
                    break


def member_pids(cgroup: Cgroup) -> list[int]:
    """The pids in the cgroup and in those below it; empty when it is gone."""
    return list(_member_pids(str(cgroup.members)))


def _member_pids(directory: str) -> Iterator[int]:
    text = read_file(f"{directory}/cgroup.procs")
    if text is None:
        return
    yield from map(int, text.split())
    try:
        if os.stat(directory).st_nlink == LEAF_LINKS:  # noqa: PTH116  per reading and container: no Path objects here
            return
        below = [entry.path for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        if error.errno in GONE:
            return
        raise
    for path in below:
        yield from _member_pids(path)


def read_cpu(cgroup: Cgroup) -> CpuUsage | None:
    """CPU accounted to the cgroup; None when the cgroup is gone, which it is while its container is down."""
    stat = _table(cgroup.cpu, "cpu.stat")
    if cgroup.version == 2:
        usage, unit, throttled = stat.get("usage_usec"), US, stat.get("throttled_usec")
    else:
        usage, unit, throttled = _number(cgroup.cpuacct, "cpuacct.usage"), NS, stat.get("throttled_time")
    if usage is None:
        return None
    return CpuUsage(
        cpu_s=usage * unit,
        periods=stat.get("nr_periods"),
        throttled_periods=stat.get("nr_throttled"),
        throttled_s=None if throttled is None else throttled * unit,
    )


def read_memory(cgroup: Cgroup) -> MemoryUsage:
    """Memory accounted to the cgroup and to those below it."""
    stat = _table(cgroup.memory, "memory.stat")
    if cgroup.version == 2:
        events = _table(cgroup.memory, "memory.events")
        return MemoryUsage(
            anon_bytes=stat.get("anon"),
            file_bytes=stat.get("file"),
            usage_bytes=_number(cgroup.memory, "memory.current"),
            oom_kills=events.get("oom_kill"),
            limit_hits=events.get("max"),
            psi_memory_some_s=_pressure_s(cgroup.memory),
        )
    return MemoryUsage(
        anon_bytes=stat.get("total_rss", stat.get("rss")),
        file_bytes=stat.get("total_cache", stat.get("cache")),
        usage_bytes=_number(cgroup.memory, "memory.usage_in_bytes"),
        oom_kills=_table(cgroup.memory, "memory.oom_control").get("oom_kill"),
        limit_hits=_hits(cgroup.memory),
    )


def read_major_faults(cgroup: Cgroup) -> int | None:
    """How often its processes waited for a page of a mapped file, or of swap, to be read; None if nobody counts."""
    stat = _table(cgroup.memory, "memory.stat")
    return stat.get("total_pgmajfault", stat.get("pgmajfault"))  # version 1 keeps the cgroups below in the former


def read_refaults(cgroup: Cgroup) -> int | None:
    """How many pages of files were read again, having been dropped for want of memory; None if nobody counts.

    Linux 5.9 has divided the counter into those of files and of anonymous memory.
    """
    stat = _table(cgroup.memory, "memory.stat")
    names = [f"{below}workingset_refault{kind}" for kind in ("_file", "") for below in ("total_", "")]
    return next((stat[name] for name in names if name in stat), None)


def _hits(directory: Path | None) -> int | None:
    """Of memory and of memory with swap: where both have one limit, it is the latter's that is met first."""
    found = [_number(directory, name) for name in ("memory.failcnt", "memory.memsw.failcnt")]
    known = [hits for hits in found if hits is not None]
    return sum(known) if known else None


def _pressure_s(directory: Path | None) -> float | None:
    """None where the kernel was built or started without pressure of cgroups."""
    return pressure_s(read_file(f"{directory}/memory.pressure") if directory else None)


def pressure_s(text: str | None) -> float | None:
    """Cumulative seconds in which some task waited, from a pressure file (Documentation/accounting/psi.rst)."""
    if text is None:
        return None
    some = next((line for line in text.splitlines() if line.startswith("some ")), None)
    return None if some is None else int(some.rpartition("total=")[2]) * US


def _number(directory: Path | None, name: str) -> int | None:
    text = read_file(f"{directory}/{name}") if directory else None
    return None if text is None else int(text)


def _table(directory: Path | None, name: str) -> dict[str, int]:
    """A file of "key value" lines; empty when it is missing."""
    text = read_file(f"{directory}/{name}") if directory else None
    words = (text or "").split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def read_file(path: str) -> str | None:
    """A small file of the kernel's as text, None when what it describes is gone or not there on this kernel.

    A process or a cgroup may end between any two system calls: opening fails then, or reading what was opened before.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            chunks = []
            while chunk := os.read(descriptor, 65536):
                chunks.append(chunk)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in GONE:
            return None
        raise
    return b"".join(chunks).decode(errors="replace")
