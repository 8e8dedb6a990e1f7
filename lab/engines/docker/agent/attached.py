"""The standard streams of a container, attached through the engine's API: a unix socket, TCP, TLS or SSH alike."""

import socket
from contextlib import suppress
from typing import Any

from docker.models.containers import Container

HEADER = 8  # bytes before each piece: which stream, three zeros, its length (Docker Engine API, ContainerAttach)


class Attached:
    """Attached to a container that has not started yet, so that nothing is missed.

    Its standard input ends with this connection: when the lab dies, the engine closes both.
    """

    def __init__(self, container: Container) -> None:
        self._held = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        self._socket: Any = getattr(self._held, "_sock", self._held)
        self._socket.settimeout(None)  # the SDK's is for answers, and an agent may have nothing to say for long

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
