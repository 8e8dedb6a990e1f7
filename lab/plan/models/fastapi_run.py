"""Process model ``fastapi-run``: one container, whose ``fastapi run`` lets uvicorn supervise N worker processes."""

from typing import Any, Literal

from lab.plan.models.model import OF_UVICORN, AppPlace, ProcessModel, of_a_server, own_command
from lab.plan.models.workers import WORKERS, Workers
from lab.scenario.kinds import AUTOMATIC, Asked, options

_own_command = own_command("fastapi run", (AUTOMATIC,))


@options
class FastapiRun:
    """One container of `fastapi run`, which has options for host, port and workers only.

    So its access log is on and idle connections close after 5 s, as with plain uvicorn. ``target``: how the app is
    named; for `path`, the file, its supervisor imports the app as well, for `module` (`--entrypoint`) it does not.
    """

    kind: Literal["fastapi-run"] = "fastapi-run"
    target: Literal["path", "module"] = "path"


def _argv(chosen: FastapiRun, place: AppPlace) -> tuple[str, ...]:
    module, _, name = place.app.target.partition(":")
    path = (f"{module.replace('.', '/')}.py", "--app", name)
    return (
        *("fastapi", "run"),
        *(path if chosen.target == "path" else ("--entrypoint", place.app.target)),
        *("--host", place.network.bind, "--port", str(place.ports[0]), "--workers", str(place.processes)),
        "--no-proxy-headers",
    )


def _refusal(chosen: FastapiRun, asked: Asked) -> str:
    """A file is asked for a name in it, an import string for anything that can be reached."""
    name = asked.target.partition(":")[2]
    if chosen.target == "path" and "." in name:
        return f'app.target = {asked.target!r}: {name} is no name in a file: take target = "module" of the model'
    return _own_command(chosen, asked)


def _title(chosen: Any) -> str:
    return f"fastapi run ({chosen.target})"


FASTAPI_RUN = ProcessModel(
    options=FastapiRun,
    containers=lambda _chosen, _processes: 1,
    supervisors=lambda _chosen, processes: WORKERS.supervisors(Workers(), processes),  # it is uvicorn's own
    supervision=OF_UVICORN,
    one_address=True,
    services=of_a_server(_argv),
    refusal=_refusal,
    title=_title,
)
