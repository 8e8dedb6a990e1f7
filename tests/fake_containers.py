"""A Docker engine whose containers are only accounts of what was asked: as the SDK's client, without an engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import docker.errors

from lab.host.labels import SERVICE


def frame(text: str) -> bytes:
    """A piece of a standard stream, as the engine sends it."""
    return bytes([1, 0, 0, 0]) + len(text).to_bytes(4) + text.encode()


@dataclass(eq=False)
class FakeContainer:
    """One container; ``state`` is what it becomes when it is started."""

    client: FakeEngineClient
    id: str
    labels: dict[str, str]
    state: dict[str, Any]
    attrs: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        self.client.note("start", self)
        self.attrs = {"State": self.state, "Config": {"Cmd": []}, "NetworkSettings": {"Networks": {}}}

    def reload(self) -> None:
        if self.id in self.client.removed:
            raise docker.errors.NotFound("no such container")
        self.client.reloaded.set()

    def logs(self, **_: Any) -> bytes:
        return f"words of {self.labels[SERVICE]}\n".encode()


class FakeEngineClient:
    """The client. ``states``: what becomes of a service, which otherwise runs; ``said``: what its checks print.

    ``check`` is called with each command in a container: it gives the exit code, None for one that never ends.
    """

    def __init__(
        self,
        states: dict[str, dict[str, Any]] | None = None,
        *,
        refused: str = "",
        check: Callable[[], int | None] = lambda: 0,
        said: str = "",
    ) -> None:
        self.states, self.refused, self.check, self.said = states or {}, refused, check, said
        self.happened: list[str] = []
        self.made: dict[str, FakeContainer] = {}
        self.removed: list[str] = []
        self.reloaded = threading.Event()
        self.api = self
        self.containers = SimpleNamespace(create=self._create, list=self._list)
        self.volumes = SimpleNamespace(list=lambda **_: [])
        self.networks = SimpleNamespace(list=lambda **_: [], create=self._create_network)
        self.images = SimpleNamespace(get=lambda _id: SimpleNamespace(attrs={"Config": {}}))
        self._ends: list[socket.socket] = []

    def note(self, what: str, container: FakeContainer) -> None:
        """Keep the order of what happened."""
        self.happened.append(f"{what} {container.labels[SERVICE]}")

    def info(self) -> dict[str, str]:
        return {"CgroupDriver": "cgroupfs"}

    def remove_container(self, identity: str, **_: Any) -> None:
        self.note("remove", self.made[identity])
        self.removed.append(identity)

    def exec_create(self, _container: str, _command: list[str]) -> dict[str, str]:
        code = self.check()
        return {"Id": "" if code is None else str(code)}

    def exec_start(self, identity: str, **_: Any) -> socket.socket:
        here, there = socket.socketpair()
        there.sendall(frame(self.said))
        if identity:
            there.close()
        self._ends.append(there)
        return here

    def exec_inspect(self, identity: str) -> dict[str, int | None]:
        return {"ExitCode": int(identity) if identity else None}

    def inspect_network(self, _identity: str) -> dict[str, Any]:
        return {"Containers": {}}

    def remove_network(self, _identity: str) -> None:
        self.happened.append("remove network")

    def close(self) -> None:
        """The ends of the commands that still run."""
        for each in self._ends:
            each.close()

    def _create(self, **arguments: Any) -> FakeContainer:
        labels = arguments["labels"]
        if labels[SERVICE] == self.refused:
            raise docker.errors.APIError("400", explanation="invalid mount")
        state = self.states.get(labels[SERVICE], {"Status": "running", "Running": True})
        container = FakeContainer(self, f"id-{len(self.made)}", labels, state)
        self.made[container.id] = container
        self.note("create", container)
        return container

    def _list(self, **_: Any) -> list[FakeContainer]:
        return [each for each in self.made.values() if each.id not in self.removed]

    def _create_network(self, _name: str, **_: Any) -> Any:
        self.happened.append("create network")
        return SimpleNamespace(id="network")
