"""Drills where an agent reaches the arm: every verb in a network of its own (on nodes: test_nodes.py)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import docker
import pytest

from lab.attest.serving import members, serving
from lab.engines import Deployment
from lab.engines.docker.opening import open_docker
from lab.engines.there import ask
from lab.host.authority import make_certificate
from lab.host.labels import RUN
from lab.plan.blocks import build_plan
from lab.run.topology import topology_of
from lab.scenario.budget import Budget
from lab.scenario.drills import Drill, Verb
from lab.scenario.model import Arm, Load
from tests.integration.acting import carry_out
from tests.integration.conftest import REPOSITORY, scenario_of

pytestmark = pytest.mark.integration

RUN_ID = f"apart-tests-{os.getpid()}"
LOAD = Load(locustfile=REPOSITORY / "locustfiles" / "json_api.py", rate=50.0, measure=60.0)
LIMITED = Budget(processes=2, memory="split:600MiB")  # type: ignore[arg-type]  # parsed
NGINX = {"kind": "nginx", "tls": True}
WITHIN_S = 60.0
# In this order, on one deployment each; the last one is what a scenario of its own prepares an arm for.
OF_REPLICAS = (
    (Drill(verb=Verb.ROTATE_CERT, hold=0.5), ["SIGHUP", "certificate", "closed"]),
    (Drill(verb=Verb.ROLL, drain=0.5), ["SIGHUP", "drained", "restarted", "SIGHUP", "returned"] * 2),
    (Drill(verb=Verb.DEPLOY), ["deployed"] * 2),
    (Drill(verb=Verb.OOM), ["request", "killed"]),
    (Drill(verb=Verb.RECYCLE, hold=0.5), ["SIGTERM"] * 2),
    (Drill(verb=Verb.KILL_FRONT), ["SIGKILL"]),
    (Drill(verb=Verb.SCALE), ["added", "SIGHUP", "returned", "came"]),
)
OF_WORKERS = (
    (Drill(verb=Verb.SCALE), ["SIGTTIN", "came"]),
    (Drill(verb=Verb.CRASH_LOOP, hold=0.1), ["SIGKILL"]),
    (Drill(verb=Verb.KILL_SUPERVISOR), ["SIGKILL"]),
    (Drill(verb=Verb.BLOCK, hold=0.1), ["request", "answer"]),
    (Drill(verb=Verb.STOP), ["SIGTERM", "stopped"]),
)
BLUE_GREEN = (
    (Drill(verb=Verb.DEPLOY, style="blue-green", drain=0.5), ["added", "SIGHUP", "drained"] + ["removed"] * 2),
)


@pytest.fixture(autouse=True)
def _nothing_stays(client: docker.DockerClient) -> Iterator[None]:
    yield
    mine = {"label": f"{RUN}={RUN_ID}"}
    left = [*client.containers.list(all=True, ignore_removed=True, filters=mine), *client.networks.list(filters=mine)]
    assert [each.name for each in left] == []


@pytest.mark.parametrize(
    ("model", "drills"),
    [("replicas", OF_REPLICAS), ("workers", OF_WORKERS), ("replicas", BLUE_GREEN)],
    ids=("replicas", "workers", "blue-green"),
)
def test_every_verb_is_carried_out_in_a_network_of_its_own(
    client: docker.DockerClient,
    making_images: Callable[[], AbstractContextManager[None]],
    model: str,
    drills: Sequence[tuple[Drill, list[str]]],
) -> None:
    """By the agent that sees its processes; after each the arm answers where clients connect."""
    arm = Arm(name="arm", model=model, front=NGINX, restart="always")
    last = drills[-1][0]
    scenario = scenario_of(arm, drills=(last,), load=LOAD, budget=LIMITED, network="own")
    with making_images():
        engine, _ = open_docker(scenario, RUN_ID, print, docker_client=lambda: client)
    certificate = make_certificate()
    topology = topology_of(engine, build_plan(scenario).trials[0], certificate=certificate)
    with engine.deploy(topology) as deployment:
        for drill, acts in drills:
            told = carry_out(arm, deployment, drill, certificate.next)
            done = [act.what for act in told]
            assert done[: len(acts)] == acts, drill.verb
            assert set(done) == set(acts), f"{drill.verb}: a front asks another process again, and a loop goes on"
            if drill.verb is not Verb.STOP:
                until_it_answers(deployment, drill.verb)


def until_it_answers(deployment: Deployment, verb: Verb) -> None:
    """Where clients connect, and by as many processes as before at least."""
    give_up_at, good = time.monotonic() + WITHIN_S, 0
    while good < 6 or len(serving(deployment.there(members, deployment.current()))) < deployment.topology.processes:
        answered = deployment.there(ask, deployment.topology.probed, "/ready", 5.0)[0] == 200
        good = good + 1 if answered else 0
        assert time.monotonic() < give_up_at, f"after {verb} the arm does not answer"
        time.sleep(0.1)
