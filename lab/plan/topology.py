"""What a trial deploys, as frozen values: no effects, no knowledge of which process model is which."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.plan.kinds import ServiceKind
from lab.scenario.budget import Limits

HOST = "127.0.0.1"  # every listener of the lab is on loopback (DESIGN 6)
SCRATCH = "/tmp"  # noqa: S108  as a whole word of an argv: the folder that the service may write to, and nobody else


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A file that must exist in the service before it starts; ``path`` is absolute inside the container."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One container (or one host process tree) of an arm.

    ``image`` is a key of the images that the engine prepared: ``Arm.image_key`` or ``"nginx"``.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Everything an engine must bring up for one trial.

    ``pool`` limits the sum of all services (a parent cgroup); ``processes`` is the number of serving processes
    expected to answer; ``port`` is where clients connect; ``app_ports`` are where the app itself listens.
    """

    trial_id: str
    services: tuple[Service, ...]
    port: int
    app_ports: tuple[int, ...]
    processes: int
    ready_path: str
    ready_timeout_s: float
    pool: Limits = field(default_factory=Limits)

    @property
    def base_url(self) -> str:
        """The URL that clients use."""
        return f"http://{HOST}:{self.port}"
