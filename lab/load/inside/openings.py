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
    url = urlsplit(base_url)
    server = url.hostname, url.port
    create = pool._create_socket

    def created(self: Any) -> Any:
        began_s = perf_counter()
        sock = create(self)
        if (self._request_host, self._request_port) == server:
            _note(sock, perf_counter() - began_s)
        return sock

    pool._create_socket = created
    for connection in connections:
        connection.connect = _timed(connection.connect, server)


def _timed(connect: Callable[[Any], None], server: tuple[str | None, int | None]) -> Callable[[Any], None]:
    def connected(self: Any) -> None:
        began_s = perf_counter()
        connect(self)
        if (self.host, self.port) == server:
            _note(self.sock, perf_counter() - began_s)

    return connected


def _note(sock: Any, seconds: float) -> None:
    if (request := expected()) is not None:
        resumed = getattr(sock, "session_reused", None)  # no socket without TLS has it
        request.opened_s, request.secured = seconds, NO_TLS if resumed is None else RESUMED if resumed else FULL
