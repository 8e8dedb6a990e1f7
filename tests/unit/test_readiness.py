"""Ready means N distinct processes answered; a dead container ends the wait at once; a late one gives evidence."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast

import pytest

from lab.agent.calls import There
from lab.engines.endings import End
from lab.engines.images.images import ImageRecord, Way
from lab.engines.known_endings import Sign
from lab.engines.late import Answer, Watched, late_error
from lab.engines.readiness import PROBE_TIMEOUT_S, probe_round, wait_until_ready
from lab.engines.running import Running, signs_of
from lab.errors import DeploymentError, EndedError, LateError
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint, Service, Topology
from lab.scenario.budget import Limits


@contextmanager
def serving(
    names: list[str], status: int = 200, body: str = "", location: str = "", seen: list[str] | None = None
) -> Iterator[int]:
    """A server whose answers come from ``names`` in turn; an empty name sends no header; ``seen``: whom it was for."""
    turn = iter(range(10**9))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append(self.headers["Host"])
            self.send_response(status)
            if name := names[next(turn) % len(names)]:
                self.send_header("X-Served-By", name)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def topology(*app_ports: int, processes: int, front: int = 0, timeout_s: float = 5.0) -> Topology:
    return Topology(
        trial_id="b01-arm",
        services=(),
        entry=Endpoint(port=front or app_ports[0]),
        app=tuple(Endpoint(port=port) for port in app_ports),
        processes=processes,
        ready_path="/ready",
        ready_timeout_s=timeout_s,
    )


def nobody_died() -> None:
    return None


NO_ROOTS: dict[str, tuple[int, ...]] = {}


def test_ready_when_as_many_distinct_processes_as_asked_have_answered() -> None:
    """Answers are counted by who gave them, not by how many there were."""
    with serving(["a", "a", "b"]) as port:
        servers = wait_until_ready(topology(port, processes=2), nobody_died, NO_ROOTS).servers

    assert set(servers) == {"a", "b"}


def test_one_process_answering_for_all_is_not_ready() -> None:
    """Many answers of one process never count as two processes."""
    with serving(["a"]) as port, pytest.raises(DeploymentError, match="1 of 2 serving processes answered") as caught:
        wait_until_ready(topology(port, processes=2, timeout_s=0.3), nobody_died, NO_ROOTS)

    assert caught.value.exit_code == 3


def test_servers_without_our_header_are_told_apart_by_their_address() -> None:
    """An image that knows nothing of us: each replica is known by its own address."""
    with serving([""]) as one, serving([""]) as two:
        servers = wait_until_ready(topology(one, two, processes=2), nobody_died, NO_ROOTS).servers

    assert set(servers) == {f"at-127.0.0.1:{one}", f"at-127.0.0.1:{two}"}


def test_an_owner_that_cannot_be_seen_is_not_one_more_process() -> None:
    """Two processes behind one port, and no way to tell which answered: the answers are told, but not counted."""
    with serving([""]) as port, pytest.raises(DeploymentError, match="0 of 2 serving processes answered") as caught:
        wait_until_ready(topology(port, processes=2, timeout_s=0.3), nobody_died, NO_ROOTS)

    assert "such answers do not tell which process gave them" in str(caught.value)
    assert "app.server_header" in caught.value.hint


def test_the_owner_of_the_connection_is_the_server() -> None:
    """Without a header, behind a port that several processes share; this server closes after every answer."""
    clock = Clock()  # owners are looked up from the second round on
    with serving([""]) as port, pytest.raises(DeploymentError, match="1 of 2 serving processes answered"):
        wait_until_ready(
            topology(port, processes=2, timeout_s=2.0),
            nobody_died,
            {f"127.0.0.1:{port}": (os.getpid(),)},
            clock=clock,
            sleep=clock.sleep,
        )


def test_a_header_that_several_processes_share_is_no_name() -> None:
    """Such as the framework's, or the machine's: they are told apart by their addresses, and it is said."""
    with serving(["FastAPI"]) as one, serving(["FastAPI"]) as two:
        ready = wait_until_ready(topology(one, two, processes=2), nobody_died, NO_ROOTS)

    assert ready.servers.keys() == {f"at-127.0.0.1:{one}", f"at-127.0.0.1:{two}"}
    assert ready.ignored == "FastAPI"


def test_a_header_that_may_be_no_name_is_said_at_the_deadline() -> None:
    """Nobody may see who owns the connections here."""
    with serving(["FastAPI"]) as port, pytest.raises(DeploymentError) as caught:
        wait_until_ready(topology(port, processes=2, timeout_s=0.3), nobody_died, NO_ROOTS)

    assert 'where X-Served-By: FastAPI is no name, set app.server_header = ""' in caught.value.hint


def test_without_the_header_of_the_scenario_none_is_read() -> None:
    """app.server_header = "" is for apps that mean something else by it."""
    with serving(["a", "b"]) as port:
        silent = replace(topology(port, processes=1), server_header="")
        ready = wait_until_ready(silent, nobody_died, NO_ROOTS)

    assert ready.servers.keys() == {f"at-127.0.0.1:{port}"}
    assert ready.ignored == ""


def test_every_port_must_have_answered() -> None:
    """Two processes behind one port are not two replicas: the other one does not answer yet."""
    with serving(["a", "b"]) as one, serving(["c"], status=503) as two, pytest.raises(DeploymentError):
        wait_until_ready(topology(one, two, processes=2, timeout_s=0.3), nobody_died, NO_ROOTS)


def test_a_wrong_status_is_named_at_the_deadline() -> None:
    """The most common mistake, a wrong ready_path, is visible in the error."""
    with serving(["a"], status=404) as port, pytest.raises(DeploymentError, match="the last other answer was 404"):
        wait_until_ready(topology(port, processes=1, timeout_s=0.2), nobody_died, NO_ROOTS)


def test_a_dead_container_ends_the_wait_at_once() -> None:
    """No waiting for the deadline when a container has ended; the sentence with its log lines is the message."""
    with pytest.raises(EndedError, match="ended with exit code 1; boom"):
        wait_until_ready(
            topology(1, processes=1, timeout_s=3600), lambda: End("ended with exit code 1; boom", "mend it"), NO_ROOTS
        )


def test_the_front_must_answer_too() -> None:
    """Serving processes behind a front that does not proxy to them are not ready."""
    with serving(["a"]) as app, serving(["a"], status=502) as front, pytest.raises(DeploymentError):
        wait_until_ready(topology(app, processes=1, front=front, timeout_s=0.3), nobody_died, NO_ROOTS)


@pytest.mark.parametrize(
    ("answer", "told", "hint"),
    [
        (
            {"status": 400, "body": "Invalid host header\n"},
            'the last other answer was 400 "Invalid host header"',
            "Host",
        ),
        ({"status": 307, "location": "https://x/ready"}, "was 307 to https://x/ready (Host: 127.0.0.1:", "Proto"),
        ({"status": 307, "location": "/ready/"}, "was 307 to /ready/", 'app.ready_path = "/ready/"'),
        ({"status": 401}, "the last other answer was 401 (Host: 127.0.0.1:", "Authorization"),
        ({"status": 404, "body": "no"}, 'the last other answer was 404 "no" (Host: 127.0.0.1:', "app.ready_path"),
    ],
)
def test_another_answer_is_quoted_with_the_key_that_helps(answer: dict[str, Any], told: str, hint: str) -> None:
    """Status, where it sends, the first line of the body."""
    with serving(["a"], **answer) as port, pytest.raises(DeploymentError) as caught:
        wait_until_ready(topology(port, processes=1, timeout_s=0.2), nobody_died, NO_ROOTS)

    assert told in str(caught.value)
    assert hint in caught.value.hint


LONG_S = 20.0


class Clock:
    """Half a second passes between two rounds, and none while a round is made."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, _seconds: float) -> None:
        self.now_s += 0.5


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 307, "location": "https://127.0.0.1/ready"},
        {"status": 301, "location": "http://www.shop.org/ready"},
        {"status": 302, "location": "/login"},
        {"status": 400, "body": "Invalid host header"},
        {"status": 401},
        {"status": 405},
    ],
)
def test_an_answer_of_how_the_app_is_set_up_ends_the_wait_early(answer: dict[str, Any]) -> None:
    """It comes from settings, so that waiting changes nothing; so does what a front answers before an app that is."""
    clock = Clock()
    with (
        serving(["a"], **answer) as port,
        pytest.raises(DeploymentError, match="not ready, and waiting would not help"),
    ):
        wait_until_ready(
            topology(port, processes=1, timeout_s=LONG_S), nobody_died, NO_ROOTS, clock=clock, sleep=clock.sleep
        )
    with serving(["a"]) as app, serving([""], **answer) as front, pytest.raises(DeploymentError, match="but the front"):
        wait_until_ready(
            topology(app, processes=1, front=front, timeout_s=LONG_S),
            nobody_died,
            NO_ROOTS,
            clock=clock,
            sleep=clock.sleep,
        )


NOT_YET, SETUP, LOGIN = (403, ""), (302, "/setup"), (302, "/login")
GOOD, SILENT = (200, ""), (0, "")


def answers_by(course: list[tuple[float, tuple[int, str]]], clock: Clock, timeout_s: float) -> None:
    """Wait for an app that gives each answer of ``course`` for so many seconds, the last one for ever."""
    asked = topology(8000, processes=1, timeout_s=timeout_s)

    def there(*_: Any) -> tuple[Answer, ...]:
        left_s = clock.now_s
        for length_s, found in course:
            status, location = found
            if left_s < length_s:
                break
            left_s -= length_s
        answer = Answer(header="a", owner="", endpoint=asked.app[0], status=status, location=location, line="starting")
        return (answer,) if status else ()

    wait_until_ready(asked, nobody_died, NO_ROOTS, there=cast(There, there), clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(
    "course",
    [
        [(2.5, NOT_YET), (1, GOOD)],
        [(2, SETUP), (2, LOGIN), (2, SETUP), (1, GOOD)],
        [(2, NOT_YET), (3, SILENT), (2, NOT_YET), (1, GOOD)],
    ],
)
def test_an_app_that_says_not_yet_is_waited_for(course: list[tuple[float, tuple[int, str]]]) -> None:
    """Until its database is there it may send to its set-up, or refuse: that is no setting of it."""
    clock = Clock()
    answers_by(course, clock, 20.0)

    assert clock.now_s == pytest.approx(sum(length_s for length_s, _ in course[:-1]), abs=0.6)


@pytest.mark.parametrize(("timeout_s", "ends_s"), [(20.0, 3.0), (60.0, 6.0), (600.0, 60.0)])
def test_an_answer_is_held_for_lasting_only_after_a_while(timeout_s: float, ends_s: float) -> None:
    """3 s, or a tenth of app.ready_timeout, which whoever has a slower app raises."""
    clock = Clock()
    with pytest.raises(DeploymentError, match="not ready, and waiting would not help"):
        answers_by([(1, NOT_YET)], clock, timeout_s)

    assert clock.now_s == pytest.approx(ends_s, abs=0.6)


@pytest.mark.parametrize("status", [204, 404, 500, 502, 503])
def test_an_answer_that_may_change_is_waited_for(status: int) -> None:
    """An app may start its routes and what it needs one after the other."""
    with serving(["a"], status=status) as port, pytest.raises(DeploymentError, match="not ready after 0 s"):
        wait_until_ready(topology(port, processes=1, timeout_s=0.2), nobody_died, NO_ROOTS)


def test_an_app_that_is_ready_behind_a_front_that_is_not() -> None:
    """The sentence is about the front, and not about the app, which has answered."""
    with serving(["a"]) as app, serving([""], status=502, body="Bad Gateway") as front:
        late = topology(app, processes=1, front=front, timeout_s=0.3)
        with pytest.raises(DeploymentError, match='have answered GET /ready with 200, but the front answered 502 "Bad'):
            wait_until_ready(late, nobody_died, NO_ROOTS)


def test_what_the_app_does_instead_is_told() -> None:
    """Ports on which it listens, and its last lines, which also explain."""
    signs = {Sign.LISTENS: "8000", Sign.LOG: "Uvicorn running on http://0.0.0.0:8000"}
    with pytest.raises(DeploymentError) as caught:
        wait_until_ready(topology(1, processes=1, timeout_s=0.1), nobody_died, NO_ROOTS, signs=lambda: signs)

    assert "nothing answered at all: it listens on 8000, and not where it was told; its last lines:" in str(
        caught.value
    )
    assert "app.port = 8000" in caught.value.hint


@pytest.mark.parametrize(("exit_sign", "kind"), [("out of memory at 64.0 MiB", EndedError), ("", LateError)])
def test_a_late_arm_is_at_fault_for_sure_only_where_the_kernel_killed(
    exit_sign: str, kind: type[DeploymentError]
) -> None:
    """Else the machine may have been busy."""
    assert type(late_error(topology(1, processes=1), Watched(), {Sign.EXIT: exit_sign})) is kind


@pytest.mark.parametrize(
    ("listening", "told"),
    [
        (((20000, 9090),), ""),
        (((9090, 8000),), "8000, 9090"),
        (((20000, 9090), (8000,)), "8000"),
        (((),), ""),
    ],
)
def test_an_app_listens_elsewhere_only_where_it_does_not_listen_as_told(
    listening: tuple[tuple[int, ...], ...], told: str
) -> None:
    """A further port, of metrics for example, is no reason: the app may just not be well."""
    ports = dict(enumerate(map(frozenset, listening), start=1))
    apps = [running(pid, 20000) for pid in ports]

    signs = signs_of(apps, Limits(), lambda _, pid, *__: ports[pid])  # type: ignore[arg-type]

    assert signs[Sign.LISTENS] == told


def running(pid: int, port: int) -> Running:
    """A service of the app that was told this port."""
    service = Service(name=f"app-{pid}", kind=ServiceKind.APP, image="app", argv=(), ports=(port,))
    image = ImageRecord(name="app", id="1", digest="1", origin=Way.PRESENT, detail="")
    return Running(service=service, image=image, pid=pid, argv=(), log=lambda _: "")


def test_processes_that_never_come_are_told_apart_from_answers_that_are_none() -> None:
    """One of two answers: most likely nobody told the app how many there should be."""
    with serving(["a"]) as port, pytest.raises(DeploymentError, match="nothing came from the others") as caught:
        wait_until_ready(topology(port, processes=2, timeout_s=0.3), nobody_died, NO_ROOTS)

    assert "{workers}" in caught.value.hint


def test_probes_send_the_headers_of_the_scenario() -> None:
    """To the app and to its front."""
    seen: list[str] = []
    with serving(["a"], seen=seen) as app, serving([""], seen=seen) as front:
        asked = replace(topology(app, processes=1, front=front), probe_headers={"Host": "api.example.org"})
        wait_until_ready(asked, nobody_died, NO_ROOTS)

    assert set(seen) == {"api.example.org"}
    assert len(seen) > 1


def test_a_round_takes_one_timeout_however_many_do_not_answer() -> None:
    """They are read one after the other, and 16 processes would take a minute."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        began = time.monotonic()

        assert probe_round(topology(silent.getsockname()[1], processes=8), NO_ROOTS, named=False) == ()
        assert time.monotonic() - began < 5 * PROBE_TIMEOUT_S


@pytest.mark.parametrize(("scheme", "told"), [("http", True), ("https", False)])
def test_an_app_that_serves_https_is_told_so_where_it_is_asked_without(
    scheme: Literal["http", "https"], told: bool
) -> None:
    """Where the lab asks it over TLS, that is as it should be."""
    asked = topology(1, processes=1)
    asked = replace(asked, app=tuple(replace(endpoint, scheme=scheme) for endpoint in asked.app))
    error = late_error(asked, Watched(), {Sign.LOG: "Uvicorn running on https://127.0.0.1:1"})

    assert ("it serves https" in str(error)) == told
    assert ("tls = true" in error.hint) == told
