"""Containers that end in a trial and are started again: what the engine and the kernel tell of it."""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import docker
import pytest

from lab.engines import Deployment
from lab.engines.docker.engine import DockerEngine
from lab.engines.images.images import ImageRecord
from lab.plan.topology import Topology
from lab.record.schema import EventKind
from lab.record.types import Event
from lab.sampling.cgroups import locate, read_memory
from lab.scenario.budget import Budget, Quota
from lab.scenario.model import Arm, Scenario
from lab.units import MIB
from tests.integration.conftest import FILL, RUN_ID, scenario_of
from tests.waiting import until

pytestmark = pytest.mark.integration

Build = Callable[[Scenario], Topology]
ALONE = Arm(name="alone", model="workers", front="direct", restart="always")
FULL = f"python3 -c '{FILL}'"


@pytest.fixture
def restarting(client: docker.DockerClient, images: Mapping[str, ImageRecord]) -> DockerEngine:
    """An engine, for an arm that it starts again when it has ended."""
    return DockerEngine(client, images, RUN_ID, (21000, 22999))


def alone(topology_of: Build, when_told: str = "") -> Topology:
    """One container that serves; ``when_told``: what its shell does then, see ``tell``. Its memory is limited."""
    budget = Budget(processes=1, memory=Quota(mode="split", amount=200 * MIB))
    topology = topology_of(scenario_of(ALONE, budget=budget))
    (service,) = topology.services
    serve = shlex.join(service.argv)
    shell = f"trap {shlex.quote(when_told)} USR1; {serve} & wait; wait"  # the first one ends with the signal
    argv = ("sh", "-c", shell) if when_told else (*service.argv, "--limit-max-requests", "20")
    return replace(topology, services=(replace(service, argv=argv),))


def tell(deployment: Deployment) -> None:
    """Tell the shell: by Docker's own `kill` the container would be one that shall not come again."""
    (target,) = deployment.targets
    os.kill(target.init_pid, signal.SIGUSR1)


def wait_for_end(deployment: Deployment, t0_s: float) -> Event:
    """The first end of which the engine tells, while the app is asked."""

    def ask() -> tuple[Event, ...]:
        with suppress(OSError, http.client.HTTPException):  # killed in mid-answer, or slow
            urllib.request.urlopen(deployment.topology.entry.url, timeout=1).read()
        return deployment.happened(t0_s)

    return until(ask, "the container ends", pause_s=0)[0]


def test_a_container_that_the_kernel_killed_is_told_by_the_engine(restarting: DockerEngine, topology_of: Build) -> None:
    """Docker has started it again, in a new cgroup that has counted nothing."""
    t0_s = time.monotonic()
    with restarting.deploy(alone(topology_of, f"exec {FULL}")) as deployment:
        told_s = time.monotonic() - t0_s
        tell(deployment)
        event = wait_for_end(deployment, t0_s)
        deployment.check()

    assert (event.kind, event.service, event.detail) == (EventKind.OUT_OF_MEMORY, "app", "137")
    assert told_s < event.t_s < time.monotonic() - t0_s


def test_a_replica_that_ends_after_so_many_requests_is_no_kill(restarting: DockerEngine, topology_of: Build) -> None:
    """uvicorn alone ends with 0 where a supervisor would replace a worker."""
    t0_s = time.monotonic()
    with restarting.deploy(alone(topology_of)) as deployment:
        event = wait_for_end(deployment, t0_s)

    assert (event.kind, event.detail) == (EventKind.ENDED, "0")


def test_a_killed_child_of_a_container_that_goes_on_is_counted_by_its_cgroup(
    engine: DockerEngine, topology_of: Build
) -> None:
    """Its supervisor hides it from everybody else."""
    t0_s = time.monotonic()
    with engine.deploy(alone(topology_of, FULL)) as deployment:
        (target,) = deployment.targets
        cgroup = locate(target.init_pid, target.container_id)
        tell(deployment)
        until(lambda: read_memory(cgroup).oom_kills, "the kernel kills somebody")
        deployment.check()
        assert deployment.happened(t0_s) == ()
