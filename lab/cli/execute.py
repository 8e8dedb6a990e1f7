"""Carry out a plan, new or continued: what `lab run` and `lab selfcheck` share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.analysis.across import circumstances
from lab.calibration import calibration_of
from lab.cli.forecast import Forecasting
from lab.cli.live import QuietView
from lab.conclude import Conclusion, conclude_apart
from lab.engines import Engine
from lab.engines.choose import open_engine
from lab.engines.images import ImageRecord
from lab.environment import describe_environment
from lab.errors import LabError, RunFolderError, ScenarioError
from lab.floors import KeptFloor, read_floors
from lab.plan import Plan, build_plan
from lab.records import Calibration, Environment, RunInfo, TrialState
from lab.results import RunFolder, new_run_id, new_run_info, read_info
from lab.runner import run_plan
from lab.scenario import Scenario
from lab.scenario_file import scenario_from_json
from lab.trial import Run, Tools

OpenEngine = Callable[[Scenario, str, Callable[[str], None]], tuple[Engine, Mapping[str, ImageRecord]]]
Calibrate = Callable[[Engine | None, Environment, int, Callable[[str], None]], Calibration | None]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a run touches; tests pass fakes, everyone else passes nothing (STYLE 4)."""

    open_engine: OpenEngine = open_engine
    describe: Callable[[Mapping[str, Any], Mapping[str, Any]], Environment] = describe_environment
    floors: Callable[[Environment, Scenario], KeptFloor | None] = read_floors
    calibrate: Calibrate = calibration_of
    conclude: Callable[[Path], Conclusion] = conclude_apart
    tools: Tools = field(default_factory=Tools)


REAL = Surroundings()


def run_scenario(
    plan: Plan, name: str, out: Path, view: QuietView, *, around: Surroundings = REAL, use_floor: bool = True
) -> RunFolder:
    """Run every trial of a plan into a new folder below ``out``.

    ``use_floor``: keep the machine's noise floor with the run, for its verdicts. Raises LabError; when trials were
    finished before it, they have a report and the hint says where.
    """
    run_id = new_run_id(name)
    engine, images = around.open_engine(plan.scenario, run_id, view.step)
    info = _describe(run_id, name, plan, engine, images, around)
    kept = around.floors(info.environment, plan.scenario) if use_floor else None
    ceiling = around.calibrate(
        engine if "nginx" in images else None, info.environment, plan.scenario.load.processes, view.step
    )
    info = replace(info, noise_floor=kept.to_json() if kept else {}, calibration=ceiling)
    folder = RunFolder.create(out, info)
    run = Run(plan=plan, folder=folder, engine=engine, observer=Forecasting(view, folder), tools=around.tools)
    _carry_out(run, view, around.conclude)
    return folder


def planned(path: Path) -> Plan:
    """The plan of a run folder, rebuilt from its stored scenario. Raises RunFolderError when it has another order."""
    info = read_info(path)
    plan = build_plan(scenario_from_json(info.scenario))
    order = tuple(trial.id for trial in plan.trials)
    if info.order[: len(order)] != order:
        raise RunFolderError(
            f"{path}: order: its trials are not in the order that this version plans for its scenario",
            "continue it with the version that began it, or run the scenario again",
        )
    return plan


def resume_run(plan: Plan, path: Path, view: QuietView, *, around: Surroundings = REAL) -> RunFolder:
    """Run the trials that a run folder lacks; the same plan, or nothing: see ``planned``.

    Raises RunFolderError (exit 2) when lab, machine, versions, images or input files are not those of its beginning.
    """
    began = read_info(path)
    engine, images = around.open_engine(plan.scenario, began.run_id, view.step)
    now = _describe(began.run_id, began.scenario_name, plan, engine, images, around)
    if changed := circumstances(began, now):
        raise RunFolderError(
            f"{path} cannot be continued, then / now: {'; '.join(map(str, changed))}",
            "trials before and after would not be comparable: restore what changed, or run the scenario again",
        )
    folder = RunFolder.reopen(path)
    run = Run(plan=plan, folder=folder, engine=engine, observer=Forecasting(view, folder), tools=around.tools)
    _carry_out(run, view, around.conclude)
    return folder


def _carry_out(run: Run, view: QuietView, conclude: Callable[[Path], Conclusion]) -> None:
    try:
        run_plan(run)
    except LabError as error:
        view.close()
        raise _with_partial_report(run.folder, error, conclude) from None
    finally:
        view.close()


def _with_partial_report(folder: RunFolder, error: LabError, conclude: Callable[[Path], Conclusion]) -> LabError:
    """The same error, after a report of the trials that were finished; the hint says where it is."""
    done = sum(state is TrialState.DONE for state in folder.info.states.values())
    if not done:
        error.hint = f"{error.hint}; the logs are in {folder.path}".lstrip("; ")
        return error
    html = conclude(folder.path).written.html
    error.hint = f"{error.hint}; report of the {done} finished trials: {html}".lstrip("; ")
    if done < len(folder.info.order):
        error.hint += f"; `lab run --resume {folder.path}` continues it"
    return error


def _describe(
    run_id: str, name: str, plan: Plan, engine: Engine, images: Mapping[str, ImageRecord], around: Surroundings
) -> RunInfo:
    environment = around.describe(engine.describe(), {"image_digest": images["app"].digest})
    facts = {key: image.describe() for key, image in images.items()}
    info = new_run_info(run_id, name, plan, environment, facts)
    return replace(info, inputs={"locustfile": _sha256(plan.scenario.load.locustfile)})


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ScenarioError(f"load.locustfile: {path} cannot be read: {error.strerror}") from None
