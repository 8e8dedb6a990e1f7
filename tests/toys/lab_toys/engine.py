"""Engine ``bare``: every service is a child of the lab; no guard, no logs."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.engines import Deployment
from lab.engines.images.images import ImageRecord, front_images
from lab.engines.kinds import EngineKind, OnStep, Opened
from lab.engines.process.app import AppPlace, prepare_app
from lab.engines.process.command import Place, start_of
from lab.engines.process.programs import find_program
from lab.engines.process.refusals import check_plain
from lab.engines.process.service import RunningService, start_service
from lab.engines.readiness import wait_until_ready
from lab.errors import DeploymentError
from lab.host.labels import labels
from lab.host.ports import free_ports
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Topology
from lab.record.types import ServiceRecord
from lab.sampling.process_tree import tree_pids
from lab.sampling.targets import SampleTarget
from lab.scenario.kinds import ENGINES
from lab.scenario.model import Scenario


class BareEngine:
    """Starts what a topology says, in its order."""

    name = "bare"

    def __init__(self, app: AppPlace, images: Mapping[str, ImageRecord], scenario: Scenario, run_id: str) -> None:
        self._app = Place(programs=(app.environment / "bin",), directory=app.code)
        self._images, self._scenario, self._run_id = images, scenario, run_id

    def describe(self) -> Mapping[str, Any]:
        """Nothing but its name."""
        return {"engine": self.name, "network": "host"}

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:
        """Of the scenario's range."""
        return free_ports(count, self._scenario.port_range, seed)

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        """Up, and down again whatever happens."""
        running: list[RunningService] = []
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o711)
            try:
                started = time.monotonic()
                self._start(topology, Path(folder), running)
                app = [each.pid for each in running if each.service.kind is ServiceKind.APP]
                servers = wait_until_ready(
                    topology,
                    dead=lambda: next(filter(None, (each.ended(5) for each in running)), ""),
                    pids=lambda: [member for pid in app for member in tree_pids(pid)],
                )
                yield self._deployment(topology, running, time.monotonic() - started, servers)
            finally:
                for pid in [member for each in running for member in tree_pids(each.pid)]:
                    subprocess.run(["kill", "-KILL", str(pid)], check=False, capture_output=True)
                for each in running:
                    each.reap()

    def _start(self, topology: Topology, folder: Path, running: list[RunningService]) -> None:
        for service in topology.services:
            own = folder / service.name
            place = self._app if service.kind is ServiceKind.APP else Place()
            marks = labels(self._run_id, topology.trial_id, service.name)
            running.append(start_service(service, start_of(service, place, own, marks), own))

    def _deployment(
        self, topology: Topology, running: list[RunningService], boot_s: float, servers: Mapping[str, int]
    ) -> Deployment:
        def check() -> None:
            if sentence := next(filter(None, (each.ended(5) for each in running)), ""):
                raise DeploymentError(sentence)

        return Deployment(
            topology=topology,
            services=tuple(map(self._record, running)),
            targets=tuple(
                SampleTarget(service=each.service.name, kind=each.service.kind, container_id="", init_pid=each.pid)
                for each in running
            ),
            boot_s=boot_s,
            servers=servers,
            strangers=(),
            check=check,
            logs=dict,
        )

    def _record(self, running: RunningService) -> ServiceRecord:
        service, image = running.service, self._images[running.service.image]
        return ServiceRecord(
            name=service.name,
            kind=service.kind,
            container_id="",
            image=image.name,
            image_digest=image.digest,
            argv=running.start.argv,
            ports=service.ports,
            files=service.recorded_files,
        )


def reach() -> None:
    """Every machine has processes."""


def open_bare(scenario: Scenario, run_id: str, on_step: OnStep, why: str) -> Opened:
    """The app's environment and the programs of the fronts, as engine ``process`` has them."""
    place, app = prepare_app(scenario.app, on_step)
    images = {"app": app, **{image.key: find_program(image) for image in front_images(scenario)}}
    return BareEngine(place, images, scenario, run_id), images


ENGINES.declare("bare", EngineKind(title="bare: children of the lab", check=check_plain, reach=reach, open=open_bare))
