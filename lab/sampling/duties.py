"""Tell what processes do at the listening sockets of their service: nothing, hold one, or accept at one."""

from collections.abc import Collection
from pathlib import Path

from lab.sampling.roles import Duty
from lab.sampling.sockets import NO_SOCKETS, Sockets, listening_ports, sockets_of


def duty_of(sockets: Sockets, listening: Collection[int]) -> Duty:
    """What a process with these sockets does; ``listening``: inodes of the sockets on which its service listens."""
    held = sockets.held.intersection(listening)
    if not held:
        return Duty.NONE
    return Duty.ACCEPTS if held & sockets.awaited else Duty.HOLDS


class Duties:
    """The duties of one service's processes, asked as seldom as can be: a process that accepts does so for good.

    ``ports``: on which the service listens, empty for any. The kernel's table of sockets takes it 5 ms to write; it is
    read only where a process holds a socket that was not there before.
    """

    def __init__(self, ports: Collection[int], proc: Path) -> None:
        self._ports = frozenset(ports)
        self._proc = proc
        self._listening: frozenset[int] = NO_SOCKETS
        self._others: set[int] = set()

    def of(self, pid: int, *, search: bool) -> Duty | None:
        """The duty of a process, None where nobody may look. ``search``: it may listen on a socket of its own."""
        try:
            sockets = sockets_of(self._proc, pid)
        except PermissionError:
            return None
        duty = duty_of(sockets, self._listening)
        if duty is Duty.NONE and (search or not self._listening) and sockets.held - self._others:
            self._find(pid)
            self._others |= sockets.held
            duty = duty_of(sockets, self._listening)
        return duty

    def _find(self, pid: int) -> None:
        found = listening_ports(self._proc, pid)
        self._listening = frozenset(inode for inode, port in found.items() if not self._ports or port in self._ports)
