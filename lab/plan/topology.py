"""The deployment of a trial as frozen values: no effects, no knowledge of which process model is which."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lab.plan.kinds import ServiceKind
from lab.plan.upstream import UpstreamOf, named_upstream
from lab.scenario.budget import Limits

LOOPBACK = "127.0.0.1"  # every listener of the lab is there
SCRATCH = "/tmp"  # noqa: S108  as a whole word of an argv: the folder that the service may write to, and nobody else


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address where something answers. ``trust``: file of the authority behind its certificate, if it is our own."""

    port: int
    host: str = LOOPBACK
    scheme: Literal["http", "https"] = "http"
    trust: Path | None = None

    @property
    def address(self) -> str:
        """``"127.0.0.1:20000"``."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """``"http://127.0.0.1:20000"``."""
        return f"{self.scheme}://{self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A file that must exist in the service before it starts; ``path`` is absolute inside the container.

    One that is not ``recorded``, such as a private key, is in no record, report or plan.
    """

    path: str
    content: bytes
    mode: int = 0o444
    recorded: bool = True

    @property
    def text(self) -> str:
        """The content for people."""
        return self.content.decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One container (or one host process tree) of an arm.

    ``image`` is a key of the images that the engine prepared: ``Arm.image_key``, or that of the front's image.
    ``argv`` is the full command; ``entrypoint`` None keeps the image's own.
    ``ports`` are the TCP ports on 127.0.0.1 that the service listens on.
    """

    name: str
    kind: ServiceKind
    image: str
    argv: tuple[str, ...]
    ports: tuple[int, ...]
    env: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] | None = None
    limits: Limits = field(default_factory=Limits)
    files: tuple[ConfigFile, ...] = ()
    read_only: bool = True
    user: str = ""

    @property
    def recorded_files(self) -> dict[str, str]:
        """Path → text of the files that may be shown."""
        return {file.path: file.text for file in self.files if file.recorded}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Everything an engine must bring up for one trial.

    ``pool`` limits the sum of all services (a parent cgroup); ``processes`` is the number of serving processes
    expected to answer; ``entry`` is where clients connect, ``app`` where the app itself listens: the same without a
    front. ``upstream_of`` tells which of them an answer of the front names; None when it names none.
    """

    trial_id: str
    services: tuple[Service, ...]
    entry: Endpoint
    app: tuple[Endpoint, ...]
    processes: int
    ready_path: str
    ready_timeout_s: float
    pool: Limits = field(default_factory=Limits)
    upstream_of: UpstreamOf | None = named_upstream

    @property
    def fronted(self) -> bool:
        """Tell whether something stands between the clients and the app."""
        return self.entry not in self.app

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Everything that listens, each once."""
        return tuple(dict.fromkeys((*self.app, self.entry)))
