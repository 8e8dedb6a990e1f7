"""Process model ``replicas``: N containers of the image, each serving with a single process on its own port."""

from __future__ import annotations

from collections.abc import Sequence

from lab.plan.kinds import ServiceKind
from lab.plan.models.serve import environment, serve
from lab.plan.topology import Service
from lab.scenario.budget import Limits
from lab.scenario.model import App, Arm


def containers(processes: int) -> int:
    """One for each serving process."""
    return processes


def services(app: App, arm: Arm, processes: int, ports: Sequence[int], limits: Limits) -> tuple[Service, ...]:
    """N containers of the image, each with one process."""
    return tuple(
        Service(
            name=f"app-{number}",
            kind=ServiceKind.APP,
            image=arm.image_key,
            argv=serve(app, port, 1),
            ports=(port,),
            env=environment(app, arm, port, 1),
            limits=limits,
            read_only=app.read_only,
        )
        for number, port in zip(range(1, processes + 1), ports, strict=True)
    )
