"""How the front of an arm is given another configuration, or another certificate, while it goes on serving. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from signal import Signals

from lab.plan.fronts.front import FrontPlace, front_of
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Service, Topology
from lab.scenario.budget import Limits
from lab.scenario.model import Arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloads:
    """``files``: by service, the configuration that passes requests to these services of the app.

    ``signal``: at which the first process of each reads it.
    """

    signal: Signals
    files: Callable[[Sequence[Service]], Mapping[str, tuple[ConfigFile, ...]]]


def reloads_of(arm: Arm, topology: Topology) -> Reloads | None:
    """How the front of this topology is reloaded; None where there is none, or it has to be started again."""
    found = front_of(arm).reload
    return Reloads(signal=found, files=partial(front_files, arm, topology)) if found and arm.fronted else None


def front_files(arm: Arm, topology: Topology, app: Sequence[Service]) -> Mapping[str, tuple[ConfigFile, ...]]:
    """The files of a front before these services of the app, without those of its certificate."""
    hops = [service for service in topology.services if service.kind is ServiceKind.PROXY]
    place = FrontPlace(
        app=tuple(endpoint for service in app for endpoint in service.endpoints),
        ports=tuple(port for hop in hops for port in hop.ports),
        limits=Limits(),
        network=topology.network,
    )
    services = {service.name: service for service in front_of(arm).services(arm.front, place)}
    first = next(iter(services.values()))  # of which there may be one on each node
    return {hop.name: tuple(file for file in services.get(hop.name, first).files if file.recorded) for hop in hops}
