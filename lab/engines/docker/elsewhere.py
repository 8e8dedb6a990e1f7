"""Is the engine this machine's? Tried with a throw-away container: its process is here, with its name, or it is not."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import TypeVar

import docker
import docker.errors

from lab.agent.conversation import Conversation
from lab.engines.docker.removal import remove_container
from lab.engines.docker.tunnel import Tunnelled
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import labels
from lab.record.run_types import MachineFacts
from lab.sampling.machine import survey_from_inside

Told = TypeVar("Told", bound=MachineFacts)
# What nearly every image can do for a while without doing anything; the first that starts is taken.
PATIENT: Sequence[Sequence[str]] = (("sleep", "60"), ("python3", "-c", "import time; time.sleep(60)"))
MOST_TRIED = 5
REMOTE_NAME = "elsewhere"  # of a machine whose engine does not name it
REMOTE = ("tcp://", "http://", "https://")


def images_here(client: docker.DockerClient) -> list[str]:
    """Some images that the engine has, by id; those of the lab first, which can all wait."""
    ours: list[str] = client.api.images(quiet=True, filters={"label": "lab.image"})
    return list(dict.fromkeys([*ours, *client.api.images(quiet=True)]))[:MOST_TRIED]


def find_elsewhere(
    client: docker.DockerClient, image_ids: Iterable[str], run_id: str, proc: Path = Path("/proc")
) -> str | None:
    """Why the engine's processes are not this machine's: a sentence; "" if they are, None where no image could tell.

    An engine in a virtual machine, on another host, or in a PID namespace of its own numbers its processes as it likes.
    """
    for image_id, command in product(image_ids, PATIENT):
        with INTERRUPTS.deferred():
            marks = labels(run_id, "elsewhere", "probe")
            try:
                container = client.containers.create(
                    image_id, entrypoint=list(command), network_mode="none", labels=marks
                )
            except docker.errors.ImageNotFound:  # somebody has removed it since the images were listed
                continue
            try:
                container.start()
                container.reload()
                pid = int(container.attrs["State"]["Pid"])
                if pid:
                    return "" if _is_here(proc, pid, container.id) else _sentence(client)
            except docker.errors.APIError:  # no such program in the image
                continue
            finally:
                remove_container(client, container.id)
    remote = isinstance(client, Tunnelled) or client.api.base_url.startswith(REMOTE)
    return _sentence(client) if remote else None


def with_machine(facts: Told, client: docker.DockerClient, agent: Conversation) -> Told:
    """With what the engine, and an agent there, tell of its machine, which is where everything is measured.

    The clock is that of the agent, against this machine's.
    """
    info = client.info()
    name = str(info.get("Name") or "")
    seen = agent.call(survey_from_inside, name)
    return replace(
        facts,
        **{field.name: getattr(seen, field.name) for field in fields(seen)},
        engine_at=name or REMOTE_NAME,
        engine_marked=True,
        clock_offset_s=agent.clock.offset_s,
        clock_bound_s=agent.clock.bound_s,
        kernel=info.get("KernelVersion", ""),
        architecture=info.get("Architecture", ""),
        cpu_count=info.get("NCPU"),
        cpu_online=info.get("NCPU"),
        memory_bytes=info.get("MemTotal"),
    )


def _is_here(proc: Path, pid: int, container_id: str) -> bool:
    """Whether the process of that number is the container's: its cgroup carries the container's name."""
    try:
        return container_id in (proc / str(pid) / "cgroup").read_text()
    except OSError:
        return False


def _sentence(client: docker.DockerClient) -> str:
    return (
        f"the engine {client.info().get('Name') or 'that answers'} runs elsewhere: its processes are not this machine's"
    )
