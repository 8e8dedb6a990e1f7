"""`lab export --to swarm`: stacks with the services of the arm, and those before it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from lab.export.target import TARGETS
from tests.exports import DIRECT, PAIRS, RICH, RICH_ARM, SEVERAL, deployment, measured

SWARM = TARGETS["swarm"]


def stacks(given: Any) -> dict[str, Any]:
    """Each stack file, by its name."""
    return {file.name: yaml.safe_load(file.text) for file in SWARM.files(given) if file.name.endswith(".yaml")}


def said(given: Any) -> str:
    """The head of the stack as one line."""
    return " ".join(SWARM.files(given)[0].text.replace("#", " ").split())


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


EVERYWHERE: dict[str, Any] = {"engine": "swarm", "nodes": [{"name": "one"}, {"name": "two"}], "swarm": {"front": "*"}}


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


def test_each_stage_before_the_arm_is_a_stack_file() -> None:
    """Of what is in one, Swarm starts all at once. A job is one for it, the certificate a secret."""
    given = deployment(RICH_ARM, measured(), **RICH)
    found = stacks(given)
    before = {name: each["services"] for name, each in found.items() if name.startswith("before")}
    stack, db = found["stack.yaml"], before["before-1.yaml"]["db"]
    steps = [step for step in SWARM.start(given).split("; ") if "deploy" in step or "wait" in step]
    other = deployment({**RICH_ARM, "front": {"kind": "nginx", "tls": True, "retries": 2}}, measured(), **RICH)

    assert {
        name: {each: service["deploy"].get("mode") for each, service in services.items()}
        for name, services in before.items()
    } == {
        "before-1.yaml": {"db": None, "cache": None},
        "before-2.yaml": {"migrate": "replicated-job"},
        "before-3.yaml": {"warm-1": "replicated-job", "warm-2": "replicated-job"},
    }
    assert [step.split()[5] if "deploy" in step else step.partition(":")[0] for step in steps] == [
        "before-1.yaml",
        "wait until its services are up",
        "before-2.yaml",
        "wait until its jobs are complete",
        "before-3.yaml",
        "wait until its jobs are complete",
        "stack.yaml",
    ]
    assert db["healthcheck"]["test"] == ["CMD", "pg_isready", "--username", "x"]
    assert set(stack["secrets"]) == {"tls_certificate", "tls_key"}
    assert stack["configs"]["nginx.conf"]["name"] != stacks(other)["stack.yaml"]["configs"]["nginx.conf"]["name"]
    assert stack["services"]["app-1"]["volumes"][-1] == {"type": "tmpfs", "target": "/data", "tmpfs": {"size": 2**26}}


def test_a_sidecar_that_ends_is_awaited_as_a_job() -> None:
    """It is one for Swarm, which shows it as complete, and never as up; a stage with both has both named."""
    given = deployment({"name": "arm", "model": "replicas", "front": "nginx"}, measured(), **SEVERAL)
    side_by_side = {**SEVERAL, "sidecars": [{**each, "depends": []} for each in SEVERAL["sidecars"]]}
    both = deployment({"name": "arm", "model": "replicas", "front": "nginx"}, measured(), **side_by_side)
    modes = [
        {service["deploy"].get("mode") for service in each["services"].values()}
        for name, each in stacks(given).items()
        if name.startswith("before")
    ]

    assert modes == [{None}, *[{"replicated-job"}] * 4]
    assert waits(given) == ["its services are up", *["its jobs are complete"] * 4]
    assert waits(both) == ["its services are up and its jobs are complete", *["its jobs are complete"] * 3]


def waits(given: Any) -> list[str]:
    return re.findall("wait until ([^:]+):", SWARM.start(given))


def test_what_swarm_takes_for_a_template_stays_as_it_is() -> None:
    """It fills in values of the environment, and folders, and rejects a task if one of them is no template."""
    env = {"A": "{{.Node.ID}} {{{b", "B": "}} { {c} $d"}
    folder = {"app": {"image": "example/app:1", "volumes": ["/data/{{x"]}}
    given = deployment({"name": "arm", "model": "workers", "front": "direct", "env": env}, measured(), **folder)
    service = stacks(given)["stack.yaml"]["services"]["app"]

    assert service["volumes"][-1]["target"] == '/data/{{"{{"}}x'

    assert service["environment"] == {"A": '{{"{{"}}.Node.ID}} {{"{{"}}{b', "B": "}} { {c} $$d"}
    assert list(service)[:2] == ["image", "command"]


def test_an_update_does_not_end_what_serves_before_the_next_does() -> None:
    """Without a health check Swarm takes what has started for up; with that of the image it waits."""
    arm = {"name": "arm", "model": "replicas", "front": "nginx"}
    orders, notes = {}, {}
    for checked in (False, True):
        given = deployment(arm, measured(), app={"image": "example/app:1", "healthcheck": checked})
        services = stacks(given)["stack.yaml"]["services"]
        orders[checked] = services["app-1"]["deploy"]["update_config"]["order"]
        notes[checked] = "a health check of the app" in said(given)

    assert orders == {False: "stop-first", True: "start-first"}
    assert notes == {False: True, True: False}


def test_another_certificate_is_another_secret() -> None:
    """Swarm changes none; which one it is, only a person knows."""
    given = deployment(RICH_ARM, measured(), **RICH)
    secrets = stacks(given)["stack.yaml"]["secrets"]

    assert secrets["tls_key"]["name"].endswith("-${TLS_VERSION:-1}-tls_key")
    assert "TLS_VERSION=1" in next(file.text for file in SWARM.files(given) if file.name == "values.env")
    assert "warm-2, app-1, app-2: here everybody may write to them, and nothing in them can run" in said(given)
    assert "TLS_VERSION" not in said(deployment(DIRECT, measured()))


def test_a_stack_has_a_name_with_room_for_those_of_services() -> None:
    """Swarm joins them; where hardly any room is left it is refused."""
    arm = {"name": "a" * 30, "model": "workers", "front": "direct"}
    given = deployment(arm, measured(), jobs=[{"name": "j" * 40, "command": "true"}])
    (stack,) = re.findall(r"registry-auth -c stack.yaml (\S+)", SWARM.start(given))
    job = replace(given.topology.before[0].jobs[0].service, name="j" * 51)
    stage = replace(given.topology.before[0], jobs=(replace(given.topology.before[0].jobs[0], service=job),))
    longer = replace(given, topology=replace(given.topology, before=(stage,)))

    assert SWARM.refusal(given) == ""
    assert 62 - 42 < len(stack) <= 62 - 40  # it may have been cut at a hyphen
    assert "62 characters at most" in SWARM.refusal(longer)
