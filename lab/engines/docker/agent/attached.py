"""The standard streams of a container, attached through the engine's API: a unix socket, TCP, TLS or SSH alike."""

import errno
import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from docker.models.containers import Container

T = TypeVar("T")
HEADER = 8  # bytes before each piece: which stream, three zeros, its length (Docker Engine API, ContainerAttach)
SEND_S = 120  # an agent that has taken nothing for so long is not waited for: as for an answer of the engine itself


class Secured:
    """A connection over TLS, on which one thread listens while others speak: OpenSSL takes one at a time."""

    def __init__(self, found: ssl.SSLSocket) -> None:
        self._socket = found
        self._socket.setblocking(False)
        self._using, self._speaking = threading.Lock(), threading.Lock()
        self.shutdown, self.close = found.shutdown, found.close

    def recv(self, size: int) -> bytes:
        """What has come, waited for without keeping others from speaking; empty when nothing will come any more."""
        return self._done(partial(self._socket.recv, size))

    def sendall(self, data: bytes) -> None:
        """Say all of it, and nothing else in between."""
        left = memoryview(data)
        with self._speaking:
            while left:
                left = left[self._done(partial(self._socket.send, left), SEND_S) :]

    def _done(self, use: Callable[[], T], within_s: float | None = None) -> T:
        while True:
            try:
                with self._using:
                    return use()
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, within_s)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, within_s)

    def _wait(self, event: int, within_s: float | None) -> None:
        waiting = select.poll()
        try:
            waiting.register(self._socket, event)
        except ValueError:  # it was closed by another thread
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
        if not waiting.poll(None if within_s is None else 1000 * within_s):
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


class Attached:
    """Attached to a container that has not started yet, so that nothing is missed.

    Its standard input ends with this connection: when the lab dies, the engine closes both.
    """

    def __init__(self, container: Container) -> None:
        self._held = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        found: Any = getattr(self._held, "_sock", self._held)
        found.settimeout(None)  # the SDK's is for answers, and an agent may have nothing to say for long
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SEND_S, 0))  # the kernel's limit
        self._socket: Any = Secured(found) if isinstance(found, ssl.SSLSocket) else found

    def read(self) -> bytes:
        """The next piece; empty when nothing will come any more."""
        header = self._exactly(HEADER)
        return self._exactly(int.from_bytes(header[4:])) if header else b""

    def write(self, data: bytes) -> None:
        """Say something. Raises OSError when nobody hears it."""
        self._socket.sendall(data)

    def close(self) -> None:
        """End the container's standard input; a thread that reads finds the end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._held.close()
        self._socket.close()  # the SDK's object only borrows it

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            if not (received := self._socket.recv(size - len(found))):
                return b""
            found += received
        return bytes(found)
