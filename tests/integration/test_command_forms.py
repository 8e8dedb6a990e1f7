"""The two forms of CMD on a real engine: who is the first process, and who hears that the container shall stop."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from lab.engines.docker.removal import remove_container
from lab.engines.images.images import ImageRecord
from tests.integration.conftest import REPOSITORY, RUN_ID

pytestmark = pytest.mark.integration

KILLED = 137
TOP = "-eo pid,ppid,args"  # of ps
PATIENCE_S = 2  # instead of Docker's 10
FORMS = {
    "exec form": 'CMD ["uvicorn", "app.main:app", "--port", "8000"]',
    "shell form": "CMD uvicorn app.main:app --port 8000",
    "shell form with exec": "CMD exec uvicorn app.main:app --port 8000",
}


def plain(command: str) -> str:
    """The words of a command line without folders: `python uvicorn app.main:app`, wherever the image has them."""
    words = [Path(word).name if word.startswith("/") else word for word in command.split()]
    return " ".join("python" if word.startswith("python") else word for word in words)


def tree(container: Container) -> str:
    """The container's processes, each below its parent."""
    seen = [line.split(None, 2) if isinstance(line, str) else line for line in container.top(ps_args=TOP)["Processes"]]
    parents = {pid: parent for pid, parent, _ in seen}
    lines = []
    for pid, _, command in seen:
        depth, above = 0, parents[pid]
        while above in parents:
            depth, above = depth + 1, parents[above]
        lines.append(f"{'   ' * (depth - 1)}└─ {plain(command)}" if depth else plain(command))
    return "\n".join(lines)


def stopped(client: docker.DockerClient, base: str, form: str) -> tuple[str, int, str]:
    """The tree of a container with this CMD, and its exit code and log after `docker stop`."""
    name = f"lab-integration-tests:forms-{os.getpid()}"
    client.images.build(fileobj=io.BytesIO(f"FROM {base}\n{form}\n".encode()), tag=name, rm=True)
    container = client.containers.run(
        name, detach=True, network_mode="none", read_only=True, tmpfs={"/tmp": ""}, labels={"lab.run": RUN_ID}
    )
    try:
        until = time.monotonic() + 30
        while b"Uvicorn running" not in container.logs() and time.monotonic() < until:
            time.sleep(0.1)
        found = tree(container)
        container.stop(timeout=PATIENCE_S)
        return found, container.wait()["StatusCode"], container.logs().decode()
    finally:
        remove_container(client, container.id)
        client.images.remove(name, force=True)


def test_only_the_exec_form_lets_the_server_hear_a_stop(
    client: docker.DockerClient, images: Mapping[str, ImageRecord]
) -> None:
    """A shell that waits for its child is the first process and passes no signal on; the trees stand in the FAQ."""
    faq = (REPOSITORY / "docs" / "faq.md").read_text(encoding="utf-8")
    for name, form in FORMS.items():
        processes, code, log = stopped(client, images["app"].name, form)

        assert f"{form}\n{processes}\n" in faq, f"{name}: {processes}"
        assert (code == KILLED) == (name == "shell form"), f"{name}: {code}"
        assert ("Application shutdown complete" in log) == (name != "shell form"), f"{name}: {log}"
