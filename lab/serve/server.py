"""HTTP on loopback: two methods that read, and only for who asks for this machine by name."""

import errno
import sys
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from lab.errors import MissingError
from lab.scenario.network import LOOPBACK
from lab.serve.pages import Reply, refused, reply_to
from lab.serve.runs import Runs

PATIENCE_S = 10.0  # for somebody who connects and does not ask
ONLY_READ = "Only GET and HEAD are answered: runs are read here, not changed."
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """The runs of a folder at ``url``. Raises MissingError (exit 4) when the port is another's."""

    daemon_threads = True  # nobody waits for a browser that keeps its connection

    def __init__(self, folder: Path, port: int) -> None:
        try:
            super().__init__((LOOPBACK, port), partial(Handler, Runs(folder)))
        except OSError as error:
            why = "another program has it" if error.errno == errno.EADDRINUSE else error.strerror
            raise MissingError(
                f"port {port} of {LOOPBACK}: {why}", "name another one with --port; --port 0 takes one that is free"
            ) from None

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called, as the base class does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away; anything else is a defect, and its traceback tells it."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection; what is asked is answered by ``lab.serve.pages``."""

    server: Server
    timeout = PATIENCE_S
    server_version, sys_version = "process-model-lab", ""

    def __init__(self, runs: Runs, *arguments: Any) -> None:
        self._runs = runs
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(self._found())

    def do_HEAD(self) -> None:
        """Answer with the headers of a page."""
        self._answer(self._found(), with_body=False)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not HTTP, or another method, as a page like all others."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._answer(refused(HTTPStatus.METHOD_NOT_ALLOWED, ONLY_READ))
        else:
            status = HTTPStatus(code)
            self._answer(refused(status, f"{message or explain or status.description}."))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: a list of requests is of no use to anybody."""

    def _found(self) -> Reply:
        """By Host: a page elsewhere can let a name of its own point here (DNS rebinding), and shall read nothing."""
        port = self.server.server_port
        if self.headers.get_all("Host", []) not in [
            [f"{name}:{port}".removesuffix(":80")] for name in (LOOPBACK, "localhost")
        ]:
            return refused(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"Ask for http://{LOOPBACK}:{port}/ or http://localhost:{port}/",
            )
        if not self.path.startswith("/") or self.path.startswith("//"):
            return refused(HTTPStatus.BAD_REQUEST, "The address cannot be read.")
        return reply_to(self._runs, self.path)

    def _answer(self, reply: Reply, *, with_body: bool = True) -> None:
        self.send_response(reply.status)
        for name, value in {**HEADERS, "Content-Security-Policy": reply.policy}.items():
            self.send_header(name, value)
        if reply.location:
            self.send_header("Location", reply.location)
        if reply.status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(reply.body)
