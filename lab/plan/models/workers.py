"""Process model ``workers``: one container, whose uvicorn supervises N worker processes on one listening socket."""

from typing import Literal

from lab.plan.models.model import OF_UVICORN, ProcessModel
from lab.scenario.kinds import options


@options
class Workers:
    """One container with N worker processes on one address."""

    kind: Literal["workers"] = "workers"


WORKERS = ProcessModel(
    options=Workers,
    containers=lambda _chosen, _processes: 1,
    supervisors=lambda _chosen, processes: 1 if processes > 1 else 0,  # uvicorn serves a single worker without one
    supervision=OF_UVICORN,
    one_address=True,
    speaks_tls=True,
    services=lambda _chosen, place: (place.container("app", place.ports[0], place.processes),),
    placeholders=("{workers}",),
)
