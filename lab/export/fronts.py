"""The front of an arm as it is deployed: that of the run, set for other machines and addresses."""

from collections.abc import Sequence
from dataclasses import replace

from lab.plan.fronts.front import FrontPlace, Setting, front_of
from lab.plan.topology import Endpoint, Service
from lab.record.types import RunInfo
from lab.scenario.budget import Limits
from lab.scenario.model import Arm
from lab.scenario.network import Network


def setting_of(run: RunInfo, containers: int) -> Setting:
    """The setting of an exported front before so many containers of the app.

    It takes as many cores as it had in the run, for its limit is of there, and tells clients no address of the app.
    """
    known = run.environment.known
    online = None if known.engine_at else known.cpu_online  # where the engine is elsewhere that is not its machine's
    return Setting(cores=online or known.cpu_count, checks="all" if containers > 1 else "active", tells=False)


def front_as(
    arm: Arm, hops: Sequence[Service], app: Sequence[Endpoint], setting: Setting, network: Network = Network.OWN
) -> tuple[Service, ...]:
    """The services ``hops`` of a front anew, before these addresses of the app and in this setting."""
    place = _place(hops, app, setting, network)
    return tuple(replace(hop, host=hop.name) for hop in front_of(arm).services(arm.front, place))


def threads_told(arm: Arm, hops: Sequence[Service], setting: Setting) -> str:
    """How many workers or threads a front in this setting is told to have, in words."""
    if not setting.cores:
        return "how many those were is not known"
    threads = front_of(arm).threads
    if threads is None:
        return "it is told no number of them"
    number = threads(_place(hops, (), setting, Network.OWN))
    return "it goes by its CPU limit" if number is None else f"it is told to have {number}"


def _place(hops: Sequence[Service], app: Sequence[Endpoint], setting: Setting, network: Network) -> FrontPlace:
    return FrontPlace(
        app=tuple(app),
        ports=tuple(hop.ports[0] for hop in hops),
        limits=hops[0].limits if hops else Limits(),
        network=network,
        setting=setting,
    )
