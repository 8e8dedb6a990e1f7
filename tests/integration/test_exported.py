"""What `lab export` writes, deployed for real: it is what the lab deploys, and answers as that does."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from lab.engines.docker.opening import open_docker
from lab.engines.images.images import ImageRecord
from lab.export.target import TARGETS
from lab.host.labels import SERVICE
from lab.host.ports import free_ports
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.scenario.model import Arm
from lab.units import MIB
from tests.exports import deployment, measured
from tests.integration.conftest import OF_THE_APP, scenario_of

pytestmark = [pytest.mark.integration, OF_THE_APP]

RUN_ID = f"exported-tests-{os.getpid()}"
COMPOSE = Path(__file__).parents[2] / ".venv" / "bin" / "docker-compose"
ARMS = (
    {"name": "replicas-nginx", "model": "replicas", "front": "nginx"},
    {"name": "workers", "model": "workers", "front": "direct"},
)
Processes = Counter[str]


def write(folder: Path, target: str, arm: Mapping[str, object], values: Mapping[str, str]) -> None:
    """The exported files, with the values that a person would fill in."""
    given = deployment(arm, measured(), app={"image": "example/app:1"}, budget={"processes": 2})
    for file in TARGETS[target].files(given):
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


def processes(client: docker.DockerClient, label: str, services: Iterable[str]) -> Processes:
    """The command lines in the running containers of these services, and how often each is there."""
    found = [client.containers.list(filters={"label": f"{label}={service}"}) for service in services]
    tables = [container.top(ps_args="-o pid,args")["Processes"] for each in found for container in each]
    return Counter(" ".join(row[-1].split()) for table in tables for row in table)


@contextmanager
def composed(folder: Path) -> Iterator[None]:
    """``docker compose up``; everything is gone afterwards."""
    command = [str(COMPOSE), "--env-file", "values.env"]
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
    names = [service.name for service in topology.services]
    with composed(tmp_path):
        said = [answer(port, path) for path in ("/ready", "/items/1")]
        theirs = processes(client, "com.docker.compose.service", names)
        project = {"label": f"com.docker.compose.project={arm['name']}"}
        limits = [each.attrs["HostConfig"]["Memory"] for each in client.containers.list(filters=project)]
    with engine.deploy(topology):
        ours = processes(client, SERVICE, names)

    assert [status for status, _ in said] == [200, 200]
    assert theirs == ours
    assert len(limits) == len(names)
    assert all(limit >= 4 * MIB for limit in limits)
    assert client.containers.list(all=True, filters=project) == []
