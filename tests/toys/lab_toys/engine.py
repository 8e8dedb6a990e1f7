"""Engine ``bare``: every service is a child of the lab, without a guard that outlives it."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from lab.engines import Deployment
from lab.engines.endings import End
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import front_images
from lab.engines.kinds import EngineKind, OnStep, Opened
from lab.engines.process.app import AppPlace, prepare_app
from lab.engines.process.command import ProgramPlace, start_of
from lab.engines.process.programs import find_program
from lab.engines.process.refusals import VERBS, check_plain
from lab.engines.process.service import RunningService, start_service
from lab.engines.running import Running, deployed
from lab.host.labels import labels
from lab.host.ports import free_ports
from lab.load.place import HERE
from lab.load.place import Place as LoadPlace
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service, Topology
from lab.record.run_types import EngineFacts
from lab.scenario.kinds import ENGINES
from lab.scenario.model import Load, Scenario


class BareEngine:
    """Starts what a topology says, in its order."""

    name = "bare"
    elsewhere = ""

    def __init__(self, app: AppPlace, images: Mapping[str, ImageRecord], scenario: Scenario, run_id: str) -> None:
        self._app = ProgramPlace(programs=(app.environment / "bin",), directory=app.code)
        self._images, self._scenario, self._run_id = images, scenario, run_id

    def describe(self) -> EngineFacts:
        """Nothing but its name."""
        return EngineFacts(engine=self.name, network="host")

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:
        """Of the scenario's range."""
        return free_ports(count, self._scenario.port_range, seed)

    def load_place(self, _load: Load) -> AbstractContextManager[LoadPlace]:
        """This machine: there is no other network."""
        return nullcontext(HERE)

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        """Up, and down again whatever happens."""
        children: list[RunningService] = []
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o711)
            try:
                started_s = time.monotonic()
                for service in topology.services:
                    children.append(self._start(service, topology.trial_id, Path(folder) / service.name))
                running = [
                    Running(
                        service=child.service,
                        image=self._images[child.service.image],
                        pid=child.pid,
                        argv=child.start.argv,
                        log=child.log,
                    )
                    for child in children
                ]
                yield deployed(topology, running, started_s, dead=lambda: _dead(children))
            finally:
                for child in children:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.reap()

    def _start(self, service: Service, trial_id: str, folder: Path) -> RunningService:
        place = self._app if service.kind is ServiceKind.APP else ProgramPlace()
        marks = labels(self._run_id, trial_id, service.name)
        return start_service(service, start_of(service, place, folder, marks), folder)


def _dead(children: Sequence[RunningService]) -> End | None:
    return next(filter(None, (child.ended(5) for child in children)), None)


def reach() -> None:
    """Every machine has processes."""


def open_bare(scenario: Scenario, run_id: str, on_step: OnStep, why: str) -> Opened:
    """The app's environment and the programs of the fronts, as engine ``process`` has them."""
    place, app = prepare_app(scenario.app, on_step)
    images = {"app": app, **{image.key: find_program(image) for image in front_images(scenario)}}
    return BareEngine(place, images, scenario, run_id), images


ENGINES.declare(
    "bare",
    EngineKind(
        title="bare: children of the lab",
        contained=False,
        check=check_plain,
        verbs=VERBS,
        reach=reach,
        open=open_bare,
    ),
)
