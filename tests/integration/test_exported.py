"""What `lab export` writes, deployed for real: it is what the lab deploys, and answers as that does."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from lab.attest.echo import echo_server
from lab.attest.raw_http import ask
from lab.engines.docker.carry import Cargo, carry_all
from lab.engines.docker.connection import connect
from lab.engines.docker.engine import DockerEngine
from lab.engines.docker.opening import open_docker
from lab.engines.images.images import ImageRecord
from lab.export.compose_parts import mebibytes
from lab.export.deployment import Deployment
from lab.export.target import TARGETS
from lab.host.authority import certificate_for, make_certificate
from lab.host.labels import RUN, SERVICE
from lab.host.ports import free_ports
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.plan.certificate import Certificate
from lab.plan.fronts.front import FrontPlace, Setting, front_of
from lab.plan.topology import Endpoint
from lab.run.fronts import before_echo
from lab.scenario.budget import Limits
from lab.scenario.model import Arm
from lab.scenario.network import LOOPBACK
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
    {"name": "replicas-nginx", "model": "replicas", "front": {"kind": "nginx", "tls": True}},
    {"name": "workers", "model": "workers", "front": {"kind": "direct", "tls": True}},
)
LIMITED = {"processes": 2, "memory": "split:1GiB"}  # of a front whose need is that of no synthetic run
BESIDE = "beside"
ASKED = "python -c \"import urllib.request; urllib.request.urlopen('http://{}:9000')\""
MORE = {  # of the second arm: two jobs after a sidecar, and a program without the entrypoint of its image
    "sidecars": [
        {
            "name": BESIDE,
            "image": "example/beside:1",
            "command": "python -m http.server 9000",
            "ready": f"exec:{ASKED.format(LOOPBACK)}",
        }
    ],
    "jobs": [{"name": "first", "command": ASKED.format(BESIDE)}, {"name": "second", "command": "python -c pass"}],
}
CLIENT = "203.0.113.7"
OF_A_PROXY = {
    "X-Forwarded-For": CLIENT,
    "X-Forwarded-Proto": "https",
    "X-Real-IP": CLIENT,
    "Forwarded": f"for={CLIENT}",
}
AGENT = "agent"
COMPOSED = "com.docker.compose.service"  # the label with the name of a service of Compose
NAME = "tried"
STACK = f"com.docker.stack.namespace={NAME}"
DEADLINE_S = 90.0
ASK = """
import ssl, time, urllib.request
give_up_at, served, anybody = time.monotonic() + 60, set(), ssl._create_unverified_context()
while len(served) < 2:
    try:
        with urllib.request.urlopen("https://127.0.0.1:8080/ready", timeout=5, context=anybody) as answer:
            served.add(answer.headers["X-Served-By"])
    except OSError:  # not yet up
        pass
    if time.monotonic() > give_up_at:
        raise SystemExit(f"served by {served} only")
    time.sleep(0.1)
print(*served)
"""
Processes = Counter[str]


def exported(arm: Mapping[str, Any], **changes: Any) -> Deployment:
    """The arm as these tests export it: of a run on this machine, for as many cores as the lab's own front finds."""
    folders = [{"path": "/data", "size": "16MiB"}]
    app = {"image": "example/app:1", "entrypoint": "", "volumes": folders}
    machine = {"cpu_count": os.cpu_count(), "cpu_online": os.cpu_count()}
    return deployment(arm, measured(), machine, app=app, budget=budget_of(arm), **changes)


def budget_of(arm: Mapping[str, Any]) -> Mapping[str, object]:
    """With limits where synthetic runs have no container of the front's name to derive one from."""
    front = arm["front"]["kind"]
    return {"processes": 2} if front == "direct" or front in measured().services else LIMITED


def limits_due(arm: Mapping[str, Any]) -> dict[str, int]:
    """The memory limit of each service: what the export says, in whole MiB."""
    given = exported(arm)
    due = {service.name: given.memory_limit(service) for service in given.topology.services}
    return {name: mebibytes(limit) * MIB for name, limit in due.items() if limit is not None}


def limits_of(client: docker.DockerClient, selection: str, label: str) -> dict[str, int]:
    """The memory limit of each running container, by the name of its service, which is in ``label``."""
    found = client.containers.list(filters={"label": selection})
    return {each.labels[label]: each.attrs["HostConfig"]["Memory"] for each in found}


def write(folder: Path, target: str, arm: Mapping[str, Any], values: Mapping[str, str], **changes: Any) -> None:
    """The exported files, with the values that a person would fill in."""
    for file in TARGETS[target].files(exported(arm, **changes)):
        (folder / file.name).write_text(file.text)
    lines = (folder / "values.env").read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if not line.startswith("#")]
    assert set(values) <= set(names)
    (folder / "values.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def values_of(
    arm: Mapping[str, Any], images: Mapping[str, ImageRecord], port: int, certificate: Certificate, folder: Path
) -> dict[str, str]:
    """The images that are here, a port of this machine, and a certificate whose key everybody may read."""
    kind = arm["front"]["kind"]
    front = {f"{kind.upper()}_IMAGE": images[kind].name} if kind in images else {}
    files = {"TLS_CERTIFICATE": certificate.chain, "TLS_KEY": certificate.key} if arm["front"].get("tls") else {}
    for name, text in files.items():
        (folder / name).write_bytes(text)
        (folder / name).chmod(0o444)
    own = {"APP_IMAGE": images["app"].name, "PUBLISHED_PORT": f"127.0.0.1:{port}"}
    return {**own, **front, **{name: f"./{name}" for name in files}}


@contextmanager
def with_an_entrypoint(client: docker.DockerClient, image: str) -> Iterator[str]:
    """The name of the same image with an entrypoint that ends at once: whoever keeps it serves nothing."""
    name = f"exported-tests:{os.getpid()}"
    container = client.containers.create(image)
    try:
        repository, _, tag = name.partition(":")
        container.commit(repository, tag, changes='ENTRYPOINT ["false"]')
    finally:
        container.remove()
    try:
        yield name
    finally:
        client.images.remove(name)


def answer(entry: Endpoint, path: str, give_up_s: float = DEADLINE_S) -> tuple[int, bytes]:
    """Status and body, once there is an answer of the app."""
    give_up_at = time.monotonic() + give_up_s
    trusted = ssl.create_default_context(cadata=entry.trust) if entry.trust else None
    while True:
        try:
            with urllib.request.urlopen(f"{entry.url}{path}", timeout=5, context=trusted) as response:
                return response.status, response.read()
        except OSError:  # not yet up: refused, or a front without an app
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.2)


def processes(client: docker.DockerClient, *labels: str) -> Processes:
    """The command lines in the running containers with these labels, and how often each is there.

    Without agents, and without the sidecar, in which a health check may run just then. The pipe through which uvicorn
    passes a worker what to serve has the number that is free: another one where a worker was replaced, as of one that
    did not answer in time on a busy machine.
    """
    found = client.containers.list(filters={"label": list(labels)})
    beside = {(SERVICE, AGENT), (COMPOSED, BESIDE)}
    arm = [container for container in found if not beside & container.labels.items()]
    tables = [container.top(ps_args="-o pid,args")["Processes"] for container in arm]
    lines = (" ".join(row[-1].split()) for table in tables for row in table)
    return Counter(re.sub(r"\bpipe_handle=\d+", "pipe_handle=N", line) for line in lines)


def ended(client: docker.DockerClient, project: str) -> list[tuple[str, int]]:
    """The containers of a project that have ended, and how, in the order in which they began."""
    found = client.containers.list(all=True, filters={"label": project, "status": "exited"})
    states = sorted((each.attrs["State"]["StartedAt"], each) for each in found)
    return [(each.labels[COMPOSED], each.attrs["State"]["ExitCode"]) for _, each in states]


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
    scenario = scenario_of(Arm(**arm), network="own")
    certificate = certificate_for(scenario)
    engine, _ = open_docker(scenario, RUN_ID, print, docker_client=lambda: client)
    topology = build_topology(scenario, build_plan(scenario).trials[0], (), certificate=certificate)
    entry = replace(topology.entry, host=LOOPBACK, port=port)
    name = f"{RUN_ID}-{arm['name']}"
    project = f"com.docker.compose.project={name}"
    with with_an_entrypoint(client, images["app"].name) as image:
        values = {**values_of(arm, images, port, certificate, tmp_path), "APP_IMAGE": image}
        beside = {} if topology.fronted else {f"{BESIDE.upper()}_IMAGE": images["app"].name}
        write(tmp_path, "compose", arm, {**values, **beside}, **(MORE if beside else {}))
        with composed(tmp_path, name):
            said = [answer(entry, path) for path in ("/ready", "/items/1")]
            theirs = processes(client, project)
            limits = limits_of(client, project, COMPOSED)
            jobs = ended(client, project)
    if beside:
        assert limits.pop(BESIDE) == 0
    with engine.deploy(topology):
        ours = processes(client, f"{RUN}={RUN_ID}")

    assert [status for status, _ in said] == [200, 200]
    assert jobs == ([("first", 0), ("second", 0)] if beside else [])
    assert theirs == ours
    assert limits == limits_due(arm)
    assert set(limits) == {service.name for service in topology.services}
    assert client.containers.list(all=True, filters={"label": project}) == []


@pytest.mark.parametrize("kind", ["haproxy", "traefik", "caddy"])
def test_compose_starts_the_other_fronts_as_well(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], tmp_path: Path, kind: str
) -> None:
    """Each ends TLS with the certificate that a person gave, and passes requests on to the app, within its limit."""
    (port,) = free_ports(1, (23000, 23999), os.getpid())
    arm: dict[str, Any] = {"name": "replicas", "model": "replicas", "front": {"kind": kind, "tls": True}}
    certificate = make_certificate()
    entry = Endpoint(host=LOOPBACK, port=port, scheme="https", trust=certificate.authority)
    name = f"{RUN_ID}-{kind}"
    write(tmp_path, "compose", arm, values_of(arm, images, port, certificate, tmp_path))
    with composed(tmp_path, name):
        said = [answer(entry, path)[0] for path in ("/ready", "/items/1")]
        limits = limits_of(client, f"com.docker.compose.project={name}", COMPOSED)

    assert said == [200, 200]
    assert limits == limits_due(arm)
    assert set(limits) == {"app-1", "app-2", kind}
    assert "compose" in front_of(Arm(**arm)).started


@pytest.mark.parametrize("kind", ["nginx", "haproxy", "traefik", "caddy"])
def test_a_front_behind_a_proxy_passes_on_what_that_says(engine: DockerEngine, kind: str) -> None:
    """As on Kubernetes behind an Ingress: client and scheme are those that it says, else what the front sees itself."""
    behind = Arm(name="replicas", model="replicas", front=kind)
    first, *ports = engine.free_ports(2, 1)
    setting = Setting(cores=2, checks="none", behind=True, tells=False)
    with echo_server(first) as echo:
        topology = before_echo(front_of(behind), behind, echo, tuple(ports), f"exported-{kind}")
        place = FrontPlace(app=(echo,), ports=tuple(ports), limits=Limits(), setting=setting)
        with engine.deploy(replace(topology, services=front_of(behind).services(behind.front, place))):
            told = ask(topology.entry, "GET", "/", *(f"{name}: {text}" for name, text in OF_A_PROXY.items()))
            plain = ask(topology.entry, "GET", "/")
    seen, itself = told.seen["headers"], plain.seen["headers"]

    assert "x-lab-upstream" not in plain.headers
    assert seen["x-forwarded-for"].split(", ") == [CLIENT, LOOPBACK]
    assert (seen["x-forwarded-proto"], seen["x-real-ip"], seen.get("forwarded", "")) == ("https", CLIENT, "")
    assert [itself[f"x-{name}"] for name in ("forwarded-for", "forwarded-proto", "real-ip")] == [
        LOOPBACK,
        "http",
        LOOPBACK,
    ]


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
def stacked(folder: Path, hosts: tuple[Host, Host]) -> Iterator[list[list[str]]]:
    """``docker stack deploy`` of each file in its order, when what the last one asks for is there; all is gone then.

    Gives what ``docker service ls`` said of replicas before each further file.
    """
    environment = {**os.environ, "DOCKER_HOST": hosts[0].engine.host}
    files = [*sorted(path.name for path in folder.glob("before*.yaml")), "stack.yaml"]
    seen = list[list[str]]()
    try:
        for file in files:
            deploy = f"set -a; . ./values.env; set +a; docker stack deploy --resolve-image never -c {file} {NAME}"
            done = subprocess.run(["sh", "-c", deploy], cwd=folder, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            if file != files[-1]:
                wait_until(lambda: all(map(is_there, replicas(environment))), f"{file} does not come to its end")
                seen.append(replicas(environment))
        yield seen
    finally:
        removal = ["docker", "stack", "rm", NAME]  # refused as long as a task still has the network
        wait_until(lambda: succeeds(removal, environment), "the stack is not removed")
        jobs = {f"{NAME}_{each['name']}" for each in MORE["jobs"]}

        def left() -> list[Container]:
            return [each for found in there(hosts, ended=True) for each in found]

        wait_until(lambda: {service_of(each) for each in left()} <= jobs, "tasks of the stack do not go")
        for ended in left():  # Docker keeps them, as a person who removes the stack sees
            ended.remove()


def replicas(environment: Mapping[str, str]) -> list[str]:
    """What a person sees who waits: ``"1/1"`` of a service that is up, ``"0/1 (1/1 completed)"`` of a job."""
    told = ["docker", "service", "ls", "--filter", f"label={STACK}", "--format", "{{.Replicas}}"]
    done = subprocess.run(told, env=environment, check=True, capture_output=True, text=True, timeout=60)
    return sorted(done.stdout.splitlines())


def is_there(told: str) -> bool:
    """A job that still runs is ``"1/1 (0/1 completed)"``."""
    return told == "1/1" or "(1/1 completed)" in told


def succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    return subprocess.run(command, env=environment, capture_output=True, timeout=60).returncode == 0


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Look often; fail when it takes too long."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < give_up_at, otherwise
        time.sleep(0.2)


def fronts(hosts: tuple[Host, Host]) -> list[Host]:
    """The nodes on which a task of the front runs."""
    found = zip(hosts, there(hosts), strict=True)
    return [host for host, running in found if f"{NAME}_nginx" in map(service_of, running)]


def served_through(host: Host) -> int:
    """How many processes have answered through the front of this node, asked until both of the arm have."""
    asked = [*host.engine.prefix, sys.executable, "-c", ASK]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=2 * DEADLINE_S)
    assert said.returncode == 0, said.stderr
    return len(set(said.stdout.split()))


@ON_A_SWARM
def test_swarm_deploys_the_containers_of_the_arm(
    swarm: tuple[Host, Host], carried: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """Over both nodes, with the limits of the file; every container answers through the front of either node.

    A sidecar is up before the first job, which asks it, and jobs have ended well before the app starts.
    """
    arm, values = ARMS[0], {"PUBLISHED_PORT": "8080", "ENDPOINT_MODE": "dnsrr"}
    own = values_of(arm, carried, 0, make_certificate(), tmp_path)
    write(tmp_path, "swarm", arm, {**own, **values, f"{BESIDE.upper()}_IMAGE": own["APP_IMAGE"]}, **EVERYWHERE, **MORE)
    with stacked(tmp_path, swarm) as stages:
        wait_until(lambda: fronts(swarm) == list(swarm), "no task of the front came up on each node")
        assert [served_through(host) for host in swarm] == [2, 2]
        everywhere = [each for found in there(swarm) for each in found]
        over = [each for found in there(swarm, ended=True) for each in found if each.status == "exited"]

    assert stages == [["1/1"], ["0/1 (1/1 completed)", "1/1"], ["0/1 (1/1 completed)"] * 2 + ["1/1"]]
    jobs = {service_of(each): each.attrs["State"] for each in over}
    assert {name: state["ExitCode"] for name, state in jobs.items()} == {f"{NAME}_first": 0, f"{NAME}_second": 0}
    assert jobs[f"{NAME}_first"]["FinishedAt"] < jobs[f"{NAME}_second"]["StartedAt"]
    app = [each.attrs["State"]["StartedAt"] for each in everywhere if "app" in service_of(each)]
    assert len(app) == 2
    assert jobs[f"{NAME}_second"]["FinishedAt"] < min(app)
    everywhere = [each for each in everywhere if service_of(each) != f"{NAME}_{BESIDE}"]
    limits = {service_of(each): each.attrs["HostConfig"]["Memory"] for each in everywhere}
    assert len(everywhere) == 4
    assert limits == {f"{NAME}_{name}": limit for name, limit in limits_due(arm).items()}
    assert all(each.attrs["HostConfig"]["ReadonlyRootfs"] for each in everywhere)


@ON_A_SWARM
def test_swarm_deploys_one_front_for_all_nodes(
    swarm: tuple[Host, Host], carried: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """As of any run but one whose fronts were on every node: one task, and through it every container answers."""
    arm, values = ARMS[0], {"PUBLISHED_PORT": "8080", "ENDPOINT_MODE": "dnsrr"}
    write(tmp_path, "swarm", arm, {**values_of(arm, carried, 0, make_certificate(), tmp_path), **values})
    with stacked(tmp_path, swarm):
        wait_until(lambda: len(fronts(swarm)) == 1, "no task of the front came up")
        (front,) = fronts(swarm)
        served = served_through(front)
        tasks = Counter(service_of(each) for found in there(swarm) for each in found)

    assert served == 2
    assert tasks == Counter({f"{NAME}_{name}": 1 for name in ("app-1", "app-2", "nginx")})
