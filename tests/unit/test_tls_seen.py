"""TLS as clients see it: whom they trust, what is negotiated, what a new connection takes, when an answer came."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import gevent.socket
import gevent.ssl
import polars as pl
import pytest
from gevent import getcurrent

from lab.analysis.trial.latency import opening_values
from lab.attest.claims import failures
from lab.attest.outside import client_seen, negotiated
from lab.attest.transparency import FORGED
from lab.engines.readiness import probe_round
from lab.errors import DeploymentError
from lab.host.authority import make_certificate
from lab.load.inside.journal import Request
from lab.load.inside.openings import FULL, NO_TLS, RESUMED, time_openings
from lab.load.inside.recording import ARRIVAL
from lab.load.inside.socket_times import expect, watch_reads
from lab.load.inside.trust import trust_authority
from lab.plan.blocks import build_plan
from lab.plan.topology import Endpoint, Topology
from lab.run.drive import Scheduled
from lab.scenario.model import Scenario
from tests.builders import make_scenario
from tests.certificates import certificate, serving
from tests.fake_server import fake_server
from tests.load_runs import make_plan
from tests.unit.test_attestation import GOOD_WORKERS, WORKERS


def topology(port: int, trust: str = "", **changes: Any) -> Topology:
    """One process behind nothing, over TLS where somebody is trusted."""
    at = Endpoint(port=port, scheme="https" if trust else "http", trust=trust)
    usual: dict[str, Any] = {"ready_path": "/ready", "ready_timeout_s": 5.0, "processes": 1}
    return Topology(trial_id="t", services=(), entry=at, app=(at,), **usual | changes)


def test_what_tls_negotiates_is_asked_once() -> None:
    """The version, HTTP by ALPN, and whether a server goes on with a session; without TLS there is nothing to ask."""
    trust, tls = certificate()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    with fake_server(tls=tls) as server:
        found = negotiated(topology(server.port, trust))

    assert (found["version"], found["alpn"], found["resumed"]) == ("TLSv1.3", "h2", "8 of 8")
    assert found["cipher"].startswith("TLS_")
    assert negotiated(topology(server.port)) == {}


def test_a_server_without_alpn_and_sessions_is_told_as_such() -> None:
    """Every connection pays for a whole handshake."""
    trust, tls = certificate()
    tls.num_tickets = 0
    with fake_server(tls=tls) as server:
        found = negotiated(topology(server.port, trust))

    assert (found["alpn"], found["resumed"]) == ("none", "0 of 8")


@pytest.mark.parametrize("wrong", ["expired", "of somebody else"])
def test_a_certificate_that_is_not_trusted_ends_the_wait_at_once(wrong: str) -> None:
    """It would be no better after a minute."""
    made = make_certificate(not_after=datetime(2020, 1, 1, tzinfo=UTC) if wrong == "expired" else None)
    trust = made.authority if wrong == "expired" else make_certificate().authority
    with (
        fake_server(tls=serving(made)) as server,
        pytest.raises(DeploymentError, match="its certificate is not trusted"),
    ):
        probe_round(topology(server.port, trust), {}, False)


@contextmanager
def telling(answer: Mapping[str, str] | None) -> Iterator[int]:
    """A server that says of itself what it is told to say; of None, what a client says of itself."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            believed = {"client": self.headers["X-Forwarded-For"], "scheme": self.headers["X-Forwarded-Proto"]}
            body = json.dumps(believed if answer is None else answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (None, {"client": FORGED, "scheme": "https"}),
        ({"client": "127.0.0.1", "scheme": "http", "more": "x"}, {"client": "127.0.0.1", "scheme": "http"}),
        ({"pid": "1"}, {}),
    ],
)
def test_the_app_is_asked_whom_it_takes_for_a_client(answer: Mapping[str, str] | None, seen: dict[str, str]) -> None:
    """By a request that forges client and scheme; an app that does not tell them has told nothing."""
    with telling(answer) as port:
        assert client_seen(topology(port, client_path="/whoami")) == seen
        assert client_seen(topology(port)) == {}


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ({"client": "127.0.0.1", "scheme": "https"}, []),
        (
            {"client": FORGED, "scheme": "https"},
            [f"the app believes a client that says in X-Forwarded-For that it is {FORGED}"],
        ),
        ({"client": "127.0.0.1", "scheme": "http"}, ["the app sees scheme http, clients use https"]),
        ({}, ['/whoami (app.client_path) does not answer with JSON that tells "client" and "scheme"']),
    ],
)
def test_an_app_that_believes_a_forged_header_is_no_honest_arm(client: dict[str, str], expected: list[str]) -> None:
    """Nor is one that does not see the scheme of its clients although it shall believe its front."""
    claim = replace(WORKERS, client_path="/whoami", scheme="https")

    assert list(failures(claim, replace(GOOD_WORKERS, client=client))) == expected


class Pool:
    """geventhttpclient's, as far as it is hooked."""

    def __init__(self, _host: str, _port: int, _request_host: str, _request_port: int, **options: Any) -> None:
        self.options = options

    def _create_socket(self) -> Any:
        sleep(0.01)
        return self.options.get("sock")


class Connection:
    """urllib3's, as far as it is hooked."""

    def __init__(self, host: str, port: int, sock: Any = None) -> None:
        self.host, self.port, self.sock = host, port, sock

    def connect(self) -> None:
        """Take a while."""
        sleep(0.01)


class Plain:
    """A socket that is connected to the arm."""

    port = 8443

    def getpeername(self) -> tuple[str, int]:
        """Where."""
        return "127.0.0.1", self.port


class Elsewhere(Plain):
    """One to another server."""

    port = 9000


class Tls(Plain):
    """A socket of TLS."""

    def __init__(self, *, session_reused: bool) -> None:
        self.session_reused = session_reused


@pytest.fixture
def request_made() -> Iterator[Request]:
    """The request that this greenlet is making."""
    request = Request(None, ARRIVAL, nan, perf_counter())
    expect(request)
    yield request
    del getcurrent().lab_on_wire


@pytest.mark.parametrize(
    ("sock", "secured"),
    [(Plain(), NO_TLS), (Tls(session_reused=False), FULL), (Tls(session_reused=True), RESUMED)],
)
def test_a_request_knows_what_its_connection_took(sock: Any, secured: int, request_made: Request) -> None:
    """Of both clients of Locust; on a connection that is there it knows of none."""
    pool, connection = type("OwnPool", (Pool,), {}), type("OwnConnection", (Connection,), {})
    time_openings("https://127.0.0.1:8443", pool, connection)

    assert request_made.opened_s != request_made.opened_s, "nothing was made so far"
    pool("127.0.0.1", 8443, "127.0.0.1", 8443, sock=sock)._create_socket()
    assert (0.01 <= request_made.opened_s < 1, request_made.secured) == (True, secured)
    request_made.opened_s = nan
    connection("127.0.0.1", 9000, Elsewhere()).connect()
    assert request_made.opened_s != request_made.opened_s, "to another server"
    connection("127.0.0.1", 8443, sock).connect()
    assert (0.01 <= request_made.opened_s < 1, request_made.secured) == (True, secured)


def test_connections_to_the_arm_look_at_its_certificate_whatever_the_locustfile_says(tmp_path: Path) -> None:
    """Locust's FastHttpUser looks at none by itself. Other servers are asked as the locustfile says."""
    pool, connection = type("OwnPool", (Pool,), {}), type("OwnConnection", (Connection,), {})
    plan = make_plan(tmp_path / "l.py", "https://127.0.0.1:8443", tmp_path, trust="PEM")
    trust_authority(plan, pool, connection, lambda cadata: f"trusts {cadata}")

    arm = pool("127.0.0.1", 8443, "127.0.0.1", 8443, insecure=True).options
    other = pool("example.org", 443, "example.org", 443, insecure=True).options
    lax, elsewhere = connection("127.0.0.1", 8443), connection("example.org", 443)
    lax.cert_reqs = elsewhere.cert_reqs = ssl.CERT_NONE
    lax.connect()
    elsewhere.connect()

    assert (arm["insecure"], arm["ssl_context_factory"](cafile="x")) == (False, "trusts PEM")
    assert other == {"insecure": True}
    assert (lax.cert_reqs, lax.ssl_context) == (ssl.CERT_REQUIRED, "trusts PEM")
    assert elsewhere.cert_reqs == ssl.CERT_NONE


def test_over_tls_a_request_leaves_when_it_is_sent_and_is_answered_when_that_was_read(request_made: Request) -> None:
    """As without it in the same run: the client's own work on either side is no service time."""
    trust, tls = certificate()
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=trust)
    context.sslsocket_class = watched = type("Watched", (gevent.ssl.SSLSocket,), {})
    watch_reads(watched)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with tls.wrap_socket(listener.accept()[0], server_side=True) as served:
                served.recv(10)
                served.sendall(b"answer")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with gevent.socket.create_connection(listener.getsockname()) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
                before_s = perf_counter()
                client.sendall(b"question")
                sent_s = request_made.sent_s
                client.recv(10)
                after_s = perf_counter()
        thread.join()

    assert isinstance(request_made.received, float)
    assert before_s <= sent_s <= request_made.received <= after_s


def test_all_arms_of_a_run_with_tls_are_timed_alike(tmp_path: Path) -> None:
    """The kernel cannot tell when an encrypted answer came: then nobody asks it."""

    def asks_the_kernel(scenario: Scenario) -> bool:
        kept = []

        class Starter:
            def start(self, plan: Any) -> None:
                kept.append(plan.kernel_times)

        drive = Scheduled(Starter())  # type: ignore[arg-type]  # all that is asked of it
        drive.start(build_plan(scenario).trials[0], topology(1), tmp_path)
        return bool(kept[0])

    plain = {"name": "plain", "model": "workers", "front": "direct"}
    tls = {"name": "tls", "model": "workers", "front": {"kind": "direct", "tls": True}}
    assert asks_the_kernel(make_scenario((plain,)))
    assert not asks_the_kernel(make_scenario((plain, tls)))


def rows(opened: list[float | None], resumed: list[int | None]) -> pl.DataFrame:
    """Requests of the measure phase."""
    return pl.DataFrame({"opened_s": opened, "resumed": resumed}, schema={"opened_s": pl.Float64, "resumed": pl.Int32})


def test_the_median_of_new_connections_and_the_share_that_resumed() -> None:
    """Only requests that made one count; too few say nothing of a median."""
    found = opening_values(rows([None] * 50 + [0.001] * 15 + [0.002] * 15, [None] * 60 + [1] * 5 + [0] * 15))

    assert found == {"connection.p50": 0.001, "connection.resumed": 0.25}
    assert opening_values(rows([0.001] * 5, [None] * 5)) == {"connection.p50": None, "connection.resumed": None}
