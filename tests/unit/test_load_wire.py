"""The instants of a request come from its socket: not from when the client library began, nor from when it read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from time import perf_counter, sleep
from typing import Any

import gevent.socket
import pytest
from gevent import getcurrent, spawn

from lab.load.inside.journal import Request
from lab.load.inside.recording import ARRIVAL
from lab.load.inside.socket_times import done_s, expect, expected, watch_sockets

BUSY_S = 0.2
STAMPED_WITHIN_S = BUSY_S / 2  # after it was sent, on a busy machine
STAMPS_WITHIN_S = 20.0


class Watched(gevent.socket.socket):  # type: ignore[misc]  # gevent has no types here
    """A socket class of our own, so that the test changes nobody else's."""


watch_sockets(Watched)


def request_of(sent_s: float = 0.0, **changes: Any) -> Request:
    """A request that its client began at ``sent_s``."""
    return Request(None, ARRIVAL, nan, sent_s, **changes)


@contextmanager
def connection() -> Iterator[tuple[Any, socket.socket]]:
    """A watched client connected to a server that this test plays."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Watched(socket.AF_INET, socket.SOCK_STREAM)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server, client:
            yield client, server


@pytest.fixture(scope="module", autouse=True)
def _the_kernel_stamps() -> Iterator[None]:
    """It begins to stamp some time after the first socket has asked, and goes on while one that asked is open."""
    request = request_of()
    expect(request)
    give_up_at = perf_counter() + STAMPS_WITHIN_S
    with connection() as (client, server):
        while not isinstance(request.received, bytes):
            assert perf_counter() < give_up_at
            server.sendall(b".")
            client.recv(1)
            sleep(0.01)
        del getcurrent().lab_on_wire
        yield


@pytest.fixture(autouse=True)
def nothing_expected() -> Iterator[None]:
    """Every test begins and ends in a greenlet that makes no request."""
    yield
    if expected():
        del getcurrent().lab_on_wire


def be_busy() -> float:
    """Compute for a while, as another lane may; returns when it was over."""
    began_s = perf_counter()
    while (now_s := perf_counter()) - began_s < BUSY_S:
        pass
    return now_s


def test_a_request_leaves_when_it_is_sent() -> None:
    """What the client does before belongs to no service time; what it sends later moves nothing."""
    request = request_of(perf_counter())
    expect(request)
    with connection() as (client, server):
        request.left = False  # as on a connection that was kept alive
        ready_s = be_busy()
        client.sendall(b"GET")
        after_s = perf_counter()
        server.recv(100)
        assert ready_s <= request.sent_s <= after_s
        client.sendall(b"more")
        assert request.sent_s <= after_s


def test_a_new_connection_is_a_part_of_the_request() -> None:
    """Then it leaves when connecting begins: the handshake is the server's business."""
    began_s = perf_counter()
    request = request_of(began_s)
    expect(request)
    with connection() as (client, server):
        connected_s = perf_counter()
        be_busy()
        client.sendall(b"GET")
        server.recv(100)
    assert began_s <= request.sent_s < connected_s


@pytest.mark.parametrize("into", [False, True], ids=["recv", "recv_into"])
def test_an_answer_that_is_read_late_came_when_it_came(into: bool) -> None:
    """The kernel's stamp counts: 200 ms of another lane's work are not the server's."""
    request = request_of()
    expect(request)
    with connection() as (client, server):
        client.sendall(b"GET")
        server.recv(100)
        server.sendall(b"200")
        answered_s = perf_counter()
        be_busy()
        buffer = bytearray(10)
        got = bytes(buffer[: client.recv_into(buffer)]) if into else client.recv(10)
        read_s = perf_counter()

    assert got == b"200"
    assert request.sent_s <= done_s(request, read_s) <= answered_s + STAMPED_WITHIN_S


def test_the_last_part_of_an_answer_counts() -> None:
    """An answer in two parts is there when the second one is."""
    request = request_of()
    expect(request)
    with connection() as (client, server):
        server.sendall(b"one")
        client.recv(10)
        between_s = be_busy()
        server.sendall(b"two")
        client.recv(10)
    assert done_s(request, perf_counter()) >= between_s - BUSY_S / 100


def test_a_connection_that_others_made_has_no_stamp_and_is_timed_when_it_is_read() -> None:
    """Nothing is asked of a socket that was made outside a request; its reads still have an instant."""
    with connection() as (client, server):
        request = request_of(perf_counter())
        expect(request)
        server.sendall(b"200")
        read_s = be_busy()
        client.recv(10)
    assert done_s(request, perf_counter()) >= read_s


def test_without_a_request_a_socket_is_as_it_was() -> None:
    """A locustfile's own connections work and touch no request."""
    request = request_of()
    expect(request)

    def other_greenlet() -> bytes:
        with connection() as (client, server):
            client.sendall(b"SELECT 1")
            server.sendall(server.recv(100))
            return bytes(client.recv(100))

    assert spawn(other_greenlet).get() == b"SELECT 1"
    assert not request.left
    assert done_s(request, 5.0) == 5.0


@pytest.mark.parametrize(
    ("received", "done"),
    [(1.5, 1.5), (nan, 2.0), (2.5, 2.0), (0.5, 2.0)],
    ids=["plain", "no socket told", "received after the client was done", "before it was sent"],
)
def test_an_instant_that_cannot_be_is_not_used(received: float, done: float) -> None:
    """Encrypted connections, a later read by the same greenlet, a wall clock that was set: the client's own word."""
    assert done_s(request_of(1.0, received=received), 2.0) == done
