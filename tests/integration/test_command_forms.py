"""The two forms of CMD on a real engine: who is the first process, and who hears that the container shall stop."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from lab.engines.docker.removal import remove_container
from lab.engines.images.images import ImageRecord
from lab.host.labels import labels
from tests.integration.conftest import REPOSITORY, RUN_ID
from tests.waiting import until

pytestmark = pytest.mark.integration

KILLED = 137
TOP = "-eo pid,ppid,args"  # of ps
GRACE_S = 10  # Docker's own: a server that hears the stop shuts down by then, also on a busy machine
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
    """The container's processes, each below its parent, whatever their numbers: a child's is the lower after a wrap."""
    seen = [line.split(None, 2) if isinstance(line, str) else line for line in container.top(ps_args=TOP)["Processes"]]
    numbers = {pid for pid, _, _ in seen}

    def below(parent: str, depth: int) -> list[str]:
        lines = []
        for pid, above, command in seen:
            if above == parent:
                lines.append(f"{'   ' * (depth - 1)}└─ {plain(command)}" if depth else plain(command))
                lines += below(pid, depth + 1)
        return lines

    roots = dict.fromkeys(above for _, above, _ in seen if above not in numbers)
    return "\n".join(line for root in roots for line in below(root, 0))


def stopped(client: docker.DockerClient, base: str, form: str) -> tuple[str, int, str]:
    """The tree of a container with this CMD, and its exit code and log after `docker stop`."""
    name = f"lab-integration-tests:forms-{os.getpid()}"
    client.images.build(fileobj=io.BytesIO(f"FROM {base}\n{form}\n".encode()), tag=name, rm=True)
    container = client.containers.run(
        name, detach=True, network_mode="none", read_only=True, tmpfs={"/tmp": ""}, labels=labels(RUN_ID, "forms")
    )
    try:
        until(lambda: b"Uvicorn running" in container.logs(), f"{form} serves")
        found = tree(container)
        container.stop(timeout=GRACE_S)
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
