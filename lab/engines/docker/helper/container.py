"""Start a helper container and talk to it through two FIFOs in a folder that both sides see."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import docker
import docker.errors
from docker.models.containers import Container
from docker.types import LogConfig, Mount
from requests.exceptions import RequestException

from lab.engines.docker.container import LOG_SIZE, container_name
from lab.engines.docker.removal import one_line, remove_container, remove_labelled
from lab.errors import MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.jsonlines import Lines
from lab.host.labels import OWNER, owner_lives
from lab.host.places import scratch
from lab.sampling.__main__ import ANSWERS, ORDERS
from lab.sampling.channel import FOLDER, Channel, Launched
from lab.sampling.plan import SamplerPlan, plan_to_json
from lab.sampling.process_view import Seen, seen_from_json

LOOK_DEADLINE_S = 30.0
POLL_S = 0.05
CGROUPS = "/sys/fs/cgroup"
# Reading the memory of a process takes the first, listing the descriptors of another user's process the second.
CAPABILITIES = ("SYS_PTRACE", "DAC_READ_SEARCH")
# Some security modules forbid to look beyond the container in spite of that.
SECURITY = ("no-new-privileges:true", "apparmor=unconfined", "label=disable")


class Helper:
    """A running helper: looks at processes, and samples one trial, which is the last that it does."""

    def __init__(self, channel: Channel, folder: Path) -> None:
        self._channel = channel
        self._folder = folder

    @property
    def pid(self) -> int:
        """Its process, as the host numbers it."""
        return self._channel.program.pid

    def look(self, pids: Iterable[int]) -> Mapping[int, Seen]:
        """As lab.sampling.process_view. Raises RightsError, or SamplingError when the helper has ended or is silent."""
        self._channel.send(do="look", pids=list(pids))
        return seen_from_json(self._channel.answer(LOOK_DEADLINE_S)["seen"])

    @contextmanager
    def launch(self, plan: SamplerPlan) -> Iterator[Launched]:
        """As lab.sampling.channel.as_child; the raw rows are in the helper's folder while the trial runs."""
        folder = self._folder / FOLDER
        _make_shared(folder)
        usual = plan.directory / FOLDER  # where others look for the rows meanwhile
        usual.symlink_to(folder, target_is_directory=True)
        self._channel.send(do="sample", plan=plan_to_json(replace(plan, directory=folder)))
        try:
            yield Launched(self._channel, folder)
        finally:
            usual.unlink()


@contextmanager
def start_helper(client: docker.DockerClient, image_id: str, marks: Mapping[str, str]) -> Iterator[Helper]:
    """A helper that waits for orders; its container is gone when this ends, and it ends by itself when the lab dies.

    Raises MissingError when the engine does not let it run.
    """
    with ExitStack() as stack:
        # Only this user gets into the outer folder; the container, whose root may write nothing else, sees the inner.
        private = stack.enter_context(scratch("helper"))
        folder = private.resolve() / "shared"
        _make_shared(folder)
        # Both ends of the orders: opening does not wait for the helper, and only the lab's death is their end.
        orders = stack.enter_context(_fifo(folder / ORDERS, os.O_RDWR))
        answers = stack.enter_context(_fifo(folder / ANSWERS, os.O_RDONLY | os.O_NONBLOCK))
        container = _start(client, image_id, folder, marks, stack)
        yield Helper(Channel(_Program(container), Lines(answers, orders)), folder)


def creation(image_id: str, folder: Path, marks: Mapping[str, str]) -> dict[str, Any]:
    """Keyword arguments for ``client.containers.create``: the host's processes and cgroups, and no other right.

    Root, for Docker gives capabilities to nobody else; the host's user namespace, for otherwise root is not root.
    """
    return {
        "image": image_id,
        "name": container_name(marks),
        "command": [str(folder)],
        "labels": dict(marks),
        "user": "0:0",
        "pid_mode": "host",
        "network_mode": "host",  # not to use it: whether a container has a network of its own is told by comparing
        "cgroupns": "host",
        "userns_mode": "host",
        "cap_drop": ["ALL"],
        "cap_add": list(CAPABILITIES),
        "security_opt": list(SECURITY),
        "read_only": True,
        "mounts": [
            Mount(target=CGROUPS, source=CGROUPS, type="bind", read_only=True),
            Mount(target=str(folder), source=str(folder), type="bind"),
        ],
        "log_config": LogConfig(type=LogConfig.types.JSON, config={"max-size": LOG_SIZE, "max-file": "1"}),
    }


def _start(
    client: docker.DockerClient, image_id: str, folder: Path, marks: Mapping[str, str], stack: ExitStack
) -> Container:
    try:
        # What a killed lab left of this very trial: a run that is continued takes the same names again.
        mine = {key: value for key, value in marks.items() if key != OWNER}
        remove_labelled(client, mine, only=lambda found: not owner_lives(found))
        with INTERRUPTS.deferred():
            container = client.containers.create(**creation(image_id, folder, marks))
            stack.callback(remove_container, client, container.id)
        container.start()
        container.reload()
    except docker.errors.DockerException as error:
        raise MissingError(
            f"the engine refuses a container that sees the host's processes: {_reason(error)}",
            "run the lab as root, or give its Python CAP_SYS_PTRACE",
        ) from None
    return container


def _reason(error: docker.errors.DockerException) -> str:
    return str(getattr(error, "explanation", "")) or one_line(error)


class _Program:
    """The sampling program as the first process of a container."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._pid = int(container.attrs["State"]["Pid"])

    @property
    def pid(self) -> int:
        return self._pid

    def running(self) -> bool:
        return Path(f"/proc/{self._pid}").exists()

    def end(self, deadline_s: float) -> int:
        give_up_at = time.monotonic() + deadline_s
        while self._state()["Running"]:
            if time.monotonic() >= give_up_at:
                self.kill()
                break
            time.sleep(POLL_S)
        return int(self._state()["ExitCode"])

    def kill(self) -> None:
        with suppress(docker.errors.DockerException, RequestException):  # it has ended, or the engine has
            self._container.kill()

    def last_words(self) -> str:
        text: str = self._container.logs(stdout=False).decode(errors="replace")
        return text

    def _state(self) -> Mapping[str, Any]:
        self._container.reload()
        state: Mapping[str, Any] = self._container.attrs["State"]
        return state


def _make_shared(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)  # whatever the umask is


def _fifo(path: Path, flags: int) -> IO[bytes]:
    os.mkfifo(path)
    path.chmod(0o666)
    return os.fdopen(os.open(path, flags), "rb" if flags & os.O_NONBLOCK else "r+b", buffering=0)
