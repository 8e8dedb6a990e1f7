"""The Docker engine on real containers: what comes up, what is refused, and that nothing stays."""

from __future__ import annotations

import http.client
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from lab.attest.attest import attest
from lab.engines import Deployment
from lab.engines.docker.engine import DockerEngine
from lab.engines.docker.removal import remove_container
from lab.engines.images.asking import image_versions
from lab.engines.images.build import built_images, remove_image
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.engines.leftovers import find_leftovers, remove_leftovers
from lab.errors import DeploymentError
from lab.host.labels import OWNER, owner
from lab.plan.blocks import build_plan
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Topology
from lab.scenario.budget import Budget, Quota
from lab.scenario.model import Arm, Scenario
from tests.integration.conftest import FILL, LEAVES, RUN_ID, app_of_repository, labelled, scenario_of
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

WORKERS = Arm(name="workers", model="workers", front="direct")
REPLICAS = Arm(name="replicas", model="replicas", front="nginx")
SLEEP = ["python3", "-c", "import time; time.sleep(600)"]  # longer than any test

Build = Callable[[Scenario], Topology]


def get(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


def test_workers_are_one_container_whose_processes_all_answer(engine: DockerEngine, topology_of: Build) -> None:
    """One app container, as many distinct serving processes as asked, no proxy."""
    topology, began_s = topology_of(scenario_of(WORKERS, processes=3)), time.monotonic()
    with engine.deploy(topology) as deployment:
        assert len(deployment.servers) == 3
        assert [service.name for service in deployment.services] == ["app"]
        status, headers, _ = get(deployment.topology.entry.port, "/items/5?q=lab")
        assert status == 200
        assert "x-lab-upstream" not in headers
        assert 0 < deployment.boot_s < time.monotonic() - began_s


def test_replicas_are_n_hardened_containers_behind_nginx_and_a_death_is_noticed(
    client: docker.DockerClient, engine: DockerEngine, topology_of: Build
) -> None:
    """Two app containers on their own ports, nginx spreads requests over both; then one of them is killed."""
    with engine.deploy(topology_of(scenario_of(REPLICAS))) as deployment:
        assert len([s for s in deployment.services if s.kind == ServiceKind.APP]) == 2
        served = {get(deployment.topology.entry.port, "/")[1]["x-served-by"] for _ in range(8)}
        assert served == set(deployment.servers)
        check_hardened(client, deployment)
        check_death(client, deployment)


def check_hardened(client: docker.DockerClient, deployment: Deployment) -> None:
    """No capability, no new privileges, read-only root, bounded pids and logs, host network on loopback."""
    for service, target in zip(deployment.services, deployment.targets, strict=True):
        facts = client.containers.get(service.container_id).attrs
        assert facts["Config"]["Labels"]["lab.service"] == service.name
        host = facts["HostConfig"]
        assert host["CapDrop"] == ["ALL"]
        assert host["ReadonlyRootfs"] is True
        assert host["NetworkMode"] == "host"
        assert host["PidsLimit"] > 0
        assert host["LogConfig"]["Config"]["max-size"] == "10m"
        status = Path(f"/proc/{target.init_pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        assert "Uid:\t0" not in status, "the process runs as root"


def check_death(client: docker.DockerClient, deployment: Deployment) -> None:
    """check() passes while all is well and names the container that ended."""
    deployment.check()
    first = deployment.services[0]
    client.containers.get(first.container_id).kill()
    client.containers.get(first.container_id).wait(timeout=PATIENCE_S)
    with pytest.raises(DeploymentError, match=f"'{first.name}' ended with exit code 137"):
        deployment.check()


def test_a_split_cpu_budget_is_enforced(engine: DockerEngine, topology_of: Build) -> None:
    """0.2 cores for the whole arm: burning CPU in it is throttled by the kernel."""
    budget = Budget(processes=1, cpus=Quota(mode="split", amount=0.2))
    with engine.deploy(topology_of(scenario_of(WORKERS, processes=1, budget=budget))) as deployment:
        until_throttled(deployment, deployment.targets[0].init_pid)


def test_a_pooled_cpu_budget_is_enforced_over_the_sum(engine: DockerEngine, topology_of: Build) -> None:
    """Replicas have no quota of their own; their common parent throttles them."""
    budget = Budget(processes=2, cpus=Quota(mode="pooled", amount=0.3))
    with engine.deploy(topology_of(scenario_of(REPLICAS, budget=budget))) as deployment:
        pid = deployment.targets[0].init_pid
        until_throttled(deployment, pid, parent=True)
        assert throttled_periods(pid) == 0


@pytest.mark.parametrize("mode", ["split", "pooled"])
def test_an_allocation_past_the_memory_budget_is_killed(engine: DockerEngine, topology_of: Build, mode: str) -> None:
    """What is larger than the budget does not fit: the container is killed and the sentence says so."""
    app = app_of_repository(command=f"python -c '{FILL}' {{port}} {{workers}}")
    quota = Quota(mode="split" if mode == "split" else "pooled", amount=200 * 2**20)
    scenario = scenario_of(WORKERS, app=app, budget=Budget(processes=1, memory=quota))

    with pytest.raises(DeploymentError, match="ended with exit code 137"):
        with engine.deploy(topology_of(scenario)):
            pytest.fail("must not come up")


def until_throttled(deployment: Deployment, pid: int, *, parent: bool = False) -> None:
    """Have the arm burn CPU until it is throttled: beside other tests it may for a while get less than its quota."""
    before = throttled_periods(pid, parent=parent)

    def burnt() -> bool:
        get(deployment.topology.entry.port, "/cpu?ms=200")
        return throttled_periods(pid, parent=parent) > before

    until(burnt, "the kernel throttles the arm", pause_s=0)


def throttled_periods(pid: int, *, parent: bool = False) -> int:
    """nr_throttled of the process's cgroup, or of the one above it."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    path = next(p for _, names, p in (line.split(":", 2) for line in lines) if unified or "cpu" in names.split(","))
    directory = Path("/sys/fs/cgroup", "" if unified else "cpu", path.lstrip("/"))
    text = ((directory.parent if parent else directory) / "cpu.stat").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("nr_throttled")))


@contextmanager
def running(client: docker.DockerClient, image: str, **options: object) -> Iterator[str]:
    """A container that somebody else runs."""
    marks = {OWNER: owner()}
    container = client.containers.run(image, detach=True, network_mode="none", **{"labels": marks, **options})
    try:
        yield container.id
    finally:
        remove_container(client, container.id)


@LEAVES
def test_clean_removes_what_a_dead_lab_left_and_nothing_else(
    client: docker.DockerClient, engine: DockerEngine, topology_of: Build
) -> None:
    """By label and dead owner only: a look-alike name and a living lab's containers stay."""
    image = engine.image_id("app")
    dead = {"lab.run": f"dead-{RUN_ID}", "lab.owner": "4194000-1.00"}
    with (
        running(client, image, command=SLEEP, name=f"lab-dead-{RUN_ID}-b01-workers-app2") as stranger,
        running(client, image, command=SLEEP, labels=dead) as left,
        engine.deploy(topology_of(scenario_of(WORKERS))) as deployment,
    ):
        found = find_leftovers(client=client)
        assert left in {item.identity for item in found}
        assert not {stranger, deployment.services[0].container_id} & {item.identity for item in found}
        remove_leftovers([item for item in found if item.identity == left], client)
        assert client.containers.list(all=True, ignore_removed=True, filters={"label": f"lab.run=dead-{RUN_ID}"}) == []
        assert client.containers.get(stranger).status == "running"
        deployment.check()


def test_images_of_the_lab_are_told_by_label_and_name(
    client: docker.DockerClient, images: Mapping[str, ImageRecord]
) -> None:
    """One that is built on ours inherits the label and is somebody else's; one in use stays; the others go."""
    foreign = derived_image(client, images["app"].name)
    ours = f"process-model-lab/integration-tests:gone-{os.getpid()}"
    client.images.get(foreign).tag(*ours.split(":"))
    try:
        assert {ours, images["app"].name} <= set(built_images(client))
        assert foreign not in built_images(client)
        with running(client, ours, command=SLEEP):
            client.images.remove(foreign)
            assert not remove_image(client, ours)
        until(lambda: remove_image(client, ours), "it goes: another lab may try it for a moment")
        assert ours not in built_images(client)
        assert remove_image(client, ours), "that it is gone already is fine"
    finally:
        for name in (foreign, ours):
            remove_image(client, name)


def test_a_failed_start_leaves_nothing(client: docker.DockerClient, engine: DockerEngine, topology_of: Build) -> None:
    """One service that cannot start takes the others down with it."""
    topology = topology_of(scenario_of(REPLICAS))
    broken = replace(topology.services[0], argv=("/no/such/program",))

    with pytest.raises(DeploymentError, match=r"could not be started|ended with exit code"):
        with engine.deploy(replace(topology, services=(broken, *topology.services[1:]))):
            pytest.fail("must not come up")

    assert labelled(client) == []


def test_an_arm_runs_from_its_own_image(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], topology_of: Build
) -> None:
    """Prepared beside the app's, deployed, and attested as any other arm."""
    second = derived_image(client, images["app"].name)
    arm = replace(WORKERS, name="second", image=second)
    scenario = scenario_of(arm, processes=1)
    engine = DockerEngine(client, prepare_images(client, scenario, print), RUN_ID, (21000, 22999))
    try:
        with engine.deploy(topology_of(scenario)) as deployment:
            (record,) = deployment.services
            running = client.containers.get(record.container_id)
            assert (record.image, running.image.id) == (second, client.images.get(second).id)
            assert running.image.id != images["app"].id
            assert deployment.strangers == ()
            attest(build_plan(scenario).trials[0], deployment, None)
    finally:
        client.images.remove(second, force=True)


def derived_image(client: docker.DockerClient, base: str) -> str:
    """Another image with the same files: its name."""
    name = f"lab-integration-tests:second-{os.getpid()}"
    client.images.build(fileobj=io.BytesIO(f"FROM {base}\nENV SECOND=1\n".encode()), tag=name, rm=True)
    return name


def test_versions_inside_the_image_are_known(client: docker.DockerClient, engine: DockerEngine) -> None:
    """Python, FastAPI and uvicorn of the app's image; an image without Python has none, and that is no error."""
    found = image_versions(client, engine.image_id("app"), RUN_ID)
    assert found.keys() >= {"app_python", "fastapi", "uvicorn", "uvloop", "httptools"}
    assert found["uvicorn"].count(".") == 2
    assert image_versions(client, engine.image_id("nginx"), RUN_ID) == {}
