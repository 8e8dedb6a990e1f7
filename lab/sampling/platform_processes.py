"""The processes that the container platform runs for an arm: shims, storage drivers, the engine as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from lab.sampling.plan import SampleTarget

SHIM = "containerd-shim"
FUSE = "fuse-overlayfs"  # a storage driver that is a process for each mount
ENGINE_NAMES = ("dockerd", "containerd", SHIM, "docker-proxy", FUSE)


class EngineProcess(NamedTuple):
    """A process of the container engine, whichever container it serves."""

    process: psutil.Process
    started_s: float
    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerTraits:
    """By what a platform process's command line can be told to serve a container.

    ``root_mount``: the host's path of its root file system, empty when that is not to be seen.
    """

    service: str
    container_id: str
    root_mount: str


def engine_processes() -> list[EngineProcess]:
    """Every living process of a container engine: one scan of all processes, some milliseconds."""
    found = []
    for process in psutil.process_iter():
        try:
            name = process.name()
            if name.startswith(ENGINE_NAMES):
                found.append(EngineProcess(process, process.create_time(), name, tuple(process.cmdline())))
        except psutil.NoSuchProcess:
            continue
    return found


def serves(name: str, argv: Sequence[str], container: ContainerTraits) -> bool:
    """Tell whether an engine process works for this container: its shim, its root's storage driver."""
    if name.startswith(SHIM):
        return container.container_id in argv
    return name == FUSE and bool(container.root_mount) and container.root_mount in argv[-1:]


def traits(target: SampleTarget, proc: Path) -> ContainerTraits:
    """Look a container's marks up. Raises PermissionError where the lab may not read the container's processes."""
    init = proc / str(target.init_pid)
    return ContainerTraits(
        service=target.service,
        container_id=target.container_id,
        root_mount=root_mount((init / "mountinfo").read_text(), (proc / "1" / "mountinfo").read_text()),
    )


def root_mount(container_mountinfo: str, host_mountinfo: str) -> str:
    """Tell where the host has mounted the container's root: the two share a device number. "" when it has not.

    Fields of mountinfo: id, parent, device, root, mount point, … (man 5 proc_pid_mountinfo).
    """
    device = next((line[2] for line in map(str.split, container_mountinfo.splitlines()) if line[4] == "/"), None)
    return next((line[4] for line in map(str.split, host_mountinfo.splitlines()) if line[2] == device), "")
