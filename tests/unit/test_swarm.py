"""`lab export --to swarm`: stacks with the services of the arm, and those before it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from lab.export.target import TARGETS
from tests.exports import PAIRS, RICH, RICH_ARM, deployment, measured

SWARM = TARGETS["swarm"]


def stacks(given: Any) -> dict[str, Any]:
    """Each stack file, by its name."""
    return {file.name: yaml.safe_load(file.text) for file in SWARM.files(given) if file.name.endswith(".yaml")}


@pytest.mark.parametrize(("model", "front"), PAIRS)
def test_every_model_and_front_has_its_services(model: str, front: str) -> None:
    """By the names that the front asks for; one is published, on the node where it is."""
    given = deployment({"name": "arm", "model": model, "front": front}, measured())
    services = stacks(given)["stack.yaml"]["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert set(services) == {service.name for service in given.topology.services}
    assert {name: ports[0]["mode"] for name, ports in published.items()} == {given.entry.name: "host"}
    assert services[given.entry.name]["deploy"]["update_config"]["order"] == "stop-first"
    assert [services[each.name]["command"] for each in given.app] == [list(each.argv) for each in given.app]


EVERYWHERE = {"engine": "swarm", "nodes": [{"name": "one"}, {"name": "two"}], "swarm": {"front": "*"}}


def test_a_front_that_was_on_every_node_is_a_global_service() -> None:
    """One service for all of them, with the share of the budget that each had, and the need of the neediest."""
    arm = {"name": "arm", "model": "replicas", "front": "nginx"}
    asked = {"budget": {"processes": 2, "cpus": "split:4"}}
    given = deployment(arm, measured(), **asked, **EVERYWHERE)
    services = stacks(given)["stack.yaml"]["services"]
    assert set(services) == {"app-1", "app-2", "nginx"}
    assert (services["nginx"]["deploy"]["mode"], "replicas" in services["nginx"]["deploy"]) == ("global", False)
    assert {each["deploy"]["resources"]["limits"]["cpus"] for each in services.values()} == {"1"}
    assert services["app-1"]["deploy"]["replicas"] == 1
    other = given.needs.services["nginx"]
    needier = replace(other, memory_bytes=2 * (other.memory_bytes or 0))
    both = replace(given, needs=replace(given.needs, services={**given.needs.services, "nginx-2": needier}))
    assert both.need(both.entry).memory_bytes == needier.memory_bytes
    placed = deployment(arm, measured(), **asked, **{**EVERYWHERE, "swarm": {"front": "two"}})
    assert stacks(placed)["stack.yaml"]["services"]["nginx"]["deploy"]["replicas"] == 1


def test_sidecars_and_jobs_are_a_stack_before() -> None:
    """A job is one for Swarm; the certificate is a secret; another configuration is another config."""
    given = deployment(RICH_ARM, measured(), **RICH)
    found = stacks(given)
    before, stack = found["before.yaml"]["services"], found["stack.yaml"]
    other = deployment({**RICH_ARM, "front": {"kind": "nginx", "tls": True, "retries": 2}}, measured(), **RICH)

    assert {name: service["deploy"].get("mode") for name, service in before.items()} == {
        "db": None,
        "cache": None,
        "migrate": "replicated-job",
        "warm-1": "replicated-job",
        "warm-2": "replicated-job",
    }
    assert before["db"]["healthcheck"]["test"] == ["CMD", "pg_isready", "--username", "x"]
    assert set(stack["secrets"]) == {"tls_certificate", "tls_key"}
    assert stack["configs"]["nginx.conf"]["name"] != stacks(other)["stack.yaml"]["configs"]["nginx.conf"]["name"]
    assert stack["services"]["app-1"]["volumes"][-1] == {"type": "tmpfs", "target": "/data", "tmpfs": {"size": 2**26}}


def test_a_stack_has_a_name_with_room_for_those_of_services() -> None:
    """Swarm joins them; where hardly any room is left it is refused."""
    arm = {"name": "a" * 30, "model": "workers", "front": "direct"}
    given = deployment(arm, measured(), jobs=[{"name": "j" * 40, "command": "true"}])
    (stack,) = re.findall(r"deploy -c stack.yaml (\S+)", SWARM.start(given))
    job = replace(given.topology.before[0].jobs[0].service, name="j" * 51)
    stage = replace(given.topology.before[0], jobs=(replace(given.topology.before[0].jobs[0], service=job),))
    longer = replace(given, topology=replace(given.topology, before=(stage,)))

    assert SWARM.refusal(given) == ""
    assert 62 - 42 < len(stack) <= 62 - 40  # it may have been cut at a hyphen
    assert "62 characters at most" in SWARM.refusal(longer)
