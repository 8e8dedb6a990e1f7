"""DO: engines realise a Topology. An engine never asks which process model it is looking at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from lab.agent.calls import There, here
from lab.errors import DeploymentError
from lab.plan.topology import ConfigFile, Endpoint, Service, Topology
from lab.sampling.channel import Launch, as_child
from lab.sampling.plan import SampleTarget

if TYPE_CHECKING:  # it holds tables, whose library an agent does without
    from lab.load.place import Place
    from lab.record.run_types import EngineFacts
    from lab.record.told import Executions
    from lab.record.types import ClockOffset, Event, ServiceRecord
    from lab.scenario.drills import Update
    from lab.scenario.model import Load

Executed: TypeAlias = "Callable[[], Executions | None]"
Happened: TypeAlias = "Callable[[float], tuple[Event, ...]]"


def nothing_happened(_t0_s: float) -> tuple[Event, ...]:
    """For engines that start nothing again."""
    return ()


def nothing_told() -> None:
    """For engines that do not read what an app tells of its requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """One run of a job that ended well; instants are epoch seconds of this machine's clock."""

    name: str
    service: str
    argv: tuple[str, ...]
    began_epoch_s: float
    ended_epoch_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMark:
    """A line ``lab-step NAME begin`` or ``… end`` of a service, with its instant in epoch seconds of this machine."""

    service: str
    name: str
    begins: bool
    epoch_s: float


def no_restart(service: str, _pid: int) -> None:
    """The engine restarts nothing. Raises DeploymentError."""
    raise DeploymentError(f"this engine does not restart {service}", "leave out trials.restart_one")


def no_stop(service: str) -> str:
    """The engine stops nothing by itself. Raises DeploymentError."""
    raise DeploymentError(f"this engine does not stop {service}", "take another verb for the drill")


def no_exchange(service: str, _image: str) -> None:
    """The engine puts nothing in the place of a service. Raises DeploymentError."""
    raise DeploymentError(f"this engine does not exchange {service}", "take another verb for the drill")


def no_write(service: str, _files: Sequence[ConfigFile]) -> None:
    """The engine changes no files of what runs. Raises DeploymentError."""
    raise DeploymentError(f"this engine does not change files of {service}", "take another verb for the drill")


def no_add(services: Sequence[Service]) -> None:
    """The engine puts nothing beside an arm that runs. Raises DeploymentError."""
    raise DeploymentError(
        f"this engine does not add {', '.join(service.name for service in services)}", "take another verb for the drill"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateEnd:
    """The end of an engine's own update of a service, and what it ``told`` of it.

    ``stopped``: no further one shall follow; ``back``: what ran before was put in its place again.
    """

    told: str
    stopped: bool = False
    back: bool = False


Replacing: TypeAlias = (
    "Callable[[Sequence[str], str, Update, Sequence[ConfigFile]], Callable[[], Mapping[str, UpdateEnd]]]"
)
Losing: TypeAlias = "Callable[[str], Callable[[], Mapping[str, str]]]"


def one_clock() -> ClockOffset | None:
    """For engines of this machine."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Another machine than that of the arm, which drives load.

    ``launch`` starts its sampler; ``lab_pid``: the lab's own process, where this is its machine, else 0.
    """

    name: str
    launch: Launch
    lab_pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A machine that runs a part of an arm: these ``services``, all of them where it is the only one.

    ``there`` calls functions where their processes are seen, ``launch`` starts their sampler, ``clock()`` compares the
    machine's clock once more, None where it is this one's. ``node``: its name in a run that has several. ``lab_pid``:
    the lab's own process, where this is its machine though it is not that of the whole engine, else 0.
    """

    node: str = ""
    services: frozenset[str]
    there: There = here
    launch: Launch = as_child
    clock: Callable[[], ClockOffset | None] = one_clock
    lab_pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The means of an engine at one deployment, beyond bringing it up; an engine gives those that it has.

    ``there`` calls functions where the arm can be reached and its processes be seen, ``launch`` starts their sampler:
    see lab/engines/docker/rights.py. ``jobs`` ran before the arm; ``steps()`` are the app's own, as far as it told of
    them; ``restart(service, pid)`` ends a process, or starts the whole service again (0), and waits until all answer;
    ``stop(service)`` asks a service to end, ends it where it does not, and tells how it ended;
    ``exchange(service, image)`` stops it, starts another from the image of this key in its place ("" for that which it
    has), and waits until all answer; ``add(services)`` starts further ones of the app, and waits until they answer;
    ``remove(service)`` stops one as ``stop`` does and takes it away; ``write(service, files)`` puts files in the place
    of those that it was given; ``happened(t0_s)`` gives the ends of those that were started again, with instants
    since then; ``executed()`` how many requests the app told of; ``living()`` the targets that live, where services
    may be started again. ``node``: the name of the arm's machine in a run that has several, and ``generators`` those
    that drive load; ``clock()`` compares the clock of the arm's machine once more, None where it is this one's.
    ``replacing(services, image, how, files)``: the engine replaces these side by side by an update of its own, with
    files in the place of those that they had, and names lead to the new ones when it returns; what it gives waits for
    the end of each. None where it has no such thing.
    ``losing(node)``: take a node, "" for the last, out of what may run services, and give what waits for those that it
    ran and tells on which nodes they came again. ``addresses_stay``: a name leads to the same address, whichever
    container is behind it. ``spread()``: the machines of an arm that runs on several, the one from which load comes, if
    any, last; ``there`` still reaches what listens.
    """

    there: There = here
    launch: Launch = as_child
    jobs: tuple[JobRun, ...] = ()
    steps: Callable[[], Sequence[StepMark]] = tuple
    restart: Callable[[str, int], None] = no_restart
    stop: Callable[[str], str] = no_stop
    exchange: Callable[[str, str], None] = no_exchange
    add: Callable[[Sequence[Service]], None] = no_add
    remove: Callable[[str], str] = no_stop
    write: Callable[[str, Sequence[ConfigFile]], None] = no_write
    happened: Happened = nothing_happened
    executed: Executed = nothing_told
    living: Callable[[], tuple[SampleTarget, ...]] | None = None
    node: str = ""
    generators: tuple[Machine, ...] = ()
    clock: Callable[[], ClockOffset | None] = one_clock
    replacing: Replacing | None = None
    losing: Losing | None = None
    addresses_stay: bool = False
    spread: Callable[[], tuple[Part, ...]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment(Means):
    """A topology that is up and ready.

    ``boot_s`` is the time from the request to start the arm's first service until N distinct processes had answered;
    sidecars and ``jobs``, which run before, are not in it;
    ``servers`` maps each serving process that answered to how often it did; ``ignored_header`` is one of the app's that
    names no process, and the topology has none then; ``strangers`` is what else runs from the same image,
    ``neighbours`` are the runs of other labs that do; ``check()`` raises DeploymentError when a service has died since;
    ``logs()`` gives each service's log text (bounded).
    """

    topology: Topology
    services: tuple[ServiceRecord, ...]
    targets: tuple[SampleTarget, ...]
    boot_s: float
    servers: Mapping[str, int]
    strangers: tuple[str, ...]
    neighbours: tuple[str, ...]
    check: Callable[[], None]
    logs: Callable[[], Mapping[str, str]]
    ignored_header: str = ""

    def current(self) -> tuple[SampleTarget, ...]:
        """The targets as they are now: what was started again has another first process."""
        return self.living() if self.living else self.targets

    @property
    def parts(self) -> tuple[Part, ...]:
        """The machines that run it, one for most."""
        further = (service.name for service in self.topology.further)
        services = frozenset([*(target.service for target in self.targets), *further])
        whole = Part(node=self.node, services=services, there=self.there, launch=self.launch, clock=self.clock)
        return self.spread() or (whole,)

    def part_of(self, service: str) -> Part:
        """The machine that runs a service."""
        return next(part for part in self.parts if service in part.services)

    def service_at(self, endpoint: Endpoint) -> str:
        """The name of the service that listens there."""
        return next(service.name for service in self.services if endpoint.address in service.addresses)


class Engine(Protocol):
    """An engine as the runner needs it."""

    name: str
    elsewhere: str
    """Why its processes are not this machine's; "" if they are."""

    def describe(self) -> EngineFacts:
        """What it says of itself: version, drivers, networks."""

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:
        """Ports on 127.0.0.1 on which nobody listens. Raises MissingError when the range is exhausted."""

    def load_place(self, load: Load) -> AbstractContextManager[Place]:
        """A place from which load reaches arms in networks of their own; not used where it has none."""

    def deploy(self, topology: Topology) -> AbstractContextManager[Deployment]:
        """Bring a topology up; take it down on leaving, also after a failed start. Raises DeploymentError."""
