"""What `lab export` writes, deployed for real: it is what the lab deploys, and answers as that does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from lab.engines.docker.carry import Cargo, carry_all
from lab.engines.docker.connection import connect
from lab.engines.docker.opening import open_docker
from lab.engines.images.images import ImageRecord
from lab.export.compose_parts import mebibytes
from lab.export.deployment import Deployment
from lab.export.target import TARGETS
from lab.host.labels import RUN, SERVICE
from lab.host.ports import free_ports
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.scenario.model import Arm
from lab.units import MIB
from tests.exports import deployment, measured
from tests.integration.conftest import ON_A_SWARM, scenario_of
from tests.swarm_hosts import until_ready
from tests.two_hosts import Host, images_lent
from tests.unit.test_swarm import EVERYWHERE

pytestmark = pytest.mark.integration

RUN_ID = f"exported-tests-{os.getpid()}"
COMPOSE = Path(__file__).parents[2] / ".venv" / "bin" / "docker-compose"
ARMS = (
    {"name": "replicas-nginx", "model": "replicas", "front": "nginx"},
    {"name": "workers", "model": "workers", "front": "direct"},
)
AGENT = "agent"
NAME = "tried"
STACK = f"com.docker.stack.namespace={NAME}"
DEADLINE_S = 90.0
ASK = """
import time, urllib.request
give_up_at, served = time.monotonic() + 60, set()
while len(served) < 2:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8080/ready", timeout=5) as answer:
            served.add(answer.headers["X-Lab-Upstream"])
    except OSError:  # not yet up
        pass
    if time.monotonic() > give_up_at:
        raise SystemExit(f"served by {served} only")
    time.sleep(0.1)
print(*served)
"""
Processes = Counter[str]


def exported(arm: Mapping[str, object], **changes: Any) -> Deployment:
    """The arm as these tests export it."""
    return deployment(arm, measured(), app={"image": "example/app:1"}, budget={"processes": 2}, **changes)


def limits_due(arm: Mapping[str, object]) -> dict[str, int]:
    """The memory limit of each service: what the export says, in whole MiB."""
    given = exported(arm)
    due = {service.name: given.memory_limit(service) for service in given.topology.services}
    return {name: mebibytes(limit) * MIB for name, limit in due.items() if limit is not None}


def limits_of(client: docker.DockerClient, selection: str, label: str) -> dict[str, int]:
    """The memory limit of each running container, by the name of its service, which is in ``label``."""
    found = client.containers.list(filters={"label": selection})
    return {each.labels[label]: each.attrs["HostConfig"]["Memory"] for each in found}


def write(folder: Path, target: str, arm: Mapping[str, object], values: Mapping[str, str], **changes: Any) -> None:
    """The exported files, with the values that a person would fill in."""
    for file in TARGETS[target].files(exported(arm, **changes)):
        (folder / file.name).write_text(file.text)
    lines = (folder / "values.env").read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if not line.startswith("#")]
    assert set(values) <= set(names)
    (folder / "values.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def values_of(arm: Mapping[str, object], images: Mapping[str, ImageRecord], port: int) -> dict[str, str]:
    """The images that are here, and a port of this machine."""
    front = {} if arm["front"] == "direct" else {f"{str(arm['front']).upper()}_IMAGE": images[str(arm["front"])].name}
    return {"APP_IMAGE": images["app"].name, **front, "PUBLISHED_PORT": f"127.0.0.1:{port}"}


def answer(port: int, path: str, give_up_s: float = DEADLINE_S) -> tuple[int, bytes]:
    """Status and body, once there is an answer of the app."""
    give_up_at = time.monotonic() + give_up_s
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                return response.status, response.read()
        except OSError:  # not yet up: refused, or a front without an app
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.2)


def processes(client: docker.DockerClient, *labels: str) -> Processes:
    """The command lines in the running containers with these labels, and how often each is there; without agents."""
    found = client.containers.list(filters={"label": list(labels)})
    arm = [container for container in found if container.labels.get(SERVICE) != AGENT]
    tables = [container.top(ps_args="-o pid,args")["Processes"] for container in arm]
    return Counter(" ".join(row[-1].split()) for table in tables for row in table)


@contextmanager
def composed(folder: Path, project: str) -> Iterator[None]:
    """``docker compose up``, as a project that nobody else has; everything is gone afterwards."""
    command = [str(COMPOSE), "--project-name", project, "--env-file", "values.env"]
    try:
        up = [*command, "up", "--detach", "--wait", "--pull", "never", "--quiet-pull"]
        done = subprocess.run(up, cwd=folder, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        yield
    finally:
        down = [*command, "down", "--volumes", "--timeout", "5"]
        subprocess.run(down, cwd=folder, check=True, capture_output=True, timeout=2 * DEADLINE_S)


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: str(arm["name"]))
def test_compose_deploys_what_the_lab_deploys(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], tmp_path: Path, arm: Mapping[str, Any]
) -> None:
    """A/A: the same processes under Compose and in the lab's own network, and the answers and limits that are due."""
    (port,) = free_ports(1, (23000, 23999), os.getpid())
    write(tmp_path, "compose", arm, values_of(arm, images, port))
    scenario = scenario_of(Arm(**arm), network="own")
    engine, _ = open_docker(scenario, RUN_ID, print, docker_client=lambda: client)
    topology = build_topology(scenario, build_plan(scenario).trials[0], ())
    name = f"{RUN_ID}-{arm['name']}"
    project = f"com.docker.compose.project={name}"
    with composed(tmp_path, name):
        said = [answer(port, path) for path in ("/ready", "/items/1")]
        theirs = processes(client, project)
        limits = limits_of(client, project, "com.docker.compose.service")
    with engine.deploy(topology):
        ours = processes(client, f"{RUN}={RUN_ID}")

    assert [status for status, _ in said] == [200, 200]
    assert theirs == ours
    assert limits == limits_due(arm)
    assert set(limits) == {service.name for service in topology.services}
    assert client.containers.list(all=True, filters={"label": project}) == []


@pytest.fixture
def swarm(two_in_a_swarm: tuple[Host, Host], carried: Mapping[str, ImageRecord]) -> Iterator[tuple[Host, Host]]:
    """A Swarm of two nodes, each an engine of its own, with the images of the app and of nginx on both."""
    until_ready(two_in_a_swarm)
    wanted = {carried[key].id: carried[key].name for key in ("app", "nginx")}
    with ExitStack() as stack:
        machine = stack.enter_context(closing(connect()))
        lent = [(host, stack.enter_context(images_lent(host))) for host in two_in_a_swarm]
        carry_all(machine, [Cargo(node=host.address, target=own, images=wanted) for host, own in lent], print)
        yield two_in_a_swarm


def service_of(container: Container) -> str:
    return str(container.labels["com.docker.swarm.service.name"])


def there(hosts: tuple[Host, Host], *, ended: bool = False) -> list[list[Container]]:
    """The containers of the stack on each node: those that run, or those that have ``ended`` as well."""
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(host.engine.client())) for host in hosts]
        asked = {"filters": {"label": STACK}, "all": ended, "ignore_removed": True}
        return [client.containers.list(**asked) for client in clients]


@contextmanager
def stacked(folder: Path, hosts: tuple[Host, Host]) -> Iterator[None]:
    """``docker stack deploy``; everything is gone afterwards, from either node."""
    environment = {**os.environ, "DOCKER_HOST": hosts[0].engine.host}
    deploy = f"set -a; . ./values.env; set +a; docker stack deploy --resolve-image never -c stack.yaml {NAME}"
    try:
        done = subprocess.run(["sh", "-c", deploy], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        yield
    finally:
        removal = ["docker", "stack", "rm", NAME]  # refused as long as a task still has the network
        wait_until(lambda: succeeds(removal, environment), "the stack is not removed")
        wait_until(lambda: not any(there(hosts, ended=True)), "tasks of the stack do not go")


def succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    return subprocess.run(command, env=environment, capture_output=True, timeout=60).returncode == 0


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Look often; fail when it takes too long."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < give_up_at, otherwise
        time.sleep(0.2)


@ON_A_SWARM
def test_swarm_deploys_the_containers_of_the_arm(
    swarm: tuple[Host, Host], carried: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """Over both nodes, with the limits of the file; every container answers through the front of either node."""
    arm, values = ARMS[0], {"PUBLISHED_PORT": "8080", "ENDPOINT_MODE": "dnsrr"}
    write(tmp_path, "swarm", arm, {**values_of(arm, carried, 0), **values}, **EVERYWHERE)
    with stacked(tmp_path, swarm):
        wait_until(
            lambda: all(f"{NAME}_nginx" in map(service_of, each) for each in there(swarm)),
            "no task of the front came up on each node",
        )
        for host in swarm:
            asked = [*host.engine.prefix, sys.executable, "-c", ASK]
            said = subprocess.run(asked, capture_output=True, text=True, timeout=2 * DEADLINE_S)
            assert said.returncode == 0, said.stderr
            assert len(set(said.stdout.split())) == 2, "each of the two processes has served"
        everywhere = [each for found in there(swarm) for each in found]

    limits = {service_of(each): each.attrs["HostConfig"]["Memory"] for each in everywhere}
    assert len(everywhere) == 4
    assert limits == {f"{NAME}_{name}": limit for name, limit in limits_due(arm).items()}
    assert all(each.attrs["HostConfig"]["ReadonlyRootfs"] for each in everywhere)
