"""Process model ``gunicorn``: one container, whose gunicorn forks N workers that serve ASGI."""

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
from lab.scenario.kinds import options

HEARTBEATS = "/dev/shm"  # noqa: S108  in memory in every container; on a disk a slow write looks like a hung worker


@options
class Gunicorn:
    """One container of gunicorn. ``worker``: that of the package uvicorn-worker, or gunicorn's own for ASGI.

    ``preload``: import the app once, before forking, so that workers share its pages until they write to them.
    """

    kind: Literal["gunicorn"] = "gunicorn"
    worker: Literal["uvicorn", "asgi"] = "uvicorn"
    preload: bool = False


WORKERS = {"uvicorn": "uvicorn_worker.UvicornWorker", "asgi": "asgi"}


def _argv(chosen: Gunicorn, place: AppPlace) -> tuple[str, ...]:
    """Its access log is off unless a file is named; the control socket would need a folder that can be written to."""
    return (
        "gunicorn",
        place.app.target,
        *("--worker-class", WORKERS[chosen.worker], "--workers", str(place.processes), "--bind", place.bind),
        *("--keep-alive", str(KEEP_ALIVE_S), "--graceful-timeout", str(GRACEFUL_SHUTDOWN_S)),
        *("--log-level", "warning", "--worker-tmp-dir", HEARTBEATS, "--no-control-socket"),
        *("--forwarded-allow-ips", ""),  # as uvicorn here: it believes no header of whoever connects
        *place.tls("--certfile", "--keyfile"),
        *(("--preload",) if chosen.preload else ()),
    )


def _title(chosen: Gunicorn) -> str:
    return f"gunicorn ({chosen.worker} worker{', preload' if chosen.preload else ''})"


GUNICORN = ProcessModel(
    options=Gunicorn,
    containers=lambda _chosen, _processes: 1,
    supervisors=lambda _chosen, _processes: 1,  # its master never serves
    supervision=Supervision(
        dies="its master, told by the kernel, starts another at once",
        hangs="the master kills a worker that has not touched its heartbeat file for 30 s, and starts another",
        hung_after_s=30.0,
        hangup=True,
        grows=True,
    ),
    one_address=True,
    speaks_tls=True,
    services=of_a_server(_argv),
    refusal=own_command("gunicorn", ("auto",)),
    server=lambda chosen: f"gunicorn, {chosen.worker} worker",
    title=_title,
)
