"""What runs before an arm, on an engine of accounts: how the wait ends, what is told, and in which order all goes."""

from __future__ import annotations

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import docker.errors
import pytest

from lab.engines.docker.engine import DockerEngine
from lab.engines.images.images import ImageRecord, Way
from lab.errors import DeploymentError
from lab.host.interrupts import INTERRUPTS
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from tests.builders import make_scenario
from tests.fake_containers import FakeEngineClient

RAN = {"Status": "exited", "ExitCode": 0, "StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": "2026-01-01T00:00:01Z"}
SOON_S = 40.0  # on a busy machine, and a small part of what a job or a sidecar has here
JOB = {"name": "migrate", "command": "sleep 3000", "timeout": 3000}
SIDECAR = {"name": "db", "image": "postgres:17", "ready": "exec:pg_isready"}


def topology(model: str = "workers", **tables: Any) -> Topology:
    scenario = make_scenario(network="own" if "sidecars" in tables else "host", **tables)
    trial = next(trial for trial in build_plan(scenario).trials if trial.arm.model.kind == model)
    return build_topology(scenario, trial, nominal_ports(scenario, trial.arm))


def deploy(client: FakeEngineClient, before: Topology) -> None:
    image = ImageRecord(name="app", id="sha256:1", digest="sha256:1", origin=Way.PRESENT, detail="")
    engine = DockerEngine(client, defaultdict(lambda: image), "run", (20000, 30000))
    with closing(client), engine.deploy(before):
        pytest.fail("nothing answers in this engine")


@contextmanager
def interrupted_when(client: FakeEngineClient) -> Iterator[None]:
    """A SIGINT comes once a container is waited for."""
    main = threading.main_thread().ident or 0

    def interrupt() -> None:
        if client.reloaded.wait(SOON_S):
            signal.pthread_kill(main, signal.SIGINT)

    before = signal.signal(signal.SIGINT, lambda *_: INTERRUPTS.interrupt())
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("tables", [{"jobs": [JOB]}, {"sidecars": [{**SIDECAR, "ready_timeout": 3000}]}])
@pytest.mark.timeout(60)
def test_an_interrupt_does_not_wait_for_a_job_or_a_sidecar(tables: dict[str, Any]) -> None:
    """Whatever time they have: it is over in seconds, and nothing of them is left."""
    client = FakeEngineClient(check=lambda: None)
    began = time.monotonic()
    with interrupted_when(client), pytest.raises(KeyboardInterrupt):
        deploy(client, topology(**tables))

    assert time.monotonic() - began < SOON_S
    assert set(client.made) == set(client.removed) != set()


def test_a_job_that_fails_ends_the_wait_for_the_others() -> None:
    """Those of the same stage are not waited for in vain."""
    failed = {"Status": "exited", "ExitCode": 3}
    both = topology("replicas", jobs=[{**JOB, "times": "each"}])
    names = [job.service.name for stage in both.before for job in stage.jobs]
    assert len(names) > 1
    began = time.monotonic()
    with pytest.raises(DeploymentError, match="exit code 3"):
        deploy(FakeEngineClient({names[0]: failed}), both)

    assert time.monotonic() - began < SOON_S


def test_a_check_that_hangs_is_limited_and_its_words_are_told() -> None:
    """As long as the sidecar has, not for ever."""
    client = FakeEngineClient(check=lambda: None, said="no attempt\nto connect")
    with pytest.raises(DeploymentError, match=r"not ready after 0\.2 s(?s:.*)no attempt\nto connect(?s:.*)words of db"):
        deploy(client, topology(sidecars=[{**SIDECAR, "ready_timeout": 0.2}]))


def test_a_check_that_fails_is_quoted() -> None:
    """Its last words say what is missing."""
    client = FakeEngineClient(check=lambda: 2, said="rejecting connections")
    with pytest.raises(DeploymentError, match="rejecting connections"):
        deploy(client, topology(sidecars=[{**SIDECAR, "ready_timeout": 0.2}]))


def test_a_check_of_a_sidecar_that_ends_meanwhile_is_not_the_engines_failure() -> None:
    """Docker's refusal to run it is followed by the end of the sidecar, with its last lines."""
    client = FakeEngineClient()

    def ends() -> int:
        for container in client.made.values():
            container.state.update(Status="exited", Running=False, ExitCode=7)
        raise docker.errors.APIError("409 Client Error", explanation="container is not running")

    client.check = ends
    with pytest.raises(DeploymentError, match=r"exit code 7 before it was ready(?s:.*)words of db") as caught:
        deploy(client, topology(sidecars=[SIDECAR]))

    assert caught.value.logs["db"] == "words of db\n"


def test_logs_survive_a_container_that_docker_refuses() -> None:
    """Those of running sidecars, of finished jobs, and of what ran before the job that is refused."""
    tables: dict[str, Any] = {"sidecars": [SIDECAR], "jobs": [{**JOB, "timeout": 5}]}
    app = next(service.name for service in topology(**tables).services)
    with pytest.raises(DeploymentError, match="refused a container") as caught:
        deploy(FakeEngineClient({"migrate": RAN}, refused=app), topology(**tables))
    assert caught.value.logs == {"db": "words of db\n", "migrate": "words of migrate\n"}

    with pytest.raises(DeploymentError, match="refused a container") as caught:
        deploy(FakeEngineClient(refused="migrate"), topology(**tables))
    assert caught.value.logs == {"db": "words of db\n"}


def test_containers_go_before_their_network() -> None:
    """To take each out of it by force would cost time in every trial."""
    client = FakeEngineClient(refused="migrate")
    with pytest.raises(DeploymentError):
        deploy(client, topology(sidecars=[SIDECAR], jobs=[JOB]))

    assert client.happened == ["create network", "create db", "start db", "remove db", "remove network"]
