"""An engine by TCP whose machine is gone is noticed, however long it may take to answer."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from lab.engines.docker.connection import connect
from lab.engines.docker.watched import PATIENCE_S, Watched, watch
from lab.errors import MissingError
from lab.scenario.nodes import TLS_FILES, Node
from tests.two_hosts import certified
from tests.unit.test_tunnel import Pings


def test_connections_by_tcp_are_probed() -> None:
    """Every one of them, and given up when nothing comes back."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pings) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with closing(connect(Node(name="gen", engine=f"tcp://127.0.0.1:{server.server_port}"))) as client:
            adapter = client.api.get_adapter(client.api.base_url)
            assert isinstance(adapter, Watched)
            pool = adapter.poolmanager.connection_from_url(client.api.base_url)
            connection: Any = pool._new_conn()
            connection.connect()
            options = {name: connection.sock.getsockopt(*place) for name, place in PLACES.items()}
            connection.close()
        server.shutdown()
    assert options["alive"] == 1
    assert options["patience"] == PATIENCE_S * 1000


PLACES = {
    "alive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "patience": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
}


def test_a_machine_that_takes_no_connection_is_given_up_before_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Answers of an engine may take minutes."""
    monkeypatch.setattr("lab.engines.docker.watched.PATIENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as held:
        place = full.getsockname()
        for _ in range(2):  # the kernel holds one more than was asked for, and drops what comes then
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(place)
        client = held.enter_context(
            closing(docker.DockerClient(base_url=f"tcp://127.0.0.1:{place[1]}", version="1.41"))
        )
        watch(client, 1)
        with pytest.raises(requests.exceptions.ConnectTimeout, match=r"connect timeout=0\.1"):
            client.ping()


def test_a_socket_of_this_machine_stays_as_it_is() -> None:
    """It goes with its engine."""
    with closing(docker.DockerClient(base_url="unix:///nowhere.sock", version="1.41")) as client:
        before = dict(client.api.adapters)
        watch(client, 1)
        assert dict(client.api.adapters) == before


@pytest.mark.parametrize(("whose", "told"), [("own", ""), ("other", "certificate verify failed"), ("", "HTTPS server")])
def test_an_engine_over_tls_is_reached_by_the_certificates_of_its_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str, told: str
) -> None:
    """Whatever the environment says; both show one, and each is told of the other's authority by its folder."""
    monkeypatch.delenv("DOCKER_TLS_VERIFY", raising=False)
    monkeypatch.setenv("DOCKER_CERT_PATH", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other" / TLS_FILES[0]))
    own, _ = (certified(tmp_path / name, "127.0.0.1") for name in ("own", "other"))
    ca, cert, key = (own / name for name in TLS_FILES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pings) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tls = tmp_path / whose if whose else None
        node = Node(name="gen", engine=f"tcp://127.0.0.1:{server.server_port}", tls=tls)
        try:
            if not told:
                with closing(connect(node)) as client:
                    assert client.api.base_url.startswith("https://")
                    assert isinstance(client.api.get_adapter(client.api.base_url), Watched)
            else:
                with pytest.raises(MissingError) as refused:
                    connect(node)
                if whose:
                    assert told in str(refused.value)
                    assert "tls of node gen" in refused.value.hint
        finally:
            server.shutdown()
