"""What real images need: each fails with the key in its sentence, and runs with that key."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import docker
import pytest

from lab.attest.attest import attest
from lab.engines.docker.engine import DockerEngine
from lab.engines.images.asking import image_versions
from lab.engines.images.prepare import prepare_images
from lab.engines.late import kills
from lab.errors import DeploymentError
from lab.host.ports import free_ports
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.scenario.budget import Limits
from lab.scenario.model import App, Arm, Scenario
from lab.scenario.network import LOOPBACK
from tests.integration.conftest import FILL, RUN_ID, labelled, running, scenario_of
from tests.late import late_when
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

WORKERS = Arm(name="workers", model="workers", front="direct")
BEHIND = Arm(name="workers-nginx", model="workers", front="nginx")
SERVE = "uvicorn app.main:app --host {host} --port {port} --workers {workers} --no-access-log"
NOBODY = 10001
OWN_PORTS = (20000, 20999)  # of apps that listen where they want: no arm of these tests gets one of them
DROPS_ROOT = f"""#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
    chown -R {NOBODY}:{NOBODY} /data
    exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"
fi
exec "$@"
"""
TRUSTS_ONE_NAME = """
import os
from fastapi import FastAPI
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

app = FastAPI(root_path=os.environ.get("ROOT_PATH", ""))
app.add_middleware(TrustedHostMiddleware, allowed_hosts=os.environ.get("ALLOWED_HOSTS", "api.example.org").split(","))
if os.environ.get("FORCE_HTTPS"):
    app.add_middleware(HTTPSRedirectMiddleware)


@app.get("/ready")
async def ready():
    return {"ready": True}
"""
FILES = {"drop.sh": DROPS_ROOT, "trusting.py": TRUSTS_ONE_NAME}
ROOT = ["USER root", "COPY drop.sh /drop.sh", "RUN mkdir /data", "VOLUME /data", 'ENTRYPOINT ["/drop.sh"]']
WHOLE_COMMAND = ['ENTRYPOINT ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000"]']
PLAIN: list[str] = []
TRUSTING = ["COPY trusting.py ./", "HEALTHCHECK --interval=1s CMD sleep 5"]

Try = Callable[..., "tuple[DockerEngine, Scenario, Topology]"]


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest, client: docker.DockerClient, second_image: str) -> Iterator[str]:
    """An image on top of that of the app, with these lines of a Dockerfile: its name. Tests in a row have one."""
    name = f"lab-integration-tests:needs-{os.getpid()}"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for path, text in {**FILES, "Dockerfile": "\n".join([f"FROM {second_image}", *request.param])}.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True)
    try:
        yield name
    finally:
        client.images.remove(name, force=True)


@pytest.fixture
def trial(client: docker.DockerClient, image: str) -> Iterator[Try]:
    """An engine, the scenario and the topology of an arm of the image with these keys; nothing is left afterwards.

    One process shows what most of them do, and starts in half the time.
    """

    def make(arm: Arm = WORKERS, processes: int = 1, **keys: object) -> tuple[DockerEngine, Scenario, Topology]:
        values: dict[str, object] = {"image": image, "command": SERVE, "ready_timeout": PATIENCE_S}
        app = App(**(values | keys))  # type: ignore[arg-type]  # each has its field's type
        scenario = scenario_of(arm, processes, app=app)
        engine = DockerEngine(client, prepare_images(client, scenario, print), RUN_ID, (21000, 22999))
        planned = build_plan(scenario).trials[0]
        ports = engine.free_ports(ports_needed(scenario, arm), seed=2)
        return engine, scenario, build_topology(scenario, planned, ports)

    yield make
    assert labelled(client) == []


def refusal(
    made: tuple[DockerEngine, Scenario, Topology], waiting: AbstractContextManager[None] | None = None
) -> DeploymentError:
    """The error of a deployment that must not come up; ``waiting``: when it is late, if nothing ends it before."""
    engine, _, topology = made
    with pytest.raises(DeploymentError) as caught, waiting or nullcontext(), engine.deploy(topology):
        pytest.fail("must not come up")
    return caught.value


def listens(port: int) -> bool:
    """Whether anybody does, on this machine's own network."""
    with socket.socket() as probe:
        probe.settimeout(PATIENCE_S)
        return probe.connect_ex((LOOPBACK, port)) == 0


def users(made: tuple[DockerEngine, Scenario, Topology]) -> set[int]:
    """The users of the first processes of an arm that comes up and is what it claims to be."""
    engine, scenario, topology = made
    with engine.deploy(topology) as deployment:
        attest(build_plan(scenario).trials[0], deployment, None)
        return {Path(f"/proc/{target.init_pid}").stat().st_uid for target in deployment.targets}


@pytest.mark.parametrize("image", [ROOT], indirect=True)
def test_an_image_that_drops_root_itself(trial: Try) -> None:
    """Without capabilities its script fails, with the key and the log; with them, or as another user, it runs."""
    error = refusal(trial())
    assert "changes owners or users as root" in str(error)
    assert '"CHOWN", "SETUID", "SETGID"' in error.hint
    assert "Operation not permitted" in error.logs["app"]

    assert users(trial(processes=2, capabilities=("CHOWN", "SETUID", "SETGID"))) == {NOBODY}
    assert users(trial(user=f"{NOBODY}:{NOBODY}")) == {NOBODY}
    assert users(trial(capabilities=("CHOWN", "SETUID", "SETGID"), volumes=("/data",))) == {NOBODY}


@contextmanager
def told_by(client: docker.DockerClient) -> Iterator[Sequence[dict[str, Any]]]:
    """What the engine tells meanwhile, as it does: of what is over it knows 256 events, which other tests fill soon."""
    told: list[dict[str, Any]] = []
    since = f"{time.time():.6f}"  # it may answer before it listens
    stream = client.events(since=since, filters={"event": ["create", "mount", "destroy"]}, decode=True)

    def listen() -> None:
        for each in stream:
            told.append(each)  # one by one: somebody looks at them meanwhile

    listener = Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield told
    finally:
        stream.close()
        listener.join(PATIENCE_S)


def mine(told: Sequence[dict[str, Any]], action: str) -> set[str]:
    """The containers of these tests to which it happened; another process of them may use the same image."""
    return {
        each["Actor"]["ID"]
        for each in [*told]
        if (each["Type"], each["Action"]) == ("container", action)
        and each["Actor"]["Attributes"].get("lab.run") == RUN_ID
    }


@pytest.mark.parametrize("image", [ROOT], indirect=True)
def test_no_volume_of_an_image_is_left(client: docker.DockerClient, trial: Try) -> None:
    """Docker makes one for every VOLUME, without a label: for what is asked, for what is deployed, for what fails."""
    with told_by(client) as told:
        engine, _, topology = trial(user=f"{NOBODY}:{NOBODY}")
        assert image_versions(client, engine.image_id("app"), RUN_ID)
        with engine.deploy(topology):
            pass
        refusal(trial())
        until(lambda: len(gone := mine(told, "destroy")) >= 3 and gone == mine(told, "create"), "all of it is told")

    volumes = {
        each["Actor"]["ID"]
        for each in told
        if (each["Type"], each["Action"]) == ("volume", "mount")
        and each["Actor"]["Attributes"]["container"] in mine(told, "create")
    }
    assert len(volumes) >= 3
    assert not volumes & {volume.name for volume in client.volumes.list()}


@pytest.mark.parametrize("image", [WHOLE_COMMAND], indirect=True)
def test_an_entrypoint_that_holds_the_whole_command(trial: Try) -> None:
    """Options behind it work, for uvicorn takes the last; a whole command takes that the ENTRYPOINT is dropped."""
    error = refusal(trial(processes=2))
    assert "does not understand the command" in str(error)
    assert 'app.entrypoint = ""' in error.hint

    assert users(trial(processes=2, command="--host {host} --port {port} --workers {workers}"))
    assert users(trial(processes=2, command="", target="app.main:app", entrypoint=""))


@pytest.mark.parametrize("image", [TRUSTING], indirect=True)
def test_an_app_that_trusts_one_name(trial: Try) -> None:
    """Asked by its address it refuses; by its name every probe gets through, in front of it and behind the front."""
    error = refusal(trial(processes=2, command="", target="trusting:app"))
    assert '400 "Invalid host header" (Host: 127.0.0.1:' in str(error)
    assert "app.probe_headers" in error.hint

    for arm in (WORKERS, BEHIND):
        assert users(trial(arm, 2, command="", target="trusting:app", probe_headers={"Host": "api.example.org"}))


@pytest.mark.parametrize("image", [TRUSTING], indirect=True)
def test_other_settings_of_production(client: docker.DockerClient, trial: Try) -> None:
    """An app that insists on https is told so by who believes its proxy; a root_path changes nothing."""
    https = {"ALLOWED_HOSTS": "*", "FORCE_HTTPS": "1"}
    error = refusal(trial(command="", target="trusting:app", env=https))
    assert "307 to https://127.0.0.1:" in str(error)
    assert "X-Forwarded-Proto" in error.hint

    serve = SERVE.replace("app.main", "trusting")
    assert users(trial(command=serve, env=https, probe_headers={"X-Forwarded-Proto": "https"}))
    assert users(trial(command="", target="trusting:app", env={"ALLOWED_HOSTS": "*", "ROOT_PATH": "/api/v1"}))


@pytest.mark.parametrize("image", [TRUSTING], indirect=True)
def test_a_health_check_is_off_unless_asked_for(client: docker.DockerClient, trial: Try) -> None:
    """Its processes would be in the arm."""
    for asked_for in (False, True):
        engine, _, topology = trial(
            command="", target="trusting:app", probe_headers={"Host": "api.example.org"}, healthcheck=asked_for
        )
        with engine.deploy(topology) as deployment:
            state = client.containers.get(deployment.services[0].container_id).attrs["State"]
            assert ("Health" in state) == asked_for


AFTER = f"sh -c 'eval \"$BEFORE\"; exec {SERVE}'"


@pytest.mark.parametrize("image", [PLAIN], indirect=True)
@pytest.mark.parametrize(
    ("before", "told", "hint"),
    [
        ("echo x > /srv/kept", "it writes to /srv/kept, and its root file system is read-only", "app.volumes"),
        ("echo ${DATABASE_URL:?}", "the variable DATABASE_URL is not set", "app.env = { DATABASE_URL"),
        ("exec gunicornn", "no program gunicornn", "app.command"),
        ("python -c 'import socket; socket.create_connection((\"db\", 1))'", "it cannot reach", "[[sidecars]]"),
    ],
    ids=["read-only", "variable", "program", "database"],
)
def test_a_start_that_fails_names_the_key(trial: Try, before: str, told: str, hint: str) -> None:
    """The container ends at once; what it said is quoted and kept."""
    error = refusal(trial(command=AFTER, env={"BEFORE": f"set -e; {before}"}))

    assert told in str(error)
    assert hint in error.hint
    assert error.logs["app"].strip() in str(error)


@pytest.mark.parametrize("image", [PLAIN], indirect=True)
def test_folders_in_memory_can_be_written_to(trial: Try) -> None:
    """By the image's own user, however deep they are; the size is what was asked for."""
    check = "set -e; echo x > /srv/data/x; test $(df --output=size -B1 /srv/data | tail -1) = 1048576"
    keys = {"volumes": ({"path": "/srv/data", "size": "1MiB"},), "env": {"BEFORE": check}}
    assert users(trial(command=AFTER, **keys))


@pytest.mark.parametrize("image", [PLAIN], indirect=True)
def test_an_app_that_listens_elsewhere_is_told_where(trial: Try, client: docker.DockerClient) -> None:
    """With a port of its own, whatever it is told; with its last lines."""

    def has_said_so() -> bool:
        found = client.containers.list(filters={"label": f"lab.run={RUN_ID}"}, ignore_removed=True)
        return listens(port) and any(b"Uvicorn running on" in each.logs() for each in found)

    (port,) = free_ports(1, OWN_PORTS, RUN_ID)
    serve = SERVE.replace("{port}", str(port))
    error = refusal(trial(command=serve, env={"PORT": "{port}"}), late_when(has_said_so))

    assert f"nothing answered at all: it listens on {port}, and not where it was told" in str(error)
    assert "Uvicorn running on" in str(error)
    assert f"app.port = {port}" in error.hint


@pytest.mark.parametrize("image", [PLAIN], indirect=True)
def test_replicas_that_want_one_port_are_told_so(trial: Try) -> None:
    """On the machine's own network the second one finds it taken by the first."""
    replicas = Arm(name="replicas", model="replicas", front="nginx")
    (port,) = free_ports(1, OWN_PORTS, RUN_ID)
    error = refusal(trial(replicas, 2, command=SERVE.replace("{port}", str(port)), env={"PORT": "{port}"}))

    assert f"port {port} is another's already: it does not listen where it was told" in str(error)
    assert "say in app.port where it listens" in error.hint
    assert any("address already in use" in log for log in error.logs.values())


@pytest.mark.parametrize("image", [PLAIN], indirect=True)
def test_kills_by_the_kernel_are_told_also_where_a_supervisor_goes_on(client: docker.DockerClient, trial: Try) -> None:
    """What is killed is a child; its parent, the container's first process, lives."""
    hog = f'while true; do python -c "{FILL}"; sleep 1; done'
    engine, scenario, topology = trial(command=AFTER, env={"BEFORE": hog})
    small = replace(topology.services[0], limits=Limits(memory_bytes=100 * 2**20))

    def one_is_killed() -> bool:
        return any(kills(first, container) for first, container in running(client))

    error = refusal((engine, scenario, replace(topology, services=(small,))), late_when(one_is_killed))

    assert "the kernel killed a process at 100.0 MiB, its limit" in str(error)
    assert "budget.memory" in error.hint
