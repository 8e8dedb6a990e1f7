"""Every front hands over while it serves: to other containers, to one more, to a new certificate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.attest.serving import members, serving
from lab.engines import Deployment
from lab.engines.docker.engine import DockerEngine
from lab.engines.there import fingerprint, who
from lab.host.authority import make_certificate
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.run.renewing import fingerprint_of
from lab.scenario.drills import Drill, Verb
from lab.scenario.model import Arm, Load
from tests.integration.acting import carry_out
from tests.integration.conftest import REPOSITORY, scenario_of

pytestmark = pytest.mark.integration

LOAD = Load(locustfile=REPOSITORY / "locustfiles" / "json_api.py", rate=50.0, measure=60.0)
BLUE_GREEN = Drill(verb=Verb.DEPLOY, style="blue-green", drain=0.5)
SCALE = Drill(verb=Verb.SCALE)
ROTATE = Drill(verb=Verb.ROTATE_CERT, hold=0.5)


@contextmanager
def under_load(deployment: Deployment, failures: list[float]) -> Iterator[None]:
    """One request after the other where clients connect, each on a connection of its own; when one failed."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.01):
            if who(deployment.topology, deployment.topology.entry) is None:
                failures.append(time.monotonic())

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("front", "last"), [("nginx", BLUE_GREEN), ("haproxy", SCALE), ("caddy", BLUE_GREEN), ("traefik", SCALE)]
)
def test_a_front_takes_other_containers_and_another_certificate_while_it_serves(
    engine: DockerEngine, front: str, last: Drill
) -> None:
    """Who was taken out is told by the answers, and the certificate by its fingerprint.

    Not one request fails, but at Caddy's, which may close connections that are made at that instant.
    """
    arm = Arm(name="arm", model="replicas", front={"kind": front, "tls": True})
    scenario = scenario_of(arm, drills=(last,), load=LOAD)
    certificate, failures = make_certificate(), list[float]()
    ports = engine.free_ports(ports_needed(scenario, arm), seed=1)
    topology = build_topology(scenario, build_plan(scenario).trials[0], ports, certificate=certificate)
    with engine.deploy(topology) as deployment, under_load(deployment, failures):
        rotated = carry_out(arm, deployment, ROTATE, certificate.next)
        shown = fingerprint(deployment.topology.entry)
        rolled = carry_out(arm, deployment, Drill(verb=Verb.ROLL, drain=0.5))
        renewed = carry_out(arm, deployment, last)
        now = {member.service for member in serving(deployment.there(members, deployment.current()))}
        logs = deployment.logs()

    reload = rotated[0].what
    assert failures == [] or front == "caddy"
    assert [act.what for act in rotated] == [reload, "certificate", "closed"]
    assert certificate.next is not None
    assert shown == fingerprint_of(certificate.next.chain) != fingerprint_of(certificate.chain)
    assert [act.what for act in rolled] == [reload, "drained", "restarted", reload, "returned"] * 2
    assert [act.detail for act in rolled if act.what == "returned"] == ["app-1", "app-2"]
    if last is BLUE_GREEN:
        assert [act.what for act in renewed] == ["added", reload, "drained", "removed", "removed"]
        assert now == {"app-1-new", "app-2-new"}
        assert set(logs) >= {"app-1.before", "app-1-new"}
    else:
        assert [act.what for act in renewed] == ["added", reload, "returned", "came"]
        assert renewed[2].detail == "app-3"
        assert now == {"app-1", "app-2", "app-3"}


@pytest.mark.alone
def test_a_supervisor_takes_one_more_and_another_certificate(engine: DockerEngine) -> None:
    """By SIGTTIN and SIGHUP: its new workers read what is there then.

    uvicorn gives up such a renewal for good where a new worker needs more than 5 s, as on a machine that is busy.
    """
    arm = Arm(name="arm", model="workers", front={"kind": "direct", "tls": True})
    scenario = scenario_of(arm, drills=(SCALE,), load=LOAD)
    certificate = make_certificate()
    ports = engine.free_ports(ports_needed(scenario, arm), seed=1)
    topology = build_topology(scenario, build_plan(scenario).trials[0], ports, certificate=certificate)
    with engine.deploy(topology) as deployment:
        scaled = carry_out(arm, deployment, SCALE)
        rotated = carry_out(arm, deployment, ROTATE, certificate.next)

    assert [act.what for act in scaled] == ["SIGTTIN", "came"]
    assert [act.what for act in rotated] == ["SIGHUP", "certificate", "closed"]
