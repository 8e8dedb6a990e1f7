"""Engine ``process``: plain processes of this machine, for machines without Docker and for fast tests.

The same commands as in containers, from the app's own environment, with the machine's own fronts. There are no
containers, no cgroups and none of their overhead; what that means is said in every report.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial

import psutil

from lab.engines import Deployment
from lab.engines.endings import End
from lab.engines.images.asking import environment_versions
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import front_images
from lab.engines.kinds import OnStep, Opened
from lab.engines.process.app import AppPlace, prepare_app
from lab.engines.process.command import ProgramPlace, start_of
from lab.engines.process.programs import find_program
from lab.engines.process.scratch import scratch
from lab.engines.process.service import RunningService, start_service
from lab.engines.running import LOG_LIMIT_LINES, Others, Running, deployed, others, with_logs
from lab.host.labels import IN_ENVIRONMENT, environment_of, labels, labels_in
from lab.host.ports import free_ports
from lab.load.place import HERE
from lab.load.place import Place as LoadPlace
from lab.plan.topology import Service, Topology
from lab.record.run_types import EngineFacts
from lab.scenario.model import APP_IMAGE, Load, Scenario

SHARED_MARKS = [name for name in IN_ENVIRONMENT if name != "LAB_SERVICE"]  # those of all services of a deployment


class ProcessEngine:
    """Realises topologies as process trees, each in a session of its own."""

    name = "process"
    elsewhere = ""

    def __init__(
        self,
        app: AppPlace,
        images: Mapping[str, ImageRecord],
        run_id: str,
        port_range: tuple[int, int],
        because: str,
    ) -> None:
        self._app = app
        self._images = images
        self._run_id = run_id
        self._port_range = port_range
        self._because = because

    def describe(self) -> EngineFacts:
        """The engine, why it is this one, and the machine's own network."""
        return EngineFacts(engine=self.name, engine_because=self._because, network="host")

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:
        """Ports on 127.0.0.1 on which nobody listens. Raises MissingError when the range is exhausted."""
        return free_ports(count, self._port_range, f"{self._run_id}/{seed}")

    def load_place(self, _load: Load) -> AbstractContextManager[LoadPlace]:
        """Load starts where everything else does."""
        return nullcontext(HERE)

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        """Processes up, N of them answering; all are ended on leaving, also after a failed start."""
        with ExitStack() as stack:
            started = time.monotonic()
            services: list[RunningService] = []
            with with_logs(lambda: {each.service.name: each.log(LOG_LIMIT_LINES) for each in services}):
                self._start(topology, services, stack)
                running = tuple(map(self._running, services))
                deployment = deployed(
                    topology, running, started, dead=lambda: _dead(services), beside=lambda: self._others(running)
                )
            yield deployment

    def _start(self, topology: Topology, running: list[RunningService], stack: ExitStack) -> None:
        """Start them in order; each is in ``running`` as soon as it runs."""
        stack.callback(_reap, running)  # last: see RunningService
        marks = labels(self._run_id, topology.trial_id)
        shared = {name: value for name, value in environment_of(marks).items() if name in SHARED_MARKS}
        folder, guard = stack.enter_context(scratch(marks, shared))  # before anything starts
        for service in topology.services:
            own = folder / service.name
            own_marks = labels(self._run_id, topology.trial_id, service.name)
            started = start_service(service, start_of(service, self._place(service), own, own_marks), own)
            running.append(started)
            guard.watch(started.pid)

    def _place(self, service: Service) -> ProgramPlace:
        if service.image != APP_IMAGE:
            return ProgramPlace()
        return ProgramPlace(programs=(self._app.environment / "bin",), directory=self._app.code)

    def _others(self, running: Sequence[Running]) -> Others:
        """Other processes from the app's environment: they share its pages, as containers of one image do."""
        ours = {pid for service in running for pid in service.family()}
        mark = f"{self._app.environment}/"
        found = psutil.process_iter(["pid", "cmdline", "environ"])
        return others(
            (f"process {other.pid}", marks, partial(still_runs, other, marks))
            for other in found
            if other.pid not in ours and any(mark in word for word in other.info["cmdline"] or ())
            for marks in [labels_in(other.info["environ"] or {})]
        )

    def _running(self, started: RunningService) -> Running:
        image = self._images[started.service.image]
        return Running(service=started.service, image=image, pid=started.pid, argv=started.start.argv, log=started.log)


def still_runs(process: psutil.Process, marks: Mapping[str, str]) -> bool:
    """Whether a process runs and has these marks of a lab, or none, at a second look.

    Of one that ends, or begins another program, the kernel tells no variables for a moment: it seemed to be nobody's.
    """
    try:
        return bool(process.cmdline()) and labels_in(process.environ()) == marks
    except psutil.NoSuchProcess:  # a zombie too
        return False
    except psutil.AccessDenied:
        return True


def _reap(running: Sequence[RunningService]) -> None:
    for service in running:
        service.reap()


def _dead(running: Sequence[RunningService]) -> End | None:
    """Tell of the first service whose first process has ended, with its last lines."""
    return next((end for service in running if (end := service.ended(LOG_LIMIT_LINES))), None)


def open_processes(scenario: Scenario, run_id: str, on_step: OnStep, why: str) -> Opened:
    """The app's environment is made, and the machine's own programs of the fronts run. Raises MissingError."""
    programs = {image.key: find_program(image) for image in front_images(scenario)}
    place, app = prepare_app(scenario.app, on_step)
    images = {
        APP_IMAGE: replace(app, versions=environment_versions(place.python, labels(run_id, "versions"))),
        **programs,
    }
    return ProcessEngine(place, images, run_id, scenario.port_range, why), images
