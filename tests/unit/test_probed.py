"""What is carried to whoever probes an arm: where it listens, and nothing of what its containers are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from lab.agent.calls import There, call_of
from lab.attest.evidence import collect
from lab.engines import Deployment
from lab.engines.readiness import ask_front, wait_until_ready
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.run.breaking import oom
from lab.run.scene import Scene
from lab.run.slots import Slots
from lab.run.verbs import block
from lab.scenario.drills import Drill, Verb
from tests.builders import REPLICAS, make_scenario

SECRET = "hunter22"
DRILLS = [{"verb": "deploy", "style": "blue-green"}]  # so that there are further containers, of the same environment
APP = {"image": "shop:1", "env": {"TOKEN": SECRET}}
BESIDE = [{"name": "db", "image": "db", "env": {"KEY": SECRET}}]
LOAD = {"locustfile": "f.py", "rate": 1, "measure": "30s"}


class SentError(Exception):
    """What was to be carried to an agent is known."""


def topology() -> Topology:
    given = make_scenario((REPLICAS,), app=APP, sidecars=BESIDE, drills=DRILLS, load=LOAD, budget={"processes": 2})
    trial = build_plan(given).trials[0]
    made = build_topology(trial.scenario, trial, nominal_ports(trial.scenario, trial.arm))
    whole = str(call_of(ask_front, (made,)))
    assert whole.count(SECRET) == 2 * 2 + 1, "two containers, as many further ones, and what stands beside them"
    return made


def there(function: Callable[..., Any], *arguments: Any) -> Any:
    """An agent to which every topology is carried as text."""
    if any(isinstance(each, Topology) for each in arguments):
        raise SentError(json.dumps(call_of(function, arguments)))
    return {"oom_kills": 0, "members": ()}[function.__name__]


def deployment() -> Deployment:
    return Deployment(
        topology=topology(),
        services=(),
        targets=(),
        boot_s=1.0,
        servers={},
        strangers=(),
        neighbours=(),
        check=lambda: None,
        logs=dict,
        there=cast(There, there),
    )


def scene(verb: Verb) -> Scene:
    return Scene(drill=Drill(verb=verb), deployment=deployment(), seed=1, tell=lambda _: None, wait=lambda _: False)


@pytest.mark.parametrize(
    "probe",
    [
        lambda: wait_until_ready(topology(), lambda: None, {}, there=cast(There, there)),
        lambda: collect(deployment()),
        lambda: Slots(scene=scene(Verb.ROLL)).listen(),
        lambda: block(scene(Verb.BLOCK)),
        lambda: oom(scene(Verb.OOM)),
    ],
    ids=["readiness", "attestation", "slots", "block", "oom"],
)
def test_no_probe_carries_what_containers_are_made_of(probe: Callable[[], object]) -> None:
    """Their environment may hold secrets, and their files keys: an agent that asks needs neither."""
    with pytest.raises(SentError) as sent:
        probe()
    assert SECRET not in str(sent.value)
    assert '"services": []' in str(sent.value)
