"""Process model ``workers``: one container, whose uvicorn supervises N worker processes on one listening socket."""

from __future__ import annotations

from collections.abc import Sequence

from lab.plan.kinds import ServiceKind
from lab.plan.models.serve import environment, serve
from lab.plan.topology import Service
from lab.scenario.budget import Limits
from lab.scenario.model import App, Arm


def containers(processes: int) -> int:  # noqa: ARG001  every model answers the same question
    """One, however many processes."""
    return 1


def services(app: App, arm: Arm, processes: int, ports: Sequence[int], limits: Limits) -> tuple[Service, ...]:
    """One container of the image with ``--workers N``."""
    return (
        Service(
            name="app",
            kind=ServiceKind.APP,
            image=arm.image_key,
            argv=serve(app, ports[0], processes),
            ports=(ports[0],),
            env=environment(app, arm, ports[0], processes),
            limits=limits,
            read_only=app.read_only,
        ),
    )
