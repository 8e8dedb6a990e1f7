"""What the container platform runs for an arm: shims, port proxies, storage drivers; and the engine as a whole."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil

from lab.sampling.targets import SampleTarget

SHIM = "containerd-shim"
PORT_PROXY = "docker-proxy"
FUSE = "fuse-overlayfs"  # a storage driver that is a process for each mount
ENGINE_NAMES = ("dockerd", "containerd", SHIM, PORT_PROXY, FUSE)


class EngineProcess(NamedTuple):
    """A process of the container engine, whichever container it serves."""

    process: psutil.Process
    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerTraits:
    """By what a platform process's command line can be told to serve a container.

    ``addresses``: IPv4 addresses of its own network namespace, empty under host networking.
    ``root_mount``: the host's path of its root file system, empty when that is not to be seen.
    """

    service: str
    container_id: str
    addresses: frozenset[str]
    root_mount: str


def engine_processes() -> list[EngineProcess]:
    """Every living process of a container engine: one scan of all processes, some milliseconds."""
    found = []
    for process in psutil.process_iter():
        try:
            name = process.name()
            if name.startswith(ENGINE_NAMES):
                found.append(EngineProcess(process, name, tuple(process.cmdline())))
        except psutil.NoSuchProcess:
            continue
    return found


def serves(name: str, argv: Sequence[str], container: ContainerTraits) -> bool:
    """Whether an engine process works for this container: its shim, its port proxies, its root's storage driver."""
    if name.startswith(SHIM):
        return container.container_id in argv
    if name == PORT_PROXY:
        return "-container-ip" in argv and argv[argv.index("-container-ip") + 1] in container.addresses
    return name == FUSE and bool(container.root_mount) and container.root_mount in argv[-1:]


def traits(target: SampleTarget, proc: Path) -> ContainerTraits:
    """Look a container's marks up. Raises PermissionError where the lab may not read the container's processes."""
    init = proc / str(target.init_pid)
    own_network = (init / "ns" / "net").readlink() != (proc / "self" / "ns" / "net").readlink()
    return ContainerTraits(
        service=target.service,
        container_id=target.container_id,
        addresses=local_addresses((init / "net" / "fib_trie").read_text()) if own_network else frozenset(),
        root_mount=root_mount((init / "mountinfo").read_text(), (proc / "1" / "mountinfo").read_text()),
    )


def local_addresses(fib_trie: str) -> frozenset[str]:
    """The IPv4 addresses of a network namespace, from its /proc/PID/net/fib_trie, without loopback."""
    lines = fib_trie.splitlines()
    local = (above.split()[-1] for above, line in pairwise(lines) if "host LOCAL" in line)
    return frozenset(address for address in local if not address.startswith("127.") and _is_ipv4(address))


def _is_ipv4(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, text)
    except OSError:
        return False
    return True


def root_mount(container_mountinfo: str, host_mountinfo: str) -> str:
    """Where the host has mounted the container's root: the two share a device number. "" when it has not.

    Fields of mountinfo: id, parent, device, root, mount point, … (man 5 proc_pid_mountinfo).
    """
    device = next((line[2] for line in map(str.split, container_mountinfo.splitlines()) if line[4] == "/"), None)
    return next((line[4] for line in map(str.split, host_mountinfo.splitlines()) if line[2] == device), "")
