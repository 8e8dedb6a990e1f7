"""Process model ``replicas``: N containers of the image, each serving with a single process on its own port."""

from typing import Literal

from lab.plan.models.model import OF_DOCKER, AppPlace, ProcessModel
from lab.plan.topology import Service
from lab.scenario.kinds import options


@options
class Replicas:
    """N containers of one process each, which need a front."""

    kind: Literal["replicas"] = "replicas"


def _services(_chosen: Replicas, place: AppPlace) -> tuple[Service, ...]:
    return tuple(place.container(f"app-{number}", port, 1) for number, port in enumerate(place.ports, 1))


REPLICAS = ProcessModel(
    options=Replicas,
    containers=lambda _chosen, processes: processes,
    supervisors=lambda _chosen, _processes: 0,
    supervision=OF_DOCKER,
    one_address=False,
    services=_services,
)
