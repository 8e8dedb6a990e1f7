"""Whether a sidecar answers: on a real socket of this machine, and by a call that crosses into an agent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from lab.agent.calls import call_of, carry_out
from lab.engines.readiness import answers
from lab.scenario.beside import parse_ready


class Handler(BaseHTTPRequestHandler):
    """Well at /health, not at /ill."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Not to standard error."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("condition", "well"), [("tcp:{}", True), ("http:{}/health", True), ("http:{}/ill", False)])
def test_a_port_or_an_answer_tells(port: int, condition: str, well: bool) -> None:
    """A bad status is not ready."""
    assert answers("127.0.0.1", parse_ready(condition.format(port))) is well


def test_nobody_there_is_not_ready() -> None:
    """Neither is a port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert not answers("127.0.0.1", parse_ready(f"tcp:{port}"))
        assert not answers("127.0.0.1", parse_ready(f"http:{port}/"))


def test_an_agent_can_be_asked(port: int) -> None:
    """The question and its answer are plain values."""
    assert carry_out(call_of(answers, ("127.0.0.1", parse_ready(f"tcp:{port}")))) is True
