"""The deployment of a trial as frozen values: no effects, no knowledge of which process model is which."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from lab.plan.kinds import ServiceKind
from lab.plan.upstream import NAMED_UPSTREAM
from lab.scenario.app import SERVER_HEADER, Restart
from lab.scenario.beside import STARTED, Ready
from lab.scenario.budget import Limits
from lab.scenario.container import Volume
from lab.scenario.network import LOOPBACK, Network

SCRATCH = "/tmp"  # noqa: S108  as a whole word of an argv: the folder that the service may write to, and nobody else

NEW = "-new"  # added to the name of a service: the one that shall take its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address where something answers, which identifies it: in networks of their own many have one port.

    ``host``: an address, or the name of a service before its container has one. ``trust``: certificate (PEM) of the
    authority behind its own, if it is one of ours; not a file, for probes and load may run on another machine.
    """

    port: int
    host: str = LOOPBACK
    scheme: Literal["http", "https"] = "http"
    trust: str = ""

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
    content: bytes = field(repr=False)
    mode: int = 0o444
    recorded: bool = True

    @property
    def text(self) -> str:
        """The content for people."""
        return self.content.decode(errors="replace")


def ids_of(user: str) -> tuple[int | None, int | None]:
    """User and group of ``"10001:10002"``; None for each that is not said as a number."""
    uid, _, gid = user.partition(":")
    return (int(uid) if uid.isdecimal() else None), (int(gid) if gid.isdecimal() else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One container (or one host process tree) of an arm.

    ``image`` is a key of the images that the engine prepared: ``Arm.image_key``, or that of the front's image.
    ``argv`` is the full command; ``entrypoint`` None keeps the image's own.
    ``ports`` are the TCP ports that the service listens on; ``host`` is how the others reach it. ``capabilities`` and
    ``volumes`` are all that it has beyond none and /tmp; ``healthcheck``: whether that of the image runs.
    ``ready``: when the next stage may start; the app's own readiness is that of the whole topology.
    """

    name: str
    kind: ServiceKind
    image: str
    argv: tuple[str, ...]
    ports: tuple[int, ...]
    host: str = LOOPBACK
    env: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] | None = None
    limits: Limits = field(default_factory=Limits)
    files: tuple[ConfigFile, ...] = ()
    read_only: bool = True
    user: str = ""
    capabilities: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    healthcheck: bool = False
    ready: Ready = STARTED
    ready_timeout_s: float = 0.0

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens, as the others reach it."""
        return tuple(Endpoint(host=self.host, port=port) for port in self.ports)

    @property
    def in_memory_bytes(self) -> int:
        """The sizes of its volumes, which are folders in memory, without SCRATCH."""
        return sum(volume.size for volume in self.volumes)

    @property
    def program(self) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        """(entrypoint, command) where nobody can be told to leave an image's entrypoint out: None keeps it.

        So where it is to be left out, the command takes its place.
        """
        return (self.argv, ()) if self.entrypoint == () else (self.entrypoint, self.argv)

    @property
    def ids(self) -> tuple[int | None, int | None]:
        """User and group as numbers; None where the image says who it is, or for a name, which only the image knows."""
        return ids_of(self.user)

    @property
    def ends(self) -> bool:
        """Whether it is to end well before what comes after it starts: a job, or a sidecar that is ready then."""
        return self.kind is ServiceKind.JOB or self.ready.kind == "exit"

    @property
    def recorded_files(self) -> dict[str, str]:
        """Path → text of the files that may be shown."""
        return {file.path: file.text for file in self.files if file.recorded}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A service that must end with exit code 0 within ``timeout_s``. ``name``: of the job that it is one run of."""

    name: str
    service: Service
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What starts side by side: it is over when every service is ready and every job has ended well."""

    services: tuple[Service, ...] = ()
    jobs: tuple[Job, ...] = ()

    @property
    def containers(self) -> tuple[Service, ...]:
        """The services of both."""
        return (*self.services, *(job.service for job in self.jobs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Everything an engine must bring up for one trial.

    ``pool`` limits the sum of all services (a parent cgroup); ``processes`` is the number of serving processes
    expected to answer, or of threads where ``serving``, how many processes they are in (0: as many), is less.
    ``entry`` is where clients connect, ``app`` where the app itself listens: the same without a front; those that are
    dealt out to fronts on several nodes connect to ``further_entries`` too. ``upstream_of`` ("module:function") tells
    which of ``app`` an answer of the front names; "" when it names none.
    Every probe of the lab sends ``probe_headers``. ``server_header``: in which header of its answers the app names the
    process that gave it; "" where there is none; under ``client_path``, unless "", it tells client and scheme as it
    sees them. ``before``: stages that run before the arm, one after the other; what they hold is no part of it.
    ``further``: containers of the app that only a drill starts. ``restart``: Docker's policy for the app's containers.
    ``watchdog``: the engine restarts those that do not answer.
    """

    trial_id: str
    services: tuple[Service, ...]
    entry: Endpoint
    app: tuple[Endpoint, ...]
    processes: int
    ready_path: str
    ready_timeout_s: float
    serving: int = 0
    probe_headers: Mapping[str, str] = field(default_factory=dict)
    server_header: str = SERVER_HEADER
    client_path: str = ""
    pool: Limits = field(default_factory=Limits)
    further_entries: tuple[Endpoint, ...] = ()
    upstream_of: str = NAMED_UPSTREAM
    network: Network = Network.HOST
    before: tuple[Stage, ...] = ()
    further: tuple[Service, ...] = ()
    restart: Restart = "no"
    watchdog: bool = False

    def located(self, addresses: Mapping[str, str]) -> "Topology":
        """The same with addresses in place of the names of services, as far as ``addresses`` has them."""

        def at(endpoint: Endpoint) -> Endpoint:
            return replace(endpoint, host=addresses.get(endpoint.host, endpoint.host))

        further = tuple(map(at, self.further_entries))
        return replace(self, entry=at(self.entry), further_entries=further, app=tuple(map(at, self.app)))

    @property
    def with_one_front(self) -> "Topology":
        """The same where nodes have a front each: the first of them stands for all."""
        further = {entry.host for entry in self.further_entries}
        services = tuple(service for service in self.services if service.host not in further)
        return replace(self, services=services, further_entries=())

    @property
    def probed(self) -> "Topology":
        """The same as whoever asks it has to know it: without what its containers are made of, secrets too."""
        return replace(self, services=(), before=(), further=())

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Everything in the order in which it starts: sidecars, jobs, then the arm."""
        return (*self.before, Stage(services=self.services))

    @property
    def sidecars(self) -> tuple[Service, ...]:
        """The services beside the arm."""
        return tuple(service for stage in self.before for service in stage.services)

    @property
    def threaded(self) -> bool:
        """Tell whether several threads of a process serve."""
        return 0 < self.serving < self.processes

    @property
    def fronted(self) -> bool:
        """Tell whether something stands between the clients and the app."""
        return self.entry not in self.app

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Everything that listens, each once."""
        return tuple(dict.fromkeys((*self.app, *self.entries)))

    @property
    def entries(self) -> tuple[Endpoint, ...]:
        """Everywhere that clients connect."""
        return (self.entry, *self.further_entries)
