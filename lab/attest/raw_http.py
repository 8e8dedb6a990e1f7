"""Send exact bytes to a server and read its answer: an HTTP client would send what it thinks is right."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from lab.engines.readiness import connection_to
from lab.plan.topology import Endpoint

TIMEOUT_S = 5.0
HOST = "shop.example:8443"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with its body, the names of its headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What the echo server saw of the request; empty where something else has answered."""
        try:
            seen = json.loads(self.body)
        except ValueError:
            return {}
        return seen if isinstance(seen, dict) else {}

    def told(self, key: str) -> str:
        """``"200 POST"``: the status and one thing that the echo server saw."""
        return f"{self.status} {self.seen.get(key, 'without an echo')}"


@contextmanager
def opened(at: Endpoint) -> Iterator[socket.socket]:
    """A connection of its own."""
    connection = connection_to(at, TIMEOUT_S)
    connection.connect()
    try:
        yield connection.sock
    finally:
        connection.close()


def exchange(
    on: socket.socket, method: str, target: str, *headers: str, body: bytes = b"", version: str = "1.1"
) -> Answer:
    """Send exactly these lines on a connection, read the answer."""
    lines = [f"{method} {target} HTTP/{version}", *([f"Host: {HOST}"] if version == "1.1" else []), *headers]
    if body and not any(line.startswith("Transfer-Encoding") for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    on.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return read(on, method)


def read(on: socket.socket, method: str) -> Answer:
    """The next answer on a connection."""
    response = HTTPResponse(on, method=method)
    response.begin()
    return Answer(
        status=response.status,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=response.read(),
    )


def ask(at: Endpoint, method: str, target: str, *headers: str, body: bytes = b"", version: str = "1.1") -> Answer:
    """``exchange`` on a connection of its own."""
    with opened(at) as connection:
        return exchange(connection, method, target, *headers, body=body, version=version)
