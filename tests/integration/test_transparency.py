"""Every front that claims it is transparent: what works directly works behind it, asked of an echo server."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from lab.attest.echo import echo_server
from lab.attest.raw_http import ask
from lab.engines.docker.engine import DockerEngine
from lab.errors import ScenarioError
from lab.host.authority import certificate_for
from lab.plan.fronts.front import Front, front_of
from lab.run.fronts import attest_fronts, before_echo
from lab.scenario.kinds import FRONTS
from lab.scenario.model import Arm
from tests.integration.conftest import scenario_of

pytestmark = pytest.mark.integration

OWN = """
events {}
http {
    upstream app { {upstreams} }
    server { listen {listen}; location / { proxy_pass http://app; } }
}
"""
DECLARED = cast(Mapping[str, Front[Any]], FRONTS)  # a scenario knows less of them
TUNED = [{"kind": kind} for kind, front in DECLARED.items() if front.hops and front.transparent(front.options())]
LARGE_BODY = 100 * 1024**2
AT_ONCE = 3  # 300 MB are more than the 256 MB that a front may write to its scratch folder


def arm(**front: object) -> Arm:
    """Replicas behind a front."""
    return Arm(name="replicas", model="replicas", front=front)


SECURED = [{**front, "tls": True} for front in TUNED]


@pytest.mark.parametrize(
    "front", [*TUNED, {"kind": "nginx", "balance": "random", "buffering": True}, *SECURED], ids=str
)
def test_a_tuned_front_is_transparent(engine: DockerEngine, front: dict[str, object]) -> None:
    """Nothing is otherwise but what it is known to lack, over TLS too."""
    scenario = scenario_of(arm(**front))
    (found,) = attest_fronts(engine, scenario, print, certificate_for(scenario)).values()

    assert found.keys() == set(DECLARED[str(front["kind"])].lacks)


@pytest.mark.parametrize("front", TUNED, ids=str)
def test_large_bodies_pass_a_front_without_room_for_them(
    engine: DockerEngine, front: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of 100 MB, more than fits into what the container may write."""
    monkeypatch.setattr("lab.attest.raw_http.TIMEOUT_S", 120.0)  # for all of a body
    ports = engine.free_ports(2, 1)
    behind = arm(**front)
    with echo_server(ports[0]) as echo:
        topology = before_echo(front_of(behind), behind, echo, ports[1:], "front-bodies")
        with engine.deploy(topology):
            with ThreadPoolExecutor(AT_ONCE) as pool:
                sent = [pool.submit(ask, topology.entry, "POST", "/", body=bytes(LARGE_BODY)) for _ in range(AT_ONCE)]

            assert [answer.result().told("size") for answer in sent] == [f"200 {LARGE_BODY}"] * AT_ONCE


def test_a_stock_nginx_keeps_its_limits_and_they_are_named(engine: DockerEngine) -> None:
    """With the status of each; what identifies the client and the host is right all the same."""
    (found,) = attest_fronts(engine, scenario_of(arm(kind="nginx", profile="stock")), print).values()

    assert found["bodies of 8 MB"].startswith("413")
    assert found["query strings of 60 kB"].startswith("414")
    assert found["answer headers of 60 kB"].startswith("502")
    assert {"WebSocket", "server-sent events at once", "keep-alive to the app"} <= found.keys()
    assert not {"Host with its port", "client address", "forged client address", "scheme"} & found.keys()


@pytest.mark.parametrize(
    ("location", "ready_path", "seen"),
    [
        ("location / { proxy_pass http://app; }", "/ready", "200 app instead of 200 shop.example:8443"),
        ("location /api/ { proxy_pass http://app/; }", "/api/ready", "404 without an echo instead of"),
    ],
)
def test_a_configuration_of_the_users_runs_and_is_only_noted(
    engine: DockerEngine, tmp_path: Path, location: str, ready_path: str, seen: str
) -> None:
    """The shortest one there is, whose Host is nginx's own; and one that serves the paths of the app alone."""
    config = tmp_path / "nginx.conf"
    config.write_text(OWN.replace("location / { proxy_pass http://app; }", location))
    scenario = scenario_of(arm(kind="nginx", config=config))
    scenario = replace(scenario, app=replace(scenario.app, ready_path=ready_path))
    found = attest_fronts(engine, scenario, print)

    assert found["nginx (own nginx.conf)"]["Host with its port"].startswith(seen)


def test_what_nginx_says_of_a_configuration_is_quoted(engine: DockerEngine, tmp_path: Path) -> None:
    """Before anything is measured: here a file that is not in the image."""
    config = tmp_path / "nginx.conf"
    config.write_text("include /etc/nginx/shop.conf;\n" + OWN)

    with pytest.raises(ScenarioError, match=r'(?s)replicas does not start.*open\(\) "/etc/nginx/shop\.conf" failed'):
        attest_fronts(engine, scenario_of(arm(kind="nginx", config=config)), print)
