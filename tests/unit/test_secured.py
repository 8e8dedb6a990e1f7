"""A connection over TLS on which one thread listens while others speak."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from unittest.mock import Mock

import pytest

from lab.engines.docker.agent import attached
from lab.engines.docker.agent.attached import Attached, Secured
from tests.certificates import certificate

MANY = 200
PIECE = b"x" * 5000
DEADLINE_S = 60.0


@contextmanager
def connected() -> Iterator[tuple[Secured, ssl.SSLSocket]]:
    """Both ends of one."""
    trust, serving = certificate("localhost")
    asking = ssl.create_default_context(cadata=trust)
    asking.check_hostname = False
    ends = socket.socketpair()
    found: list[ssl.SSLSocket] = []

    def accept() -> None:
        found.append(serving.wrap_socket(ends[0], server_side=True))

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    near = asking.wrap_socket(ends[1])
    accepting.join(DEADLINE_S)
    secured, (far,) = Secured(near), found
    try:
        yield secured, far
    finally:
        for each in (near, far):
            each.close()


def received(of: Secured | ssl.SSLSocket, size: int) -> int:
    """How much has come of so many bytes, when all of them have or nothing will come any more."""
    got = 0
    while got < size and (piece := of.recv(65536)):
        got += len(piece)
    return got


def say(to: Secured | ssl.SSLSocket, times: int) -> None:
    for _ in range(times):
        to.sendall(PIECE)


def test_several_speak_while_one_listens() -> None:
    """Nothing is lost, and what one says is not cut by what another says."""
    size = MANY * len(PIECE)
    with connected() as (near, far):
        heard: list[int] = []
        listening = threading.Thread(target=lambda: heard.append(received(near, size)), daemon=True)
        answering = threading.Thread(target=say, args=(far, MANY), daemon=True)
        speaking = [threading.Thread(target=say, args=(near, MANY // 2), daemon=True) for _ in range(2)]
        threads = [listening, answering, *speaking]
        for thread in threads:
            thread.start()
        assert received(far, size) == size
        for thread in threads:
            thread.join(DEADLINE_S)
        assert heard == [size]


def test_an_agent_that_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process may be stopped; while the lab spoke, nobody else could."""
    monkeypatch.setattr(attached, "SEND_S", 1)
    with connected() as (near, _far), pytest.raises(TimeoutError):
        say(near, MANY)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Attached(Mock(attach_socket=lambda params: ours))
        with pytest.raises(BlockingIOError):
            stream.write(PIECE * MANY)


def test_whoever_listens_finds_the_end() -> None:
    """Of a connection that another thread ends, also where nothing has come."""
    with connected() as (near, _far):
        heard: list[bytes] = []

        def listen() -> None:
            with suppress(OSError):
                heard.append(near.recv(100))

        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        near.shutdown(socket.SHUT_RDWR)
        near.close()
        listening.join(DEADLINE_S)
        assert not listening.is_alive()
        assert heard in ([], [b""])
        with pytest.raises(OSError, match="Bad file descriptor"):
            near.sendall(b"x")
