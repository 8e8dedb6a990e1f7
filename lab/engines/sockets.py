"""Which process owns a connection: identifies the server for any image, without a header of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import RightsError
from lab.sampling.connections import client_ports
from lab.sampling.process_view import Look, look

PROC = Path("/proc")


def owner_pids(server_port: int, pids: Sequence[int], look: Look = look) -> Mapping[int, int]:
    """Client's port → which of ``pids``, all of one network, holds the server's end; open connections only.

    Raises RightsError where the processes may not be looked at.
    """
    if not pids:
        return {}
    table = client_ports(PROC, pids[0], server_port)
    try:
        seen = look(pids)
    except RightsError:
        raise RightsError(
            "the lab may not read the descriptors of the app's processes, and its answers do not say who served them",
            "run the lab as root, give its Python CAP_SYS_PTRACE, or let the app send a header X-Served-By",
        ) from None
    return {table[inode]: pid for pid in pids if pid in seen for inode in seen[pid].sockets & table.keys()}
