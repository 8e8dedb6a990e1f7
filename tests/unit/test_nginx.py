"""Front nginx: its options, and a configuration of the user's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.fronts.front import FrontPlace, front_title
from lab.plan.fronts.nginx import Nginx, configuration
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint, Service, Topology
from lab.plan.upstream import NAMED_UPSTREAM
from lab.scenario.budget import Limits
from lab.scenario.file import read_scenario, scenario_from_json, scenario_to_json
from lab.scenario.model import Scenario
from lab.scenario.toml_text import scenario_text
from tests.unit.test_scenario_file import GOOD, write

OWN = """\
worker_processes 2;  # daemon on; is only a remark
events {}
http {
    proxy_temp_path mine;
    upstream app {
        {upstreams}
    }
    server { listen {listen}; location / { proxy_pass http://app; } }
}
"""
PLACE = FrontPlace(app=(Endpoint(port=20001), Endpoint(port=20002)), ports=(20003,), limits=Limits())


def scenario(folder: Path, front: str, config: str = "") -> Scenario:
    """The good scenario with this front of its second arm, and a nginx.conf beside the file."""
    (folder / "nginx.conf").write_text(config)
    return read_scenario(write(folder, GOOD.replace('front = "nginx"', f'front = {{ kind = "nginx", {front} }}')))


def deployed(read: Scenario) -> tuple[Topology, Service]:
    """The topology of the second arm, and its nginx."""
    trial = next(trial for trial in build_plan(read).trials if trial.arm == read.arms[1])
    topology = build_topology(read, trial, nominal_ports(read, trial.arm))
    return topology, next(each for each in topology.services if each.kind is ServiceKind.PROXY)


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ({"timeout": 90.0}, "proxy_read_timeout 90000ms;"),
        ({"timeout": 90.0}, "client_body_timeout 90000ms;"),
        ({"buffering": True}, "proxy_buffering on;"),
        ({}, "proxy_buffering off;"),
        ({"retries": 0}, "proxy_next_upstream off;"),
        ({"retries": 2}, "proxy_next_upstream_tries 3;"),
        ({"pool": 8}, "keepalive 16;"),
        ({"fail_timeout": 2.5}, "server 127.0.0.1:20001 max_fails=1 fail_timeout=3s;"),
        ({}, "client_max_body_size 0;"),
        ({}, "proxy_set_header X-Forwarded-For $remote_addr;"),
    ],
)
def test_options_reach_the_configuration(option: dict[str, Any], line: str) -> None:
    """Each as nginx writes it; the pool is for every address of the app."""
    assert f" {line}\n" in configuration(Nginx(**option), PLACE)


def test_stock_has_no_limits_of_the_labs() -> None:
    """Only where it listens, what it passes requests to, and who the client was."""
    text = configuration(Nginx(profile="stock"), PLACE)

    assert [word for word in ("timeout", "keepalive", "buffer", "max_body", "Upgrade", "retries") if word in text] == []
    assert "proxy_set_header Host $lab_host;" in text


def test_the_title_names_what_is_not_as_usual(tmp_path: Path) -> None:
    """So that two arms with different options are told apart."""
    read = scenario(tmp_path, 'balance = "least_conn", buffering = true, timeout = "5s"')

    assert front_title(read.arms[1]) == "nginx (tuned, least_conn, buffering, timeout 5)"
    assert front_title(scenario(tmp_path, 'config = "nginx.conf"', OWN).arms[1]) == "nginx (own nginx.conf)"


def test_a_configuration_of_ones_own_gets_addresses_and_places_to_write_to(tmp_path: Path) -> None:
    """Relative to the scenario file; everything else stays as it was written."""
    read = scenario(tmp_path, 'config = "nginx.conf"', OWN)
    topology, nginx = deployed(read)
    text = nginx.files[0].text

    assert topology.upstream_of == "", "its answers name no upstream"
    assert f"listen {topology.entry.address};" in text
    assert all(f"server {endpoint.address};" in text for endpoint in topology.app)
    assert "http {\n    client_body_temp_path client_body; fastcgi_temp_path" in text
    assert text.count("proxy_temp_path") == 1
    assert nginx.argv[-2:] == ("-g", "daemon off; pid nginx.pid;")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("", ["access_log /dev/stdout;"]),
        ("access_log off;", ["access_log off;"]),
        ("access_log /var/log/nginx/access.log main;", ["access_log /dev/stdout main;"]),
        (
            "# access_log off;\nerror_log /var/log/nginx/error.log;",
            ["error_log /dev/stderr;", "access_log /dev/stdout;"],
        ),
    ],
)
def test_logs_go_where_the_image_has_them(tmp_path: Path, told: str, expected: list[str]) -> None:
    """A plain process may not write to the machine's own /var/log/nginx, and a container's would be lost."""
    _, nginx = deployed(scenario(tmp_path, 'config = "nginx.conf"', OWN.replace("http {", f"http {{\n    {told}\n")))

    assert "/var/log" not in nginx.files[0].text
    assert all(line in nginx.files[0].text for line in expected)
    assert nginx.files[0].text.count("access_log /dev") == sum("access_log /dev" in line for line in expected)


def test_a_configuration_may_name_the_upstream_and_run_itself(tmp_path: Path) -> None:
    """Then attestation goes by the header, and nothing is given twice, which nginx refuses."""
    text = OWN.replace("server {", "add_header X-Lab-Upstream $named always; server {")
    topology, nginx = deployed(scenario(tmp_path, 'config = "nginx.conf"', f"daemon off; pid mine.pid;\n{text}"))

    assert topology.upstream_of == NAMED_UPSTREAM
    assert "-g" not in nginx.argv


def test_a_stored_scenario_keeps_the_path(tmp_path: Path) -> None:
    """As JSON for run.json, as TOML for people."""
    read = scenario(tmp_path, 'config = "nginx.conf"', OWN)

    assert scenario_from_json(json.loads(json.dumps(scenario_to_json(read)))) == read
    assert f'config = "{tmp_path / "nginx.conf"}"' in scenario_text(read)


@pytest.mark.parametrize(
    ("front", "config", "sentence"),
    [
        ('config = "gone.conf"', OWN, "arms[1].front.config: {folder}/gone.conf cannot be read"),
        ('config = "nginx.conf"', OWN.replace("{listen}", "80"), "nginx.conf has no placeholder {{listen}}"),
        ('config = "nginx.conf"', OWN.replace("{upstreams}", "# {upstreams}"), "has no placeholder {{upstreams}}"),
        ('config = "nginx.conf"', f"daemon  on;\n{OWN}", "nginx.conf says daemon on"),
        ('config = "nginx.conf", balance = "random"', OWN, '"balance" says nothing here, because config has it'),
        ('profile = "stock", timeout = "5s"', OWN, '"timeout" says nothing here, because profile = "stock"'),
        ('timeout = "0s"', OWN, "timeout: expected more than 0"),
        ('retries = "2"', OWN, "retries: expected a whole number"),
    ],
)
def test_what_cannot_run_is_refused_with_the_reason(tmp_path: Path, front: str, config: str, sentence: str) -> None:
    """Exit 2, before anything is built."""
    with pytest.raises(ScenarioError) as refused:
        scenario(tmp_path, front, config)

    assert sentence.format(folder=tmp_path) in str(refused.value)
