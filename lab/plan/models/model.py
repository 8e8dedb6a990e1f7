"""What a process model declares of itself. Attestation, plan, live view and reports go by this and know no name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from lab.plan.fronts.front import front_title
from lab.plan.kinds import ServiceKind
from lab.plan.models.serve import environment, serve
from lab.plan.topology import Service
from lab.scenario.budget import Limits
from lab.scenario.kinds import MODELS, ModelKind, kind_of
from lab.scenario.model import App, Arm

O = TypeVar("O")  # noqa: E741  the type of the model's options


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPlace:
    """Where an arm's app runs: ``processes`` serving processes, a free port for each container, limits of one."""

    app: App
    arm: Arm
    processes: int
    ports: tuple[int, ...]
    limits: Limits

    def container(self, name: str, port: int, workers: int) -> Service:
        """A container of the arm's image that serves on ``port`` with ``workers`` processes."""
        return Service(
            name=name,
            kind=ServiceKind.APP,
            image=self.arm.image_key,
            argv=serve(self.app, self.arm, port, workers),
            ports=(port,),
            env=environment(self.app, self.arm, port, workers),
            limits=self.limits,
            read_only=self.app.read_only,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessModel(ModelKind, Generic[O]):
    """How N serving processes come about; ``options`` is a class made by lab.scenario.kinds.options.

    ``containers`` and ``supervisors``: how many of each N processes have. ``services``: one for each container.
    """

    options: type[O]
    containers: Callable[[O, int], int]
    supervisors: Callable[[O, int], int]
    services: Callable[[O, AppPlace], tuple[Service, ...]]
    title: Callable[[O], str] = kind_of


def model_of(arm: Arm) -> ProcessModel[Any]:
    """The declaration of an arm's process model."""
    return cast(ProcessModel[Any], MODELS[arm.model.kind])


def model_title(arm: Arm) -> str:
    """An arm's process model with its options, for people."""
    return model_of(arm).title(arm.model)


def arm_title(arm: Arm) -> str:
    """``"replicas, front nginx (tuned)"``: what an arm is."""
    return f"{model_title(arm)}, front {front_title(arm)}"
