"""``lab ui SCENARIO``: deploy an arm and explore it by hand in Locust's own web UI; what was seen is kept."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.asked import name_of, scenario_of, with_engine
from lab.cli.console import put, say
from lab.cli.live.view import SilentView
from lab.cli.metrics_port import MetricsPort, metrics_at
from lab.cli.options import DEFAULT_OUT, AllowConcurrent, Engine, Out, Quiet, ScenarioPath
from lab.cli.signals import SESSION, first_told_as
from lab.errors import LabError, UsageError
from lab.plan.blocks import build_plan
from lab.plan.trial import Trial
from lab.record.types import TrialRecord
from lab.run.by_hand import by_hand
from lab.run.explore import explore
from lab.run.steps import Step
from lab.run.surroundings import BESIDE_OTHERS, REAL
from lab.run.view import QuietView, together
from lab.scenario.compare import unknown
from lab.units import format_duration

ArmName = Annotated[
    str, typer.Option("--arm", help="The arm to start with; by default the first. The page offers all of them.")
]


def ui(
    scenario: ScenarioPath,
    arm: ArmName = "",
    out: Out = DEFAULT_OUT,
    quiet: Quiet = False,
    engine: Engine = None,
    allow_concurrent: AllowConcurrent = False,
    metrics_port: MetricsPort = None,
) -> None:
    """Deploy an arm, open Locust's web UI on it, and keep the session as an exploratory run."""
    asked = by_hand(with_engine(scenario_of(scenario, session=True), engine))
    names = [each.name for each in asked.arms]
    if arm and arm not in names:
        raise UsageError(f"--arm: {unknown('arm', arm, names)}", f"see {scenario}")
    around = BESIDE_OTHERS if allow_concurrent else REAL
    with metrics_at(metrics_port) as shown, first_told_as(SESSION):
        view = shown(build_plan(asked), together(AddressOnly(), SilentView()) if quiet else Aloud())
        put(explore(asked, name_of(scenario), out, arm or names[0], view, around))


class AddressOnly(QuietView):
    """Prints where the page is."""

    def serving(self, url: str) -> None:
        """Print where the page is."""
        put(url)


class Aloud(AddressOnly):
    """Prints a line for everything that happens."""

    def step(self, text: str) -> None:
        """Print the step."""
        say(text)

    def trial_step(self, trial: Trial, name: str) -> None:
        """Print that the arm is on its way, and that it is up."""
        if name == Step.DEPLOY:
            say(f"arm {trial.arm.name}: deploying")
        elif name == Step.WARM_UP:
            say(f"arm {trial.arm.name}: up; Ctrl-C, or the button on the page, ends and keeps the session")

    def trial_finished(self, record: TrialRecord) -> None:
        """Print what was recorded."""
        say(f"  kept as {record.trial_id}: {record.load.started} requests, {format_duration(record.measure.length_s)}")

    def trial_dropped(self, trial: Trial, error: LabError | None) -> None:
        """Print why nothing is kept; the page says it too."""
        if error is None:
            say(f" no test of {trial.arm.name} was started, so nothing is kept")
        else:
            say(f"arm {trial.arm.name}: {error}")
