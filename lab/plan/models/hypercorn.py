"""Process model ``hypercorn``: one container, whose hypercorn spawns N workers."""

from typing import Literal

from lab.plan.models.model import (
    GRACEFUL_SHUTDOWN_S,
    KEEP_ALIVE_S,
    AppPlace,
    ProcessModel,
    Supervision,
    of_a_server,
    own_command,
)
from lab.scenario.kinds import kind_of, options

LOOPS = {"auto": "uvloop", "uvloop": "uvloop", "asyncio": "asyncio"}  # it takes asyncio unless told; uvicorn does not


@options
class Hypercorn:
    """One container of hypercorn; with `app.loop = "auto"` on uvloop, as uvicorn, which the image must then have."""

    kind: Literal["hypercorn"] = "hypercorn"


def _argv(_chosen: Hypercorn, place: AppPlace) -> tuple[str, ...]:
    return (
        "hypercorn",
        *("--worker-class", LOOPS[place.app.loop], "--workers", str(place.processes), "--bind", place.bind),
        *("--keep-alive", str(KEEP_ALIVE_S), "--graceful-timeout", str(GRACEFUL_SHUTDOWN_S), "--log-level", "warning"),
        *place.tls("--certfile", "--keyfile"),
        place.app.target,
    )


HYPERCORN = ProcessModel(
    options=Hypercorn,
    containers=lambda _chosen, _processes: 1,
    supervisors=lambda _chosen, _processes: 1,
    supervision=Supervision(dies="hypercorn ends the others too and stops", hangs="nobody looks"),
    one_address=True,
    speaks_tls=True,
    services=of_a_server(_argv),
    refusal=own_command("hypercorn", tuple(LOOPS)),
    server=kind_of,
)
