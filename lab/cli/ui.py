"""``lab ui SCENARIO``: deploy an arm and explore it by hand in Locust's own web UI; what was seen is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.console import put, say
from lab.cli.options import DEFAULT_OUT, Engine, Out, Quiet, ScenarioPath, with_engine
from lab.cli.reading import scenario_of
from lab.errors import InterruptedRunError, LabError, UsageError
from lab.plan.blocks import build_plan
from lab.record.folder import RunFolder, new_run_id, new_run_info
from lab.record.types import TrialRecord
from lab.run.by_hand import Session, Watcher
from lab.run.by_hand_plans import by_hand
from lab.run.run import REAL, Surroundings, preparing, with_secrets
from lab.scenario.compare import unknown
from lab.scenario.model import Scenario
from lab.units import format_seconds

ArmName = Annotated[str, typer.Option("--arm", help="The arm to begin with, by default the first; the page has all.")]


def ui(
    scenario: ScenarioPath,
    arm: ArmName = "",
    out: Out = DEFAULT_OUT,
    quiet: Quiet = False,
    engine: Engine = None,
) -> None:
    """Deploy an arm, open Locust's web UI on it, and keep the session as an exploratory run."""
    asked = by_hand(with_engine(scenario_of(scenario), engine))
    names = [each.name for each in asked.arms]
    if arm and arm not in names:
        raise UsageError(f"--arm: {unknown('arm', arm, names)}", f"see {scenario}")
    session = begin(asked, scenario.stem, out, Quietly() if quiet else Aloud())
    conclude(session, arm or names[0])


class Quietly(Watcher):
    """The address only."""

    def step(self, text: str) -> None:
        """A preparation step begins."""

    def serving(self, url: str) -> None:
        """Print where the page is."""
        put(url)


class Aloud(Quietly):
    """A line for everything that happens."""

    def step(self, text: str) -> None:
        """Print the step."""
        say(text)

    def deploying(self, arm: str) -> None:
        """Print which arm is on its way."""
        say(f"arm {arm}: deploying")

    def ready(self, arm: str) -> None:
        """Print that the arm is up."""
        say(f"arm {arm}: up; Ctrl-C, or the button in the Processes tab, ends the session and keeps it")

    def kept(self, record: TrialRecord) -> None:
        """Print what was recorded."""
        say(f"  kept as {record.trial_id}: {record.load.started} requests, {format_seconds(record.measure.length_s)}")

    def not_kept(self, arm: str) -> None:
        """Print that there is nothing."""
        say(f"  no test of {arm} was started: nothing to keep")

    def failed(self, arm: str, error: LabError) -> None:
        """Print why; the page says it too."""
        say(f"arm {arm}: {error}")


def begin(scenario: Scenario, name: str, out: Path, watcher: Quietly, around: Surroundings = REAL) -> Session:
    """Everything that the first arm needs: engine, images, a run folder that says that it is exploratory."""
    run_id = new_run_id(f"{name}-ui")
    plan, redact = with_secrets(build_plan(scenario), around)
    with preparing(watcher):
        engine, images = around.open_engine(plan.scenario, run_id, watcher.step)
        environment = around.describe(engine.describe(), {"image_digest": images["app"].digest})
    facts = {key: image.describe() for key, image in images.items()}
    info = new_run_info(run_id, name, plan, environment, facts)
    folder = RunFolder.create(out, replace(info, order=(), states={}, exploratory=True), redact)
    return Session(
        scenario=plan.scenario, folder=folder, engine=engine, watcher=watcher, tools=around.tools, redact=redact
    )


def conclude(session: Session, arm: str, around: Surroundings = REAL) -> None:
    """Serve until the end, then report. Raises InterruptedRunError (exit 130) when a signal was the end."""
    try:
        interrupted = session.run(arm)
    except KeyboardInterrupt:  # one that came while the last arm was taken down
        interrupted = True
    except LabError as error:
        error.hint = f"{error.hint}; {_report(session.folder, around)}".lstrip("; ")
        raise
    told = _report(session.folder, around)
    if interrupted:
        raise InterruptedRunError("the session was ended by a signal, everything is taken down", told)
    put(told)


def _report(folder: RunFolder, around: Surroundings) -> str:
    if not folder.info.states:
        return f"nothing was recorded; the logs are in {folder.path}"
    return f"report: {around.conclude(folder.path).written.html}"
