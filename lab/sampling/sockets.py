"""The sockets of processes, as the kernel tells them: who has which open, where they listen, who is connected.

Sources: Documentation/networking/proc_net_tcp.rst of the kernel; man 5 proc_pid_fdinfo (the entries of epoll).
"""

import os
import re
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from lab.sampling.cgroups import read_file

TABLES = ("tcp", "tcp6")  # a listener on [::] accepts IPv4 as well, and its connections stand in the second one
LISTEN = "0A"
NO_OWNER = "0"  # as inode: half open, or closed and waiting
SOCKET = "socket:["
EPOLL = "anon_inode:[eventpoll]"
AWAITED = re.compile(r"\bino:([0-9a-f]+)")
WORD = 8  # digits of one, of which an address has one or four
NO_SOCKETS: frozenset[int] = frozenset()


class Sockets(NamedTuple):
    """Inodes of the sockets that a process has open, and of the files that its epoll instances wait for."""

    held: frozenset[int] = NO_SOCKETS
    awaited: frozenset[int] = NO_SOCKETS


class Listener(NamedTuple):
    """A socket that listens; ``address`` as the kernel prints it."""

    address: str
    port: int
    inode: int


class Client(NamedTuple):
    """The other end of a connection."""

    address: str
    port: int


def sockets_of(proc: Path, pid: int) -> Sockets:
    """The sockets of a process; none when it has ended. Raises PermissionError where it may not be looked at."""
    links = descriptors(proc, pid)
    told = (read_file(f"{proc}/{pid}/fdinfo/{number}") or "" for number, link in links.items() if link == EPOLL)
    return Sockets(
        held=frozenset(int(link[len(SOCKET) : -1]) for link in links.values() if link.startswith(SOCKET)),
        awaited=frozenset(int(inode, 16) for text in told for inode in AWAITED.findall(text)),
    )


def socket_inodes(proc: Path, pid: int) -> set[int]:
    """The sockets that a process has open, of whatever kind; none when it has ended. Raises PermissionError."""
    return {int(link[len(SOCKET) : -1]) for link in descriptors(proc, pid).values() if link.startswith(SOCKET)}


def descriptors(proc: Path, pid: int) -> dict[str, str]:
    """What a process has open, by the number of the descriptor; nothing when it has ended. Raises PermissionError."""
    directory = f"{proc}/{pid}/fd"
    try:
        numbers = os.listdir(directory)  # noqa: PTH208  hundreds of them at each reading: no Path objects here
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {number: _link(f"{directory}/{number}") for number in numbers}


def listening_ports(proc: Path, pid: int) -> dict[int, int]:
    """The port of every listening socket, by inode, as the network of ``pid`` has them."""
    return {each.inode: each.port for each in listeners(proc / str(pid) / "net")}


def listeners(net: Path) -> Iterator[Listener]:
    """Every listening socket in the tables of a network."""
    for name in TABLES:
        for line in (read_file(f"{net}/{name}") or "").splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
            if state == LISTEN:
                address, _, port = local.rpartition(":")
                yield Listener(address, int(port, 16), int(inode))


def clients(proc: Path, pid: int, port: int) -> dict[int, Client]:
    """The client of every connection to the local ``port``, by inode, as the network of ``pid`` has them."""
    found = {}
    ending = f":{port:04X}"
    for name in TABLES:
        for line in (read_file(f"{proc}/{pid}/net/{name}") or "").splitlines():
            if ending in line:
                _, local, remote, state, _, _, _, _, _, inode, *_ = line.split()
                if local.endswith(ending) and state != LISTEN and inode != NO_OWNER:
                    address, _, client_port = remote.rpartition(":")
                    found[int(inode)] = Client(_address(address), int(client_port, 16))
    return found


def _address(told: str) -> str:
    """An address as the kernel prints it, word by word in this machine's order; IPv4 over a socket of IPv6 is IPv4."""
    words = (int(told[at : at + WORD], 16) for at in range(0, len(told), WORD))
    found = ip_address(struct.pack(f"={len(told) // WORD}I", *words))
    return str(getattr(found, "ipv4_mapped", None) or found)


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  as above
    except (FileNotFoundError, ProcessLookupError):  # closed since it was listed, or the process has ended
        return ""
