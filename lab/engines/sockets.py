"""Which process owns a connection: identifies the server for any image, without a header of ours."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def owner_pid(server_port: int, client_port: int, pids: Iterable[int]) -> int | None:
    """Which of ``pids`` holds the server's end of the connection from ``client_port``; None when none does.

    The connection must be open. Reading other users' descriptors needs root; psutil then raises AccessDenied.
    """
    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections(kind="tcp4")
        except psutil.NoSuchProcess:
            continue
        for connection in connections:
            if connection.raddr and connection.laddr.port == server_port and connection.raddr.port == client_port:
                return pid
    return None
