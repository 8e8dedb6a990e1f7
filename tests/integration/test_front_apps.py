"""What ordinary apps do, behind every front that claims to be transparent: links, uploads, WebSockets, events."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager

import docker
import pytest
import uvicorn
from websockets.sync.client import connect

from lab.analysis.findings import GATEWAY, NOBODY
from lab.engines.docker.engine import DockerEngine
from lab.engines.images.images import ImageRecord
from lab.plan.fronts.front import front_of
from lab.plan.models.model import KEEP_ALIVE_S
from lab.plan.topology import Endpoint
from lab.plan.upstream import named_upstream
from lab.run.fronts import before_echo
from tests.integration.conftest import labelled
from tests.integration.ordinary_app import EVENTS, GAP_S, app
from tests.integration.test_transparency import DECLARED, TUNED, arm

pytestmark = pytest.mark.integration

RUN_ID = f"front-apps-{os.getpid()}"
BEHIND = [
    pytest.param(front, id=str(front), marks=pytest.mark.xdist_group(f"behind {front['kind']}")) for front in TUNED
]
TELL = [front for front in TUNED if DECLARED[front["kind"]].upstream_of]


@contextmanager
def serving(port: int) -> Iterator[Endpoint]:
    """The app in a thread of this process; its connections last longer than a front keeps them (FIELD 7)."""
    config = uvicorn.Config(app, port=port, log_level="warning", timeout_keep_alive=KEEP_ALIVE_S)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield Endpoint(port=port)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module", params=BEHIND)
def entry(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], request: pytest.FixtureRequest
) -> Iterator[Endpoint]:
    """Where clients find the app behind a front, which is deployed once for all of them."""
    engine = DockerEngine(client, images, RUN_ID, (21000, 22999))
    ports = engine.free_ports(2, 1)
    behind = arm(**request.param)
    with serving(ports[0]) as direct:
        topology = before_echo(front_of(behind), behind, direct, ports[1:], "front-app")
        with engine.deploy(topology):
            yield topology.entry
    assert labelled(client, RUN_ID) == []


@contextmanager
def asked(at: Endpoint, method: str, path: str, body: bytes = b"") -> Iterator[http.client.HTTPResponse]:
    """An answer whose body can still be read."""
    with closing(http.client.HTTPConnection(at.host, at.port, timeout=10)) as connection:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        with connection.getresponse() as response:
            yield response


def test_redirects_and_links_lead_back_to_where_the_client_came_in(entry: Endpoint) -> None:
    """Half of all clients ask without the slash; the port must not get lost."""
    with asked(entry, "GET", "/orders") as redirect:
        assert (redirect.status, redirect.headers["Location"]) == (307, f"{entry.url}/orders/")
    with asked(entry, "POST", "/orders/", b"{}") as placed:
        assert json.loads(placed.read()) == {"self": f"{entry.url}/orders/"}
    with asked(entry, "GET", "/orders/") as listing:
        assert listing.status == http.client.OK


def test_uploads_of_2_mb_reach_the_app(entry: Endpoint) -> None:
    """As they do without a front."""
    document = json.dumps({"name": "scan.pdf", "content": "x" * 2_000_000}).encode()
    with asked(entry, "POST", "/upload", document) as uploaded:
        assert json.loads(uploaded.read()) == {"bytes": len(document)}


def test_a_websocket_is_answered_and_told_news_unasked(entry: Endpoint) -> None:
    """Frames in both directions, at once."""
    with connect(f"ws://{entry.address}/feed", open_timeout=10) as socket:
        socket.send("what is new?")
        said = {socket.recv(timeout=10) for _ in range(2)}

    assert said == {"news", "answer to what is new?"}


def test_events_come_when_they_are_sent(entry: Endpoint) -> None:
    """The first long before the last."""
    arrived_s = []
    with asked(entry, "GET", "/events") as answer:
        while line := answer.readline():
            if line.startswith(b"data:"):
                arrived_s.append(time.monotonic())

    assert len(arrived_s) == EVENTS
    assert arrived_s[-1] - arrived_s[0] > (EVENTS - 1) * GAP_S / 2


@pytest.mark.parametrize("front", [*TELL, {"kind": "nginx", "profile": "stock"}], ids=str)
def test_who_answered_is_named_on_a_502_of_the_app_and_not_on_the_fronts(
    engine: DockerEngine, front: dict[str, str]
) -> None:
    """Once the app is gone only the front can answer."""
    ports = engine.free_ports(2, 1)
    behind = arm(**front)
    with ExitStack() as app_runs:
        direct = app_runs.enter_context(serving(ports[0]))
        topology = before_echo(front_of(behind), behind, direct, ports[1:], "front-502")
        with engine.deploy(topology):
            with asked(topology.entry, "GET", "/passed-on") as own:
                assert (own.status, named_upstream(own.headers)) == (502, direct.address)
            app_runs.close()
            with asked(topology.entry, "GET", "/passed-on") as refused:
                assert refused.status in GATEWAY + NOBODY
                assert named_upstream(refused.headers) is None
