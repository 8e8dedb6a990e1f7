"""Connections to an engine by TCP that notice a machine which is gone: an answer may take long, a packet may not."""

import socket
from typing import Any

import docker
from requests import Response
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

BY_TCP = ("tcp://", "http://", "https://")
PATIENCE_S = 20  # without a sign of the other machine
PROBE_S = 5
OPTIONS = {  # by name: not every system has all of them
    "TCP_KEEPIDLE": PROBE_S,
    "TCP_KEEPINTVL": PROBE_S,
    "TCP_KEEPCNT": PATIENCE_S // PROBE_S - 1,
    "TCP_USER_TIMEOUT": PATIENCE_S * 1000,
}


class Watched(HTTPAdapter):
    """As requests has it, with connections that are probed while nothing is said."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """As there."""
        probed = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        known = [(getattr(socket, name), value) for name, value in OPTIONS.items() if hasattr(socket, name)]
        probed += [(socket.IPPROTO_TCP, option, value) for option, value in known]
        super().init_poolmanager(*args, **more, socket_options=[*HTTPConnection.default_socket_options, *probed])

    def send(self, *args: Any, **more: Any) -> Response:
        """As there, but a machine that takes no connection is given up sooner than one that is slow to answer."""
        return super().send(*args, **{**more, "timeout": (PATIENCE_S, more.get("timeout"))})


def watch(client: docker.DockerClient, connections: int) -> None:
    """Have a client by TCP give up a machine that is gone; one by a socket of this machine stays as it is."""
    for scheme in ("http://", "https://"):
        if scheme in client.api.adapters:
            client.api.mount(scheme, Watched(pool_maxsize=connections))
