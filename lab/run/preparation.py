"""Prepare a run: its secrets, its certificate, its locustfile, its engine with the images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lab.engines import Engine
from lab.engines.images.images import ImageRecord
from lab.engines.kinds import facts_of
from lab.errors import InterruptedRunError, ScenarioError
from lab.load.place import HERE, Place
from lab.plan.blocks import Plan, with_scenario
from lab.plan.certificate import Certificate
from lab.record.folder import RunFolder, new_run_info
from lab.record.types import RunInfo
from lab.run.surroundings import Surroundings
from lab.run.tools import Run
from lab.run.view import QuietView
from lab.scenario.kinds import FRONTS
from lab.scenario.model import APP_IMAGE, Scenario
from lab.scenario.secret import Redactor, keep_secret
from lab.scenario.secrets_of import redactor_of, with_values


def with_secrets(plan: Plan, around: Surroundings) -> tuple[Plan, Redactor]:
    """The plan with the values of its secrets, and what keeps them out of the run folder and of everything printed."""
    scenario = with_values(plan.scenario, around.environ)
    redact = redactor_of(scenario)
    keep_secret(redact)
    return with_scenario(plan, scenario), redact


@contextmanager
def preparing(view: QuietView) -> Iterator[None]:
    """Say so, and turn an interrupt into a sentence: nothing was begun yet."""
    view.step("preparing: engine, images, versions")
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError("interrupted while the run was prepared; nothing was measured") from None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything that a run needs of its surroundings before its first trial; ``plan`` as the locustfile has it."""

    run_id: str
    plan: Plan
    certificate: Certificate
    engine: Engine
    images: Mapping[str, ImageRecord]
    view: QuietView
    around: Surroundings

    def info(self, name: str) -> RunInfo:
        """The description of the run on this machine, with the digests of the files that its scenario names."""
        app = self.images[APP_IMAGE]
        environment = self.around.describe(facts_of(self.engine), {**app.versions, "image_digest": app.digest})
        facts = {key: image.describe() for key, image in self.images.items()}
        info = new_run_info(self.run_id, name, self.plan, environment, facts)
        return replace(info, inputs=digests(self.plan.scenario))

    def run(self, folder: RunFolder, place: Place = HERE) -> Run:
        """Its trials into a folder; ``place``: where load of networks of their own runs."""
        return Run(
            plan=self.plan,
            folder=folder,
            engine=self.engine,
            view=self.view,
            tools=self.around.tools,
            certificate=self.certificate,
            place=place,
        )


def prepare(run_id: str, plan: Plan, view: QuietView, around: Surroundings) -> Prepared:
    """Make what a run needs, in this order: a locustfile that cannot be read is told before anything is built.

    Raises LabError.
    """
    certificate = around.certify(plan.scenario)
    plan = with_scenario(plan, around.look(plan.scenario, view.step))
    engine, images = around.open_engine(plan.scenario, run_id, view.step)
    return Prepared(
        run_id=run_id, plan=plan, certificate=certificate, engine=engine, images=images, view=view, around=around
    )


def digests(scenario: Scenario) -> dict[str, str]:
    """The sha256 of each file that a scenario only names, by its key. Raises ScenarioError where one cannot be read."""
    return {key: _sha256(path) for key, path in _inputs(scenario)}


def _inputs(scenario: Scenario) -> Iterator[tuple[str, Path]]:
    """The files that a scenario only names, by its keys."""
    yield "locustfile", scenario.load.locustfile
    if scenario.load.requirements is not None:
        yield "load.requirements", scenario.load.requirements
    for arm in scenario.arms:
        for key in FRONTS.path_names(arm.front.kind):
            if (path := getattr(arm.front, key)) is not None:
                yield f"{arm.name}.front.{key}", path


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read: {error.strerror}") from None
