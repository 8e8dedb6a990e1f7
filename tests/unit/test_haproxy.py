"""Front haproxy: its options and its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.errors import ScenarioError
from lab.plan.fronts.front import FrontPlace, front_title
from lab.plan.fronts.haproxy import HAPROXY, HAProxy
from lab.plan.topology import Endpoint
from lab.scenario.budget import Limits
from lab.scenario.file import read_scenario
from lab.scenario.network import Network
from tests.unit.test_scenario_file import GOOD, refusal, write

APP = (Endpoint(port=20001), Endpoint(port=20002))
CHECKED = "default-server check inter 2000ms fall 1 rise 1 observe layer4 error-limit 1 on-error mark-down"


def configuration(network: Network = Network.HOST, **chosen: Any) -> list[str]:
    """The lines of its file, before two processes of the app."""
    place = FrontPlace(app=APP, ports=(20003,), limits=Limits(), network=network)
    (service,) = HAPROXY.services(HAProxy(**chosen), place)
    return [line.strip() for line in service.files[0].text.splitlines()]


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        ({}, "bind 127.0.0.1:20003"),
        ({}, "server app-2 127.0.0.1:20002"),
        ({}, "http-response set-header X-Lab-Upstream %si:%sp"),
        ({}, "http-request set-header X-Forwarded-For %[src]"),
        ({"balance": "leastconn"}, "balance leastconn"),
        ({"timeout": 90.0}, "timeout server 90000ms"),
        ({"timeout": 90.0}, "timeout tunnel 90000ms"),
        ({"retries": 2}, "retries 2"),
        ({"retries": 2}, "retry-on conn-failure empty-response"),
        ({"pool": 8}, "default-server pool-max-conn 8 pool-purge-delay 60s"),
        ({"check": 2.0}, CHECKED),
        ({"check": 2.0, "check_path": "/health"}, "option httpchk GET /health"),
    ],
)
def test_options_reach_the_configuration(chosen: dict[str, Any], line: str) -> None:
    """Each as HAProxy writes it."""
    assert line in configuration(**chosen)


def test_what_is_not_asked_for_is_not_there() -> None:
    """No health checks by default, and nothing is repeated where that is switched off."""
    assert not [line for line in configuration(retries=0) if "check" in line or "retry" in line or "redispatch" in line]


def test_in_a_network_of_its_own_it_listens_to_everybody_there() -> None:
    """Clients come from other containers."""
    assert "bind 0.0.0.0:20003" in configuration(Network.OWN)


def test_a_scenario_chooses_it_by_name(tmp_path: Path) -> None:
    """With options, which its title names, and an image of its own."""
    line = 'front = { kind = "haproxy", balance = "source", check = "500ms" }'
    scenario = read_scenario(write(tmp_path, GOOD.replace('front = "nginx"', line)))

    assert front_title(scenario.arms[1]) == "haproxy (source, check 0.5)"
    assert scenario.images["haproxy"] == "haproxy:lts"


@pytest.mark.parametrize("path", ["ready", "/a b", "/a\\nserver evil 192.0.2.1:80"])
def test_a_path_cannot_break_out_of_the_configuration(tmp_path: Path, path: str) -> None:
    """It is the only text of a user's in it."""
    line = f'front = {{ kind = "haproxy", check_path = "{path}" }}'

    assert "front: check_path: expected a text such as" in refusal(tmp_path, GOOD.replace('front = "nginx"', line))


def test_an_option_of_another_front_is_named(tmp_path: Path) -> None:
    """nginx buffers, HAProxy does not."""
    line = 'front = { kind = "haproxy", buffering = true }'
    with pytest.raises(ScenarioError, match="'buffering' is an option of front 'nginx', got it for 'haproxy'"):
        read_scenario(write(tmp_path, GOOD.replace('front = "nginx"', line)))
