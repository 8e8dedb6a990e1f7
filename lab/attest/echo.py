"""A server that tells what reached it: what a front lets pass is seen by asking it behind the front, and directly."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from lab.plan.topology import Endpoint
from lab.scenario.network import LOOPBACK

LARGE = 60_000  # bytes of a header or a query; Python's own client and server take lines of 64 KiB
HELD_S = 2.0  # between two events: a front that buffers gives both, or nothing before the second
CHUNK = 1024**2
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


class Echo(BaseHTTPRequestHandler):
    """Answers every method on every path with a JSON object: method, target, headers, bytes of body, client's port."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer comes in two writes, which must not wait for each other
    released: threading.Event

    def answer(self) -> None:
        """The answer that the path asks for."""
        size = self._read_body()
        target = self._target()
        match target.partition("?")[0]:
            case "/upgrade":
                self._upgrade()
            case "/events":
                self._events()
            case "/release":
                self.released.set()
                self._tell({})
            case "/204" | "/304" as path:
                self.send_response(int(path[1:]))
                self.end_headers()
            case _ if self.request_version != "HTTP/1.0" and "Host" not in self.headers:
                self.send_error(400)  # RFC 9112, section 3.2: a front must not make HTTP/1.1 of what has no Host
            case path:
                seen = {
                    "method": self.command,
                    "target": target,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "size": size,
                    "port": self.client_address[1],
                }
                self._tell(seen, large=path == "/large")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_TRACE = answer  # noqa: N815  named by the library

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _target(self) -> str:
        """The target of the request as it came, an absolute one without scheme and host (RFC 9112, section 3.2.2)."""
        words = self.requestline.split()
        target = words[1] if len(words) > 1 else ""
        if "://" not in target.partition("?")[0]:
            return target
        parts = urlsplit(target)
        return parts._replace(scheme="", netloc="").geturl()

    def _read_body(self) -> int:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._skip(int(self.headers.get("Content-Length") or 0))
        size = 0
        while length := int(self.rfile.readline(), 16):
            size += self._skip(length)
            self.rfile.readline()
        self.rfile.readline()
        return size

    def _skip(self, length: int) -> int:
        left = length
        while left and (data := self.rfile.read(min(left, CHUNK))):
            left -= len(data)
        return length - left

    def _tell(self, seen: object, *, large: bool = False) -> None:
        body = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if large:
            self.send_header("X-Large", "x" * LARGE)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _upgrade(self) -> None:
        """Become a WebSocket and send back what comes, frame or not."""
        key = self.headers.get("Sec-WebSocket-Key")
        if self.headers.get("Upgrade", "").lower() != "websocket" or key is None:
            self._tell({})
            return
        accepted = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_GUID, usedforsecurity=False).digest())
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accepted.decode())
        self.end_headers()
        self.close_connection = True
        while data := self.connection.recv(CHUNK):
            self.connection.sendall(data)

    def _events(self) -> None:
        """Two server-sent events, the second when the client has said that it has the first, or HELD_S later."""
        self.released.clear()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        chunked = self.request_version != "HTTP/1.0"
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")))
        self.end_headers()
        for event in (b"data: first\n\n", b"data: second\n\n"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)
            self.released.wait(HELD_S)
        self.wfile.write(b"0\r\n\r\n" if chunked else b"")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what a probe of a failing front does."""


@contextmanager
def echo_server(port: int, address: str = LOOPBACK) -> Iterator[Endpoint]:
    """The server in a thread of this process, on this address alone; it is gone when this ends."""
    handler = type("Handler", (Echo,), {"released": threading.Event()})
    with _Server((address, port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Endpoint(port=server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


_STANDING = ExitStack()


def begin_echo(address: str) -> int:
    """The same from one call of a process to a later one; gives the port that the system has chosen."""
    return _STANDING.enter_context(echo_server(0, address)).port


def end_echo() -> None:
    """End what ``begin_echo`` began."""
    _STANDING.close()
