"""Time the making of connections to the arm: a request that had to make one carries how long that took."""

from collections.abc import Callable
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from lab.load.inside.socket_times import expected

NO_TLS, FULL, RESUMED = range(3)  # how a new connection has been secured


def time_openings(base_url: str, pool: Any, *connections: Any) -> None:
    """From now on a request to ``base_url`` knows the last connection that was made for it.

    ``pool`` is geventhttpclient's ConnectionPool, ``connections`` are urllib3's HTTPConnection and HTTPSConnection.
    A name is looked up, TCP connects, and TLS shakes hands where the arm speaks it: none of it is in another figure.
    """
    server = urlsplit(base_url).port
    create = pool._create_socket

    def created(self: Any) -> Any:
        began_s = perf_counter()
        sock = create(self)
        _note(sock, perf_counter() - began_s, server)
        return sock

    pool._create_socket = created
    for connection in connections:
        connection.connect = _timed(connection.connect, server)


def _timed(connect: Callable[[Any], None], server: int | None) -> Callable[[Any], None]:
    def connected(self: Any) -> None:
        began_s = perf_counter()
        connect(self)
        _note(self.sock, perf_counter() - began_s, server)

    return connected


def _note(sock: Any, seconds: float, server: int | None) -> None:
    request = expected()
    if request is not None and _peer(sock) == server:
        resumed = getattr(sock, "session_reused", None)  # no socket without TLS has it
        request.opened_s, request.secured = seconds, NO_TLS if resumed is None else RESUMED if resumed else FULL


def _peer(sock: Any) -> int | None:
    try:
        port: int = sock.getpeername()[1]
    except OSError:
        return None  # reset already
    return port
