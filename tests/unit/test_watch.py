"""Who looks after the containers of an arm: refused where nobody could, and a watchdog that restarts what hangs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from lab.engines.docker.watchdog import MOST_FAILURES, Watchdog, watching
from lab.engines.process.refusals import check_plain
from lab.engines.there import answers
from lab.errors import DeploymentError, ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.models.model import arm_title
from lab.plan.topology import Endpoint, Topology
from lab.scenario.file import scenario_from_json, scenario_to_json
from tests.builders import REPLICAS, WORKERS, make_scenario

DEADLINE_S = 60.0


def topology(arm: dict[str, Any], **changes: Any) -> Topology:
    scenario = make_scenario([arm], **changes)
    (trial,) = build_plan(scenario, blocks=1).trials
    return build_topology(scenario, trial, nominal_ports(scenario, trial.arm))


def configuration(front: Any) -> str:
    """What its front is told where it is to watch."""
    found = topology({"name": "watched", "model": "replicas", "front": front, "watch": "front"})
    return "\n".join(text for service in found.services for text in service.recorded_files.values())


def test_fronts_with_active_checks_ask_each_process_once_a_second() -> None:
    """Unless the option was written: then it stays."""
    assert "check" in configuration("haproxy")
    assert "inter 1000ms" in configuration("haproxy")
    assert "1000ms" in configuration("traefik")
    assert "1000ms" in configuration("caddy")
    assert "inter 3000ms" in configuration({"kind": "haproxy", "check": "3s"})


def test_nginx_learns_of_a_process_that_hangs_by_its_timeout() -> None:
    """It has no active checks; stock is as it is."""
    assert "proxy_read_timeout 5000ms" in configuration("nginx")
    assert "proxy_read_timeout" not in configuration({"kind": "nginx", "profile": "stock"})


def test_a_front_that_cannot_watch_is_refused_with_a_sentence() -> None:
    """None there, or only one address to turn to."""
    with pytest.raises(ScenarioError, match="nobody is there to look"):
        make_scenario([WORKERS | {"watch": "front"}])
    with pytest.raises(ScenarioError, match="one address to the front"):
        make_scenario([{"name": "fronted", "model": "workers", "front": "nginx", "watch": "front"}])


def test_an_arm_may_have_a_restart_policy_of_its_own() -> None:
    """Else that of the app holds."""
    app = {"image": "app:1", "restart": "on-failure"}

    assert topology(REPLICAS, app=app).restart == "on-failure"
    assert topology(REPLICAS | {"restart": "always"}, app=app).restart == "always"
    assert topology(REPLICAS | {"restart": "no"}, app=app).restart == "no"


def test_the_title_of_an_arm_says_who_watches_it() -> None:
    """Two arms that differ in nothing else must not be called the same."""
    scenario = make_scenario([REPLICAS | {"watch": "engine", "restart": "always"}])

    assert arm_title(scenario.arms[0]).endswith(", watched by the engine, restart always")
    assert topology(REPLICAS | {"watch": "engine"}).watchdog
    assert scenario_from_json(scenario_to_json(scenario)) == scenario


def test_plain_processes_have_neither_policy_nor_watchdog() -> None:
    """Both are told."""
    arm = REPLICAS | {"watch": "engine", "restart": "always"}
    with pytest.raises(ScenarioError) as refused:
        check_plain(make_scenario([arm]))

    assert "restarts containers" in str(refused.value)
    assert "Docker's policy" in str(refused.value)


def looks(*said: bool | None) -> list[int]:
    """At which of these answers a watchdog restarted what it looks after."""
    answered, restarts = iter(said), list[int]()
    dog = Watchdog(lambda: next(answered), lambda: None)
    for place in range(len(said)):
        if dog.look():
            restarts.append(place)
    return restarts


def test_what_is_silent_three_times_in_a_row_is_restarted() -> None:
    """An answer in between begins anew."""
    assert MOST_FAILURES == 3
    assert looks(True, False, False, False) == [3]
    assert looks(True, False, False, True, False, False) == []


def test_what_has_not_answered_since_it_was_started_is_not_restarted_again() -> None:
    """It is starting, however long that takes: no crash loop of the watchdog's own making."""
    assert looks(True, *[False] * 9) == [3]
    assert looks(True, None, *[False] * 9) == []
    assert looks(True, *[False] * 5, True, *[False] * 3) == [3, 9]


class Slow(BaseHTTPRequestHandler):
    """Answers by what the path asks for."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.over.wait(DEADLINE_S)  # type: ignore[attr-defined]
        self.send_response(503 if self.path == "/ill" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = HTTPServer(("127.0.0.1", 0), Slow)
    server.over = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Endpoint(port=server.server_port)
    server.over.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


def test_silence_and_errors_are_failures_and_nobody_there_is_neither(endpoint: Endpoint) -> None:
    """A container that ended is the matter of the restart policy."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody else listens there meanwhile
        nobody = Endpoint(port=silent.getsockname()[1])

        assert answers(endpoint, "/ready", {}, DEADLINE_S) is True
        assert answers(endpoint, "/ill", {}, DEADLINE_S) is False
        assert answers(endpoint, "/slow", {}, 0.1) is False
        assert answers(nobody, "/ready", {}, DEADLINE_S) is None


def test_an_error_of_a_watchdog_is_raised_where_the_arm_is_looked_after() -> None:
    """And at the latest at the end."""

    asked = threading.Event()

    def fail() -> bool:
        asked.set()
        raise DeploymentError("the engine is gone")

    with pytest.raises(DeploymentError, match="the engine is gone"), watching([Watchdog(fail, lambda: None)], 0.01):
        assert asked.wait(DEADLINE_S)
