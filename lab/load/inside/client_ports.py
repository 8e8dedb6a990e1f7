"""Which connection carried a request: the client's own port of it, noted inside the two HTTP clients that Locust has.

A port is all that has to be known here: the sampler sees which process holds the other end.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from lab.load.inside.socket_times import expected


def note_client_ports(base_url: str, pool: Any, connection: Any) -> None:
    """From now on a request to ``base_url`` knows the client's port of the last connection that it used.

    ``pool`` is geventhttpclient's ConnectionPool, ``connection`` urllib3's HTTPConnection. A request to another server
    has no port: its connection may have the same one as a connection to the app.
    """
    server = urlsplit(base_url).port
    take, answer = pool.get_socket, connection.getresponse

    def taken(self: Any) -> Any:
        sock = take(self)
        _note(sock, server)
        return sock

    def answered(self: Any) -> Any:
        _note(self.sock, server)
        return answer(self)

    pool.get_socket, connection.getresponse = taken, answered


def _note(sock: Any, server: int | None) -> None:
    request = expected()
    if request is None:
        return
    try:
        peer = sock.getpeername()[1]
    except OSError:  # reset already: the client sends the request on another connection, or it fails
        return
    request.client_port = sock.getsockname()[1] if peer == server else 0
