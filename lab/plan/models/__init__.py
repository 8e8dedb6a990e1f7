"""The process models: how N serving processes come about. THE STUDIED DIFFERENCE, pure, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.plan.models import replicas, workers
from lab.plan.topology import Service
from lab.scenario.budget import Limits
from lab.scenario.model import App, Arm

Services = Callable[[App, Arm, int, Sequence[int], Limits], tuple[Service, ...]]


@dataclass(frozen=True, slots=True)
class ProcessModel:
    """A process model: how many containers (each with one port) N processes take, and what runs in them.

    ``services(app, arm, processes, ports, limits)`` gets one port for each container and the limits of one container.
    """

    containers: Callable[[int], int]
    services: Services
    has_supervisor: bool


MODELS: Mapping[str, ProcessModel] = {
    "workers": ProcessModel(workers.containers, workers.services, has_supervisor=True),
    "replicas": ProcessModel(replicas.containers, replicas.services, has_supervisor=False),
}
