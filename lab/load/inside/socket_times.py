"""Read from the sockets when a request left and its answer came: a client's own work is no service time.

A client first builds a request and in the end parses the answer: 0.2 to 0.5 ms of Python at a few hundred requests a
second, when caches are cold. And an answer that comes while another lane computes is read late. So connections made
for a request note when it left, and ask the kernel when the answer came (SO_TIMESTAMPNS, see socket(7)). Of what is
encrypted it cannot tell: in a run with TLS an answer has come when it was read, in every arm, or TLS would look slower
than it is. The closed model leaves a request with the client's own instants: it asks how much a load process can carry.
"""

import socket
import struct
from collections.abc import Callable
from time import perf_counter, time_ns
from typing import Any
from urllib.parse import urlsplit

from gevent import getcurrent

from lab.load.inside.journal import Request

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python has no name for it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_ATTRIBUTE = "lab_on_wire"


def expect(request: Request) -> None:
    """Take what this greenlet sends and receives from now on for ``request``."""
    setattr(getcurrent(), _ATTRIBUTE, request)


def expected() -> Request | None:
    """The request that this greenlet is making, or made last; None when it never made one."""
    request: Request | None = getattr(getcurrent(), _ATTRIBUTE, None)
    return request


def watch_sockets(socket_class: Any) -> None:
    """Let every plain socket of gevent note the instants of the request that its greenlet is making.

    Runs several times a request: what can wait until ``done_s`` waits.
    """
    connect, send, recv, recv_into = (getattr(socket_class, name) for name in ("connect", "send", "recv", "recv_into"))
    receive, receive_into = socket_class.recvmsg, socket_class.recvmsg_into

    def watched_connect(self: Any, address: Any) -> None:
        if request := expected():
            _leave(request)  # making a connection is a part of what the server is asked for
            self.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        connect(self, address)

    def watched_send(self: Any, *args: Any, **kwargs: Any) -> Any:
        if (request := expected()) and not request.left:
            _leave(request)  # before the call: the server may answer before this process runs again
        return send(self, *args, **kwargs)

    def watched_recv(self: Any, size: int, *flags: int) -> Any:
        if (request := expected()) is None:
            return recv(self, size, *flags)
        data, ancillary, _, _ = receive(self, size, _ANCILLARY_BYTES, *flags)  # nothing else was asked for
        request.received = ancillary[0][2] if ancillary else perf_counter()
        return data

    def watched_recv_into(self: Any, buffer: Any, size: int = 0, *flags: int) -> Any:
        if size or (request := expected()) is None:
            return recv_into(self, buffer, size, *flags)
        count, ancillary, _, _ = receive_into(self, [buffer], _ANCILLARY_BYTES, *flags)
        request.received = ancillary[0][2] if ancillary else perf_counter()
        return count

    socket_class.connect, socket_class.send = watched_connect, watched_send
    socket_class.recv, socket_class.recv_into = watched_recv, watched_recv_into


def watch_reads(*socket_classes: Any) -> None:
    """As ``watch_sockets``, for sockets of every kind (gevent's plain ones, and those of TLS): by the reading alone."""
    for socket_class in socket_classes:
        for name in ("connect", "send"):
            setattr(socket_class, name, _leaving(getattr(socket_class, name)))
        for name in ("recv", "recv_into"):
            setattr(socket_class, name, _receiving(getattr(socket_class, name)))


def _leaving(begin: Callable[..., Any]) -> Callable[..., Any]:
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        if request := expected():
            _leave(request)
        return begin(self, *args, **kwargs)

    return watched


def _receiving(receive: Callable[..., Any]) -> Callable[..., Any]:
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        received = receive(self, *args, **kwargs)
        if request := expected():
            request.received = perf_counter()
        return received

    return watched


def done_s(request: Request, understood_s: float) -> float:
    """Tell when the last byte of the answer came; ``understood_s`` is when the client had parsed it.

    What a greenlet receives after that is not this answer any more, and a wall clock that was set makes nonsense.
    """
    received = request.received
    received_s = _instant(received) if isinstance(received, bytes) else received
    return received_s if request.sent_s <= received_s <= understood_s else understood_s


def _leave(request: Request) -> None:
    if not request.left:
        request.left = True
        request.sent_s = perf_counter()


def _instant(stamp: bytes) -> float:
    """The kernel's stamp, which is of the wall clock, on the monotonic clock."""
    seconds, nanoseconds = _TIMESPEC.unpack(stamp)
    age_ns: int = time_ns() - seconds * 1_000_000_000 - nanoseconds
    return perf_counter() - age_ns * 1e-9


def note_client_ports(base_url: str, pool: Any, connection: Any, addresses: list[str]) -> None:
    """From now on a request to ``base_url`` knows the client's port of the last connection that it used.

    ``addresses``: gains those from which such connections were made. ``pool`` is geventhttpclient's ConnectionPool,
    ``connection`` urllib3's HTTPConnection. A request to another server has no port: its connection may have the same
    one as a connection to the app.
    """
    server = urlsplit(base_url).port
    take, answer = pool.get_socket, connection.getresponse

    def taken(self: Any) -> Any:
        sock = take(self)
        _note(sock, server, addresses)
        return sock

    def answered(self: Any) -> Any:
        _note(self.sock, server, addresses)
        return answer(self)

    pool.get_socket, connection.getresponse = taken, answered


def _note(sock: Any, server: int | None, addresses: list[str]) -> None:
    request = expected()
    if request is None:
        return
    try:
        peer = sock.getpeername()[1]
    except OSError:  # reset already: the client sends the request on another connection, or it fails
        return
    address, port, *_ = sock.getsockname()
    request.client_port = port if peer == server else 0
    if request.client_port and address not in addresses:
        addresses.append(address)
