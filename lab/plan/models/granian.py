"""Process model ``granian``: one container, whose granian starts N workers that read HTTP in Rust."""

from typing import Literal

from lab.plan.models.model import AppPlace, ProcessModel, Supervision, of_a_server, own_command
from lab.scenario.kinds import kind_of, options

HEADER_TIMEOUT_MS = 60_000  # its longest: an idle connection that is kept alive waits for the next header


@options
class Granian:
    """One container of granian."""

    kind: Literal["granian"] = "granian"


def _argv(_chosen: Granian, place: AppPlace) -> tuple[str, ...]:
    return (
        "granian",
        *("--interface", "asgi", "--http", "1", "--loop", place.app.loop),
        *("--host", place.network.bind, "--port", str(place.ports[0]), "--workers", str(place.processes)),
        *("--log-level", "warning", "--http1-header-read-timeout", str(HEADER_TIMEOUT_MS)),
        *place.tls("--ssl-certificate", "--ssl-keyfile"),
        place.app.target,
    )


GRANIAN = ProcessModel(
    options=Granian,
    containers=lambda _chosen, _processes: 1,
    supervisors=lambda _chosen, processes: 1 if processes > 1 else 0,  # of a single one its parent only waits: an init
    supervision=Supervision(
        dies="granian ends the others too and stops: its `--respawn-failed-workers` is off",
        hangs="nobody looks",
        hangup=True,
    ),
    one_address=True,
    speaks_tls=True,
    services=of_a_server(_argv),
    refusal=own_command("granian", ("auto", "asyncio", "uvloop")),
    server=kind_of,
)
