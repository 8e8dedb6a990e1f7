"""Start an agent in a container and talk to it; everything goes through the engine's API."""

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.models.containers import Container
from docker.types import LogConfig, Mount
from requests.exceptions import RequestException

from lab.agent.conversation import Conversation
from lab.engines.docker.agent.attached import Attached
from lab.engines.docker.container import LOG_SIZE, attachment, container_name
from lab.engines.docker.removal import one_line, remove_container, remove_labelled
from lab.engines.refusals import refusal
from lab.errors import MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, SERVICE, owner_lives
from lab.scenario.nodes import Node

CGROUPS = "/sys/fs/cgroup"
# Reading the memory of a process takes the first, listing the descriptors of another user's process the second.
CAPABILITIES = ("SYS_PTRACE", "DAC_READ_SEARCH")
SIGNALS = "KILL"  # for drills only: signals to processes of other users
# Some security modules forbid to look beyond the container in spite of that.
SECURITY = ("no-new-privileges:true", "apparmor=unconfined", "label=disable")
LOOKS_HINT = "run the lab as root, or give its Python CAP_SYS_PTRACE"
NODE_HINT = "`lab doctor --scenario SCENARIO` looks at every node"
LOADS_HINT = 'say network = "host" where the engine is this machine\'s: load then needs no container'


class Acts(IntEnum):
    """What an agent may do to the processes that it sees; each has what those before it have."""

    NOTHING = 0
    SIGNALS = 1
    GROUPS = 2  # have a container die as a whole: its cgroup is written into


@contextmanager
def start_agent(
    client: docker.DockerClient,
    image_id: str,
    marks: Mapping[str, str],
    *,
    network: str = "",
    looks: bool = False,
    acts: Acts = Acts.NOTHING,
    files: Iterable[Path] = (),
    node: Node | None = None,
) -> Iterator[Conversation]:
    """An agent that waits for orders; its container is gone when this ends, and it ends by itself when the lab dies.

    ``network``: where it runs, "" for the host's. ``looks``: it may look into processes and cgroups of the machine, and
    do to them what ``acts`` says. ``files`` of this machine are there under the same paths.
    ``node``: the machine that it runs on, if the run has several.
    Raises MissingError when the engine does not let it run.
    """
    with ExitStack() as stack:
        asked = creation(image_id, marks, network=network, looks=looks, acts=acts, cores=node.cores if node else "")
        container = _create(client, asked, stack, node, looks=looks)
        try:
            stream = Attached(container)
            stack.callback(stream.close)
            if files:
                container.put_archive("/", _archive(files))
            container.start()
        except docker.errors.DockerException as error:
            raise _refused(error, node, looks=looks) from None
        stack.enter_context(INTERRUPTS.killable(lambda: _kill(container)))
        agent = Conversation(stream, lambda: _last_words(container), node.name if node else "")
        stack.callback(agent.close)
        yield agent


def creation(
    image_id: str,
    marks: Mapping[str, str],
    *,
    network: str = "",
    looks: bool = False,
    acts: Acts = Acts.NOTHING,
    cores: str = "",
) -> dict[str, Any]:
    """Keyword arguments for ``client.containers.create``: the host's process numbers, and what it needs to look.

    Root, for Docker gives capabilities to nobody else; the host's user namespace, for otherwise root is not root.
    """
    sees = {
        "cgroupns": "host",
        "cap_add": [*CAPABILITIES, *([SIGNALS] if acts else [])],
        "security_opt": list(SECURITY),
        "mounts": [Mount(target=CGROUPS, source=CGROUPS, type="bind", read_only=acts < Acts.GROUPS)],
    }
    return {
        "image": image_id,
        "name": container_name(marks),
        "labels": dict(marks),
        "user": "0:0",
        "stdin_open": True,
        "pid_mode": "host",
        "userns_mode": "host",
        "cap_drop": ["ALL"],
        "cpuset_cpus": cores or None,
        "security_opt": ["no-new-privileges:true"],
        **attachment(network, marks[SERVICE]),
        "log_config": LogConfig(type=LogConfig.types.JSON, config={"max-size": LOG_SIZE, "max-file": "1"}),
        **(sees if looks else {}),
    }


def _archive(files: Iterable[Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in files:
            info = tar.gettarinfo(path.resolve(), str(path.relative_to("/")))
            info.uid = info.gid = 0
            with path.open("rb") as file:
                tar.addfile(info, file)
    return buffer.getvalue()


def _create(
    client: docker.DockerClient, asked: Mapping[str, Any], stack: ExitStack, node: Node | None, *, looks: bool
) -> Container:
    try:
        # What a killed lab left of this very trial: a run that is continued takes the same names again.
        mine = {key: value for key, value in asked["labels"].items() if key != OWNER}
        remove_labelled(client, mine, only=lambda found: not owner_lives(found))
        with INTERRUPTS.deferred():
            container = client.containers.create(**asked)
            stack.callback(remove_container, client, container.id)
    except docker.errors.DockerException as error:
        raise _refused(error, node, looks=looks) from None
    return container


def _refused(error: docker.errors.DockerException, node: Node | None, *, looks: bool) -> MissingError:
    engine = f"the engine of node {node.name}" if node else "the engine"
    what = "a container that sees the host's processes" if looks else "the container from which load would come"
    why = refusal(one_line(error), NODE_HINT if node else LOOKS_HINT if looks else LOADS_HINT)
    return MissingError(f"{engine} refuses {what}: {why.told}", why.hint)


def _kill(container: Container) -> None:
    with suppress(docker.errors.DockerException, RequestException):  # it has ended, or the engine has
        container.kill()


def _last_words(container: Container) -> str:
    with suppress(docker.errors.DockerException, RequestException):
        text: str = container.logs(stdout=False).decode(errors="replace")
        return text.strip() or "it said nothing"
    return "its last words cannot be had"
