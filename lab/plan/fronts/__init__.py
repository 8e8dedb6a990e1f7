"""The fronts: what clients connect to. Topology in, configuration text out; pure, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.plan.fronts import nginx
from lab.plan.topology import Service
from lab.scenario.budget import Limits
from lab.scenario.model import Arm

Services = Callable[[Arm, Sequence[int], Sequence[int], Limits], tuple[Service, ...]]


@dataclass(frozen=True, slots=True)
class Front:
    """A front: how many containers (each with one port) it adds, and what runs in them.

    ``services(arm, app_ports, front_ports, limits)`` is what stands between the clients and the app.
    """

    containers: int
    services: Services


def _nothing(arm: Arm, app_ports: Sequence[int], front_ports: Sequence[int], limits: Limits) -> tuple[Service, ...]:  # noqa: ARG001
    return ()


FRONTS: Mapping[str, Front] = {"direct": Front(0, _nothing), "nginx": Front(1, nginx.services)}
