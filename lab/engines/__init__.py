"""DO: engines realise a Topology. An engine never asks which process model it is looking at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from lab.plan.topology import Endpoint, Topology
from lab.record.types import ServiceRecord
from lab.sampling.channel import Launch, as_child
from lab.sampling.plan import SampleTarget
from lab.sampling.process_view import Look, look


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A topology that is up and ready.

    ``boot_s`` is the time from the request to start the first service until N distinct processes had answered;
    ``servers`` maps each serving process that answered to how often it did; ``ignored_header`` is one of the app's that
    names no process, and the topology has none then; ``strangers`` is what else runs from the
    same image, ``neighbours`` are the runs of other labs that do; ``check()`` raises DeploymentError when a service has
    died since; ``logs()`` gives each service's log text (bounded). ``look`` looks at the services' processes;
    ``launch`` starts their sampler: see lab/engines/docker/rights.py.
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
    look: Look = look
    launch: Launch = as_child
    ignored_header: str = ""

    def service_at(self, endpoint: Endpoint) -> str:
        """The name of the service that listens there."""
        return next(service.name for service in self.services if endpoint.address in service.addresses)


class Engine(Protocol):
    """An engine as the runner needs it."""

    name: str
    elsewhere: str
    """Why its processes are not this machine's; "" if they are."""

    def describe(self) -> Mapping[str, Any]:
        """Facts for the environment: versions, drivers, network mode."""

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:
        """Ports on 127.0.0.1 on which nobody listens. Raises MissingError when the range is exhausted."""

    def deploy(self, topology: Topology) -> AbstractContextManager[Deployment]:
        """Bring a topology up; take it down on leaving, also after a failed start. Raises DeploymentError."""
