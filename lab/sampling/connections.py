"""Tell which process holds a client's connection: it attributes requests without a header of ours (METHOD 1.7).

Source: Documentation/networking/proc_net_tcp.rst of the kernel.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lab.plan.kinds import Role
from lab.record.schema import ConnectionRow
from lab.sampling.arm_processes import Member
from lab.sampling.cgroups import read_file

TABLES = ("tcp", "tcp6")  # a listener on [::] accepts IPv4 as well, and its connections stand in the second one
LISTEN = "0A"
NO_OWNER = "0"  # as inode: half open, or closed and waiting
SOCKET = "socket:["


class Connections:
    """The clients' connections to one port of one service, by the process that holds the server's end.

    The kernel's table of connections takes it 5 ms to write, whatever is in it, so it is read only when a process
    holds a socket that was not there before: with keep-alive connections hardly ever.
    """

    def __init__(self, port: int, service: str, proc: Path) -> None:
        self._port = port
        self._service = service
        self._proc = proc
        self._client_ports: dict[int, int | None] = {}

    def rows(self, members: Sequence[Member], t_s: float, *, look_again: bool) -> list[ConnectionRow]:
        """A row for each connection that exactly one member holds; ``look_again``: believe nothing of before.

        A socket in two processes, inherited or on its way from one to the other, says nothing about who serves.
        """
        held = [
            (member, inode)
            for member in members
            if member.service == self._service and member.role is not Role.PLATFORM
            for inode in socket_inodes(self._proc, member.info.pid)
        ]
        holders = Counter(inode for _, inode in held)
        if held and (look_again or holders.keys() - self._client_ports.keys()):
            # The processes of a service share a network, and its table of connections.
            table = client_ports(self._proc, held[0][0].info.pid, self._port)
            self._client_ports = {inode: table.get(inode) for inode in holders}
        return [
            ConnectionRow(t_s=t_s, client_port=client_port, pid=member.info.pid, service=member.service)
            for member, inode in held
            if holders[inode] == 1 and (client_port := self._client_ports[inode]) is not None
        ]


def socket_inodes(proc: Path, pid: int) -> set[int]:
    """The sockets that a process has open, of whatever kind; none when it has ended. Raises PermissionError."""
    directory = f"{proc}/{pid}/fd"
    try:
        descriptors = os.listdir(directory)  # noqa: PTH208  hundreds of them at each reading: no Path objects here
    except (FileNotFoundError, ProcessLookupError):
        return set()
    links = (_link(f"{directory}/{descriptor}") for descriptor in descriptors)
    return {int(link[len(SOCKET) : -1]) for link in links if link.startswith(SOCKET)}


def listening_ports(proc: Path, pid: int) -> dict[int, int]:
    """The port of every listening socket, by inode, as the network of ``pid`` has them."""
    found = {}
    for name in TABLES:
        for line in (read_file(f"{proc}/{pid}/net/{name}") or "").splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
            if state == LISTEN:
                found[int(inode)] = int(local.rpartition(":")[2], 16)
    return found


def client_ports(proc: Path, pid: int, port: int) -> dict[int, int]:
    """The client's port of every connection to the local ``port``, by inode, as the network of ``pid`` has them."""
    found = {}
    ending = f":{port:04X}"
    for name in TABLES:
        for line in (read_file(f"{proc}/{pid}/net/{name}") or "").splitlines():
            if ending in line:
                _, local, remote, state, _, _, _, _, _, inode, *_ = line.split()
                if local.endswith(ending) and state != LISTEN and inode != NO_OWNER:
                    found[int(inode)] = int(remote.rpartition(":")[2], 16)
    return found


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  as above
    except FileNotFoundError:  # closed since it was listed
        return ""
