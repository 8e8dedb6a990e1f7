"""What ordinary apps do, behind every front that claims to be transparent: links, uploads, WebSockets, events."""

from __future__ import annotations

import http.client
import json
import os
import threading
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
from tests.integration.ordinary_app import ARRIVED, EVENTS, app
from tests.integration.test_transparency import DECLARED, TUNED, arm
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

RUN_ID = f"front-apps-{os.getpid()}"
BEHIND = [
    pytest.param(front, id=str(front), marks=pytest.mark.xdist_group(f"behind {front['kind']}")) for front in TUNED
]


@contextmanager
def serving(port: int) -> Iterator[Endpoint]:
    """The app in a thread of this process, listening; its connections last longer than a front keeps them (FIELD 7)."""
    config = uvicorn.Config(app, port=port, log_level="warning", timeout_keep_alive=KEEP_ALIVE_S)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started, "the app listens", pause_s=0.01)
        yield Endpoint(port=port)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
    assert not thread.is_alive(), "the app does not end"


class Behind:
    """A front that runs before the app, and where clients find it; the app can go away for a while."""

    def __init__(self, engine: DockerEngine, front: Mapping[str, str], trial_id: str) -> None:
        self.tells = DECLARED[front["kind"]].upstream_of is not None
        self._engine, self._arm, self._trial_id = engine, arm(**front), trial_id
        self._ports = engine.free_ports(2, 1)
        self._app = ExitStack()

    @contextmanager
    def deployed(self) -> Iterator[None]:
        """In the block both run."""
        with self._app:
            self.direct = self._app.enter_context(serving(self._ports[0]))
            topology = before_echo(front_of(self._arm), self._arm, self.direct, self._ports[1:], self._trial_id)
            self.entry = topology.entry
            with self._engine.deploy(topology):
                yield

    @contextmanager
    def without_app(self) -> Iterator[None]:
        """In the block only the front can answer."""
        self._app.close()
        try:
            yield
        finally:
            self._app.enter_context(serving(self._ports[0]))

    def answered(self) -> http.client.HTTPResponse | None:
        """None where it closed the connection, as it does if one to the app that it used again has just been closed."""
        try:
            with asked(self.entry, "GET", "/passed-on") as answer:
                return answer
        except ConnectionError:
            return None


@pytest.fixture(scope="module", params=BEHIND)
def behind(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], request: pytest.FixtureRequest
) -> Iterator[Behind]:
    """A front that is deployed once for all of these tests."""
    behind = Behind(DockerEngine(client, images, RUN_ID, (21000, 22999)), request.param, "front-app")
    with behind.deployed():
        yield behind
    assert labelled(client, RUN_ID) == []


@pytest.fixture
def entry(behind: Behind) -> Endpoint:
    """Where clients find the app."""
    return behind.entry


@contextmanager
def asked(at: Endpoint, method: str, path: str, body: bytes = b"") -> Iterator[http.client.HTTPResponse]:
    """An answer whose body can still be read."""
    with closing(http.client.HTTPConnection(at.host, at.port, timeout=PATIENCE_S)) as connection:
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
    with connect(f"ws://{entry.address}/feed", open_timeout=PATIENCE_S) as socket:
        socket.send("what is new?")
        said = {socket.recv(timeout=PATIENCE_S) for _ in range(2)}

    assert said == {"news", "answer to what is new?"}


def test_events_come_when_they_are_sent(entry: Endpoint) -> None:
    """Each before the next one is sent, which it is not before this one has arrived."""
    arrived = []
    with asked(entry, "GET", "/events") as answer:
        while line := answer.readline():
            if line.startswith(b"data:"):
                arrived.append(line)
                ARRIVED.release()

    assert arrived == [f"data: {number}\n".encode() for number in range(EVENTS)]


def check_who_answered(behind: Behind) -> None:
    """Once the app is gone only the front can answer."""
    with asked(behind.entry, "GET", "/passed-on") as own:
        assert (own.status, named_upstream(own.headers)) == (502, behind.direct.address if behind.tells else None)
    with behind.without_app():
        refused = until(behind.answered, "the front answers for itself")
        assert refused is not None
        assert refused.status in GATEWAY + NOBODY
        assert named_upstream(refused.headers) is None


def test_who_answered_is_named_on_a_502_of_the_app_and_not_on_the_fronts(behind: Behind) -> None:
    """Of those that name anybody."""
    check_who_answered(behind)


def test_a_stock_nginx_names_who_answered_too(engine: DockerEngine) -> None:
    """Its own 502 names nobody."""
    behind = Behind(engine, {"kind": "nginx", "profile": "stock"}, "front-502")
    with behind.deployed():
        check_who_answered(behind)
