"""Tell which process holds a client's connection: it attributes requests without a header of ours (METHOD 1.7)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lab.plan.kinds import Role
from lab.record.schema import ConnectionRow
from lab.sampling.arm_processes import Member
from lab.sampling.sockets import Client, clients, socket_inodes


class Connections:
    """The clients' connections to one port of one service, by the process that holds the server's end.

    The kernel's table of connections takes it 5 ms to write, whatever is in it, so it is read only when a process
    holds a socket that was not there before: with keep-alive connections hardly ever.
    """

    def __init__(self, port: int, service: str, proc: Path) -> None:
        self._port = port
        self._service = service
        self._proc = proc
        self._clients: dict[int, Client | None] = {}

    def rows(self, members: Sequence[Member], t_s: float, *, look_again: bool) -> list[ConnectionRow]:
        """A row for each connection that exactly one member holds; ``look_again``: believe nothing of before.

        A socket in two processes, inherited or on its way from one to the other, says nothing about who serves.
        """
        held = [
            (member, inode)
            for member in members
            if member.service == self._service and member.role is not Role.PLATFORM
            for inode in self._sockets_of(member)
        ]
        holders = Counter(inode for _, inode in held)
        if held and (look_again or holders.keys() - self._clients.keys()):
            # The processes of a service share a network, and its table of connections.
            table = clients(self._proc, held[0][0].info.pid, self._port)
            self._clients = {inode: table.get(inode) for inode in holders}
        return [
            ConnectionRow(
                t_s=t_s,
                client_port=client.port,
                pid=member.info.pid,
                service=member.service,
                client=client.address,
            )
            for member, inode in held
            if holders[inode] == 1 and (client := self._clients[inode]) is not None
        ]

    def _sockets_of(self, member: Member) -> set[int]:
        try:
            return socket_inodes(self._proc, member.info.pid)
        except PermissionError:  # rights were checked at the start: it is a zombie, whose folder belongs to root
            return set()
