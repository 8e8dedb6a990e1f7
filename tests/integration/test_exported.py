"""What `lab export` writes, deployed for real: it is what the lab deploys, and answers as that does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

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
from tests.integration.conftest import scenario_of
from tests.second_engine import SecondEngine

pytestmark = pytest.mark.integration

RUN_ID = f"exported-tests-{os.getpid()}"
COMPOSE = Path(__file__).parents[2] / ".venv" / "bin" / "docker-compose"
ARMS = (
    {"name": "replicas-nginx", "model": "replicas", "front": "nginx"},
    {"name": "workers", "model": "workers", "front": "direct"},
)
AGENT = "agent"
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


def exported(arm: Mapping[str, object]) -> Deployment:
    """The arm as these tests export it."""
    return deployment(arm, measured(), app={"image": "example/app:1"}, budget={"processes": 2})


def limits_due(arm: Mapping[str, object]) -> dict[str, int]:
    """The memory limit of each service: what the export says, in whole MiB."""
    given = exported(arm)
    due = {service.name: given.memory_limit(service) for service in given.topology.services}
    return {name: mebibytes(limit) * MIB for name, limit in due.items() if limit is not None}


def limits_of(client: docker.DockerClient, selection: str, label: str) -> dict[str, int]:
    """The memory limit of each running container, by the name of its service, which is in ``label``."""
    found = client.containers.list(filters={"label": selection})
    return {each.labels[label]: each.attrs["HostConfig"]["Memory"] for each in found}


def write(folder: Path, target: str, arm: Mapping[str, object], values: Mapping[str, str]) -> None:
    """The exported files, with the values that a person would fill in."""
    for file in TARGETS[target].files(exported(arm)):
        (folder / file.name).write_text(file.text)
    lines = (folder / "values.env").read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if not line.startswith("#")]
    assert set(values) <= set(names)
    (folder / "values.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def values_of(arm: Mapping[str, object], images: Mapping[str, ImageRecord], port: int) -> dict[str, str]:
    """The images that are here, and a port of this machine."""
    front = {} if arm["front"] == "direct" else {f"{str(arm['front']).upper()}_IMAGE": images[str(arm["front"])].name}
    return {"APP_IMAGE": images["app"].name, **front, "PUBLISHED_PORT": f"127.0.0.1:{port}"}


def answer(port: int, path: str, give_up_s: float = 30.0) -> tuple[int, bytes]:
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
        subprocess.run(down, cwd=folder, check=True, capture_output=True, timeout=60)


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
def swarm(images: Mapping[str, ImageRecord]) -> Iterator[SecondEngine]:
    """A Swarm of one node, on an engine of its own, with the images of the app and of nginx."""
    engine = SecondEngine(f"exported-{os.getpid()}")
    try:
        engine.start()
        with closing(connect()) as machine, closing(engine.client()) as own:
            for key in ("app", "nginx"):
                own.images.load(machine.images.get(images[key].name).save(named=images[key].name))
            own.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
        yield engine
    finally:
        engine.stop()


def test_swarm_deploys_the_containers_of_the_arm(
    swarm: SecondEngine, images: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """With the limits of the file, in the same number of containers; every one of them answers through the front."""
    arm = ARMS[0]
    write(tmp_path, "swarm", arm, {**values_of(arm, images, 0), "PUBLISHED_PORT": "8080", "ENDPOINT_MODE": "dnsrr"})
    deploy = "set -a; . ./values.env; set +a; docker stack deploy --resolve-image never -c stack.yaml tried"
    environment = {**os.environ, "DOCKER_HOST": swarm.host}
    done = subprocess.run(["sh", "-c", deploy], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asked = [*swarm.prefix, sys.executable, "-c", ASK]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=90)
    with closing(swarm.client()) as client:
        containers = client.containers.list(filters={"label": "com.docker.stack.namespace=tried"})
        limits = limits_of(client, "com.docker.stack.namespace=tried", "com.docker.swarm.service.name")

    assert said.returncode == 0, said.stderr
    assert len(set(said.stdout.split())) == 2, "each of the two processes has served"
    assert len(containers) == 3
    assert limits == {f"tried_{name}": limit for name, limit in limits_due(arm).items()}
    assert all(each.attrs["HostConfig"]["ReadonlyRootfs"] for each in containers)
