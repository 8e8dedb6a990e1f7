"""Process model ``hybrid``: R containers of the image, each with its share of the N processes as workers."""

from typing import Annotated, Literal

from pydantic import Field

from lab.plan.models.model import OF_UVICORN, AppPlace, ProcessModel
from lab.plan.models.workers import WORKERS, Workers
from lab.plan.topology import Service
from lab.scenario.kinds import Asked, options


@options
class Hybrid:
    """Several containers of several worker processes each, which need a front."""

    kind: Literal["hybrid"] = "hybrid"
    containers: Annotated[int, Field(ge=2, le=512, strict=True)] = 2


def _refusal(chosen: Hybrid, asked: Asked) -> str:
    """N processes in R containers, as many in each."""
    processes = asked.processes
    if processes % chosen.containers == 0:
        return ""
    fitting = [str(number) for number in range(2, processes + 1) if processes % number == 0]
    advice = f"containers = {' or '.join(fitting)}" if fitting else 'model = "workers" or "replicas"'
    return f"{processes} processes cannot be shared equally by {chosen.containers} containers: take {advice}"


def _services(chosen: Hybrid, place: AppPlace) -> tuple[Service, ...]:
    each = place.processes // chosen.containers
    return tuple(place.container(f"app-{number}", port, each) for number, port in enumerate(place.ports, 1))


def _supervisors(chosen: Hybrid, processes: int) -> int:
    """Each container is that of model ``workers``, on a smaller scale."""
    return chosen.containers * WORKERS.supervisors(Workers(), processes // chosen.containers)


HYBRID = ProcessModel(
    options=Hybrid,
    containers=lambda chosen, _processes: chosen.containers,
    supervisors=_supervisors,
    supervision=OF_UVICORN,
    one_address=False,
    services=_services,
    placeholders=WORKERS.placeholders,
    refusal=_refusal,
    title=lambda chosen: f"hybrid ({chosen.containers} containers)",
)
