"""Deliberately wrong arms on real containers: each is found out, with the proof in the sentence (METHOD 3)."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException

import docker
import pytest

from lab.attest.attest import attest
from lab.attest.claims import caveats
from lab.attest.evidence import collect
from lab.attest.raw_http import ask
from lab.attest.serving import members, serving
from lab.engines.docker.engine import DockerEngine
from lab.engines.docker.removal import remove_container
from lab.engines.readiness import UNNAMED
from lab.errors import DeploymentError, InvalidRunError
from lab.host.labels import OWNER, owner
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Service, Topology
from lab.plan.trial import Trial
from lab.record.types import Evidence
from lab.report.parts.gate_sentences import gate_sentence
from lab.scenario.kinds import FRONTS
from lab.scenario.model import Arm, Scenario
from tests.integration.conftest import app_of_repository, scenario_of, together
from tests.late import late_when
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

WORKERS = Arm(name="workers", model="workers", front="direct")
WORKERS_NGINX = Arm(name="workers-nginx", model="workers", front="nginx")
FASTAPI_RUN = Arm(name="fastapi-run", model="fastapi-run", front="direct")
REPLICAS = Arm(name="replicas", model="replicas", front="nginx")
BEHIND_EACH = [Arm(name=kind, model="replicas", front=kind) for kind, front in FRONTS.items() if front.hops]

Build = Callable[[Scenario], Topology]


def trial_of(scenario: Scenario) -> Trial:
    return build_plan(scenario).trials[0]


def with_argv(service: Service, option: str, value: str) -> Service:
    argv = list(service.argv)
    argv[argv.index(option) + 1] = value
    return replace(service, argv=tuple(argv))


def changed(topology: Topology, change: Callable[[Service], Service], kind: ServiceKind = ServiceKind.APP) -> Topology:
    services = tuple(change(service) if service.kind is kind else service for service in topology.services)
    return replace(topology, services=services)


@pytest.mark.parametrize("arm", [WORKERS, WORKERS_NGINX, FASTAPI_RUN], ids=lambda arm: arm.name)
def test_honest_arms_are_attested(engine: DockerEngine, topology_of: Build, arm: Arm) -> None:
    """The ordinary arms pass, and the evidence names loop, HTTP implementation and every listener's owner."""
    scenario = scenario_of(arm)
    with engine.deploy(topology_of(scenario)) as deployment:
        check_honest(attest(trial_of(scenario), deployment, None))


def test_honest_replicas_are_attested_behind_every_front(engine: DockerEngine) -> None:
    """Before the same two stand all of them at once."""
    trials = [trial_of(scenario_of(arm)) for arm in BEHIND_EACH]
    one, other, *fronts = engine.free_ports(2 + len(trials), seed=1)
    each = [
        build_topology(scenario_of(trial.arm), trial, (one, other, port))
        for trial, port in zip(trials, fronts, strict=True)
    ]
    with engine.deploy(together(each)) as deployment:
        for trial, topology in zip(trials, each, strict=True):
            check_honest(attest(trial, replace(deployment, topology=topology), None))


def check_honest(evidence: Evidence) -> None:
    """What is known of every arm that is what it says."""
    assert evidence.runtime == {"loop": "uvloop", "http": "httptools", "allocator": "glibc"}
    assert all(evidence.listeners.values())
    assert len(evidence.servers) == 2
    assert caveats(evidence) == []


@pytest.mark.parametrize("arm", [WORKERS, REPLICAS], ids=lambda arm: arm.name)
def test_a_shell_that_waits_for_its_server_is_an_init(engine: DockerEngine, topology_of: Build, arm: Arm) -> None:
    """As tini and ``uv run`` are: a process of the arm that serves nothing, and no replica has a supervisor by it."""
    scenario = scenario_of(arm)
    waits = changed(topology_of(scenario), lambda app: replace(app, argv=("sh", "-c", f"{shlex.join(app.argv)}; exit")))
    with engine.deploy(waits) as deployment:
        evidence = attest(trial_of(scenario), deployment, None)

    beside = {"supervisor": 1, "helper": 1, "worker": 2} if arm is WORKERS else {"worker": 1}
    assert all(roles == {"init": 1, **beside} for roles in evidence.roles.values())


@pytest.mark.parametrize("arm", [WORKERS, REPLICAS], ids=lambda arm: arm.name)
def test_a_header_that_processes_share_names_none(engine: DockerEngine, topology_of: Build, arm: Arm) -> None:
    """uvicorn's own ``Server`` is one: owners and addresses name the processes then, and a caveat says so."""
    scenario = scenario_of(arm)
    with engine.deploy(replace(topology_of(scenario), server_header="Server")) as deployment:
        evidence = attest(trial_of(scenario), deployment, None)

    assert all(server.startswith(UNNAMED) for server in evidence.servers)
    assert len(evidence.servers) == 2
    assert deployment.topology.server_header == ""
    assert evidence.ignored_header == "Server: uvicorn"
    assert [caveat.key for caveat in caveats(evidence)] == ["attestation.header"]


def test_fewer_workers_than_asked(engine: DockerEngine, topology_of: Build) -> None:
    """--workers 1 where 2 were asked for never becomes ready, and the sentence says how many answered."""
    topology = replace(topology_of(scenario_of(WORKERS)), ready_timeout_s=PATIENCE_S)
    wrong = changed(topology, lambda service: with_argv(service, "--workers", "1"))

    def serves() -> bool:
        with suppress(OSError, HTTPException):
            return ask(topology.entry, "GET", topology.ready_path).status == 200
        return False

    with pytest.raises(DeploymentError, match="1 of 2 serving processes answered"):
        with late_when(serves), engine.deploy(wrong):
            pytest.fail("must not come up")


def test_an_nginx_that_proxies_to_another_place(engine: DockerEngine, topology_of: Build) -> None:
    """The upstream in the answers is not of this arm."""
    scenario = scenario_of(WORKERS_NGINX, processes=1)
    with engine.deploy(topology_of(scenario_of(WORKERS, processes=1))) as elsewhere:
        port = elsewhere.topology.entry.port
        topology = replace(topology_of(scenario), trial_id="b02-workers-nginx")

        def redirect(service: Service) -> Service:
            file = service.files[0]
            text = file.text.replace(f"server {topology.app[0].address}", f"server 127.0.0.1:{port}")
            return replace(service, files=(ConfigFile(path=file.path, content=text.encode()),))

        with engine.deploy(changed(topology, redirect, ServiceKind.PROXY)) as deployment:
            with pytest.raises(
                InvalidRunError, match=rf"nginx \(tuned\) proxies to 127.0.0.1:{port}, which is not this arm"
            ):
                attest(trial_of(scenario), deployment, None)


def test_replicas_running_with_a_supervisor(engine: DockerEngine, topology_of: Build) -> None:
    """A replica that was started with --workers 2 has a supervisor, and too many processes serve."""
    scenario = scenario_of(REPLICAS)
    wrong = changed(topology_of(scenario), lambda service: with_argv(service, "--workers", "2"))

    with engine.deploy(wrong) as deployment:
        # Two are enough for it to be up: each has a second worker that may still be importing the app.
        until(lambda: len(serving(deployment.there(members, deployment.targets))) == 4, "four workers serve")
        with pytest.raises(InvalidRunError, match="4 worker processes .*app-1: 1 helper, 1 supervisor, 2 worker"):
            attest(trial_of(scenario), deployment, None)


def test_arms_that_are_served_differently(engine: DockerEngine, topology_of: Build) -> None:
    """The second arm runs on asyncio where the first ran on uvloop, and reads HTTP with zttp."""
    scenario = scenario_of(REPLICAS)
    wrong = changed(topology_of(scenario), lambda service: with_argv(service, "--loop", "asyncio"))
    wrong = changed(wrong, lambda service: with_argv(service, "--http", "zttp"))

    with engine.deploy(wrong) as deployment:
        with pytest.raises(InvalidRunError, match="http zttp instead of httptools, loop asyncio instead of uvloop"):
            attest(trial_of(scenario), deployment, {"loop": "uvloop", "http": "httptools"})


def test_threads_on_an_ordinary_python(engine: DockerEngine, topology_of: Build) -> None:
    """There the same command starts processes."""
    scenario = scenario_of(Arm(name="threads", model="threads", front="direct"))
    with engine.deploy(topology_of(scenario)) as deployment:
        with pytest.raises(InvalidRunError, match=r"needs a Python that is built for it.*2 worker"):
            attest(trial_of(scenario), deployment, None)


def test_an_allocator_that_the_image_lacks(engine: DockerEngine, topology_of: Build) -> None:
    """The linker warns and goes on with glibc's: the arm would be named after what it does not have."""
    scenario = scenario_of(Arm(name="other", model="replicas", front="nginx", env={"LD_PRELOAD": "libmimalloc.so.3"}))
    with engine.deploy(topology_of(scenario)) as deployment:
        with pytest.raises(InvalidRunError, match="LD_PRELOAD names mimalloc, but its processes allocate by glibc"):
            attest(trial_of(scenario), deployment, None)


def test_a_stale_container_of_the_same_image(
    client: docker.DockerClient, engine: DockerEngine, topology_of: Build
) -> None:
    """A forgotten container shares file pages and would lower every PSS: it is named."""
    scenario = scenario_of(WORKERS)
    stale = client.containers.run(
        engine.image_id("app"),
        ["python", "-c", "import time; time.sleep(600)"],
        detach=True,
        network_mode="none",
        labels={OWNER: owner()},
    )
    try:
        with engine.deploy(topology_of(scenario)) as deployment:
            with pytest.raises(InvalidRunError, match=rf"same image \({stale.name}\)"):
                attest(trial_of(scenario), deployment, None)
    finally:
        remove_container(client, stale.id)


@pytest.mark.alone
def test_the_44_ms_of_workers_on_the_asyncio_loop_are_named(engine: DockerEngine, topology_of: Build) -> None:
    """The TCP_NODELAY defect shows in the keep-alive probe and is called by its name (FIELD 2)."""
    scenario = scenario_of(WORKERS, app=app_of_repository(loop="asyncio"))
    with engine.deploy(topology_of(scenario)) as deployment:
        evidence = collect(deployment)

    (caveat,) = caveats(evidence)
    assert evidence.keepalive_s == pytest.approx(0.044, abs=0.008)
    assert (caveat.key, caveat.value) == ("keepalive", evidence.keepalive_s)
    assert "TCP_NODELAY" in gate_sentence(caveat)
