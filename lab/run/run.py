"""Carry out a plan, new or continued: what `lab run` and `lab selfcheck` share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from lab.analysis.across import circumstances
from lab.engines import Engine
from lab.engines.images.images import ImageRecord
from lab.engines.kinds import engine_elsewhere, open_engine
from lab.errors import InterruptedRunError, LabError, RunFolderError, ScenarioError
from lab.host.authority import certificate_for
from lab.host.interrupts import INTERRUPTS
from lab.host.lock import folder_lock, machine_lock
from lab.load.place import HERE, Place
from lab.plan.blocks import Plan, build_plan, with_scenario
from lab.plan.certificate import Certificate
from lab.plan.points import listed_blocks, points_of
from lab.record.folder import RunFolder, new_run_id, new_run_info, read_info
from lab.record.types import Calibration, Environment, RunInfo, TrialState
from lab.report.parts.storage import driver_met
from lab.run.blocks import run_plan
from lab.run.calibration import NEEDED_IMAGE, calibration_of
from lab.run.conclude import Conclusion, conclude_apart
from lab.run.environment import describe_environment
from lab.run.floors import KeptFloor, read_floors
from lab.run.fronts import Opaque, attest_fronts
from lab.run.look import look_at_locustfile
from lab.run.trial import Run, Tools
from lab.run.view import QuietView
from lab.scenario.file import scenario_from_json
from lab.scenario.kinds import FRONTS
from lab.scenario.model import Load, Scenario
from lab.scenario.network import Network
from lab.scenario.secret import Redactor, keep_secret
from lab.scenario.secrets_of import redactor_of, with_values

OpenEngine = Callable[[Scenario, str, Callable[[str], None]], tuple[Engine, Mapping[str, ImageRecord]]]
Calibrate = Callable[[Engine | None, Environment, int, Callable[[str], None], Certificate, Place], Calibration | None]
AttestFronts = Callable[[Engine, Scenario, Callable[[str], None], Certificate, Place], Opaque]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The surroundings that a run touches; tests pass fakes, everyone else passes nothing."""

    look: Callable[[Scenario, Callable[[str], None]], Scenario] = look_at_locustfile
    elsewhere: Callable[[Scenario, str], str] = engine_elsewhere
    open_engine: OpenEngine = open_engine
    describe: Callable[[Mapping[str, Any], Mapping[str, Any]], Environment] = describe_environment
    floors: Callable[[Environment, Scenario], KeptFloor | None] = read_floors
    calibrate: Calibrate = calibration_of
    certify: Callable[[Scenario], Certificate] = certificate_for
    attest_fronts: AttestFronts = attest_fronts
    conclude: Callable[[Path], Conclusion] = conclude_apart
    lock: Callable[[str, Callable[[str], None]], AbstractContextManager[None]] = machine_lock
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    tools: Tools = field(default_factory=Tools)


REAL = Surroundings()
BESIDE_OTHERS = replace(REAL, lock=partial(machine_lock, allow_concurrent=True))


def run_scenario(
    plan: Plan, name: str, out: Path, view: QuietView, *, around: Surroundings = REAL, use_floor: bool = True
) -> RunFolder:
    """Run every trial of a plan into a new folder below ``out``.

    ``use_floor``: keep the machine's noise floor with the run, for its verdicts. Raises LabError; when trials were
    finished before it, they have a report and the hint says where.
    """
    run_id = new_run_id(name)
    plan, redact = with_secrets(plan, around)
    with around.lock(run_id, view.step), ExitStack() as stack:
        with preparing(view):
            certificate = around.certify(plan.scenario)
            plan = with_scenario(plan, around.look(plan.scenario, view.step))
            engine, images = around.open_engine(plan.scenario, run_id, view.step)
            place = stack.enter_context(load_place(engine, plan.scenario.load))  # it comes up beside all that follows
            info = _describe(run_id, name, plan, engine, images, around)
            if met := driver_met(info.environment):
                view.step(met)
            opaque = around.attest_fronts(engine, plan.scenario, view.step, certificate, place)
            kept = around.floors(info.environment, plan.scenario) if use_floor else None
            ceiling = around.calibrate(
                engine if NEEDED_IMAGE in images else None,
                info.environment,
                plan.scenario.load.processes,
                view.step,
                certificate,
                place if _all_own(plan.scenario, engine) else HERE,
            )
        info = replace(info, noise_floor=kept.to_json() if kept else {}, calibration=ceiling, fronts=opaque)
        folder = RunFolder.create(out, info, redact)
        with folder_lock(folder.path, run_id):
            run = Run(
                plan=plan,
                folder=folder,
                engine=engine,
                view=view,
                tools=around.tools,
                certificate=certificate,
                place=place,
            )
            _carry_out(run, around.conclude)
    return folder


@contextmanager
def load_place(engine: Engine, load: Load) -> Iterator[Place]:
    """The engine's place for load; an interrupt waits while it is made, and while it is removed.

    Raises InterruptedRunError for one that came outside of every trial.
    """
    try:
        with INTERRUPTS.deferred(), engine.load_place(load) as place, INTERRUPTS.admitted():
            yield place
    except KeyboardInterrupt:
        raise InterruptedRunError("interrupted between two steps of the run; finished trials are kept") from None


def planned(path: Path) -> Plan:
    """The plan of a run folder, rebuilt from its stored scenario. Raises RunFolderError when it has another order."""
    info = read_info(path)
    if info.exploratory:
        raise RunFolderError(
            f"{path} is an exploratory session of `lab ui`: it has no plan that could be continued",
            "begin another one with `lab ui`, or measure with `lab run`",
        )
    scenario = scenario_from_json(info.scenario)
    listed = max(listed_blocks(info.order, scenario, point.key) for point in points_of(scenario))
    plan = build_plan(scenario, min(scenario.trials.blocks, listed))  # a run that ended at a look has fewer
    order = tuple(trial.id for trial in plan.trials)
    if info.order[: len(order)] != order:
        raise RunFolderError(
            f"{path}: order: its trials are not in the order that this version plans for its scenario",
            "continue it with the version that began it, or run the scenario again",
        )
    return plan


def resume_run(plan: Plan, path: Path, view: QuietView, *, around: Surroundings = REAL) -> RunFolder:
    """Run the trials that a run folder lacks; the same plan, or nothing: see ``planned``.

    Raises RunFolderError (exit 2) when lab, machine, versions, images or input files are not those of its beginning,
    or when another lab writes the folder.
    """
    began = read_info(path)
    plan, redact = with_secrets(plan, around)
    with folder_lock(path, began.run_id), around.lock(began.run_id, view.step):
        return _resume(plan, path, view, around, began, redact)


def _resume(
    plan: Plan, path: Path, view: QuietView, around: Surroundings, began: RunInfo, redact: Redactor
) -> RunFolder:
    with preparing(view):
        certificate = around.certify(plan.scenario)
        plan = with_scenario(plan, around.look(plan.scenario, view.step))
        engine, images = around.open_engine(plan.scenario, began.run_id, view.step)
        now = _describe(began.run_id, began.scenario_name, plan, engine, images, around)
    if changed := circumstances(began, now):
        raise RunFolderError(
            f"{path} cannot be continued, then / now: {'; '.join(map(str, changed))}",
            "trials before and after would not be comparable: restore what changed, or run the scenario again",
        )
    folder = RunFolder.reopen(path, redact)
    with load_place(engine, plan.scenario.load) as place:
        run = Run(
            plan=plan,
            folder=folder,
            engine=engine,
            view=view,
            tools=around.tools,
            certificate=certificate,
            place=place,
        )
        _carry_out(run, around.conclude)
    return folder


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


def _carry_out(run: Run, conclude: Callable[[Path], Conclusion]) -> None:
    try:
        run_plan(run)
    except LabError as error:
        run.view.close()
        raise _with_partial_report(run.folder, error, conclude) from None
    finally:
        run.view.close()


def _with_partial_report(folder: RunFolder, error: LabError, conclude: Callable[[Path], Conclusion]) -> LabError:
    """The same error, after a report of the trials that were finished; the hint says where it is."""
    done = sum(state is TrialState.DONE for state in folder.info.states.values())
    hints = [error.hint]
    if folder.failed:
        hints.append(f"the logs are in {folder.failed}")
    if done:
        try:
            hints.append(f"report of the {done} finished trials: {conclude(folder.path).written.html}")
        except LabError as trouble:  # a full disk, say, or a second interrupt: the first error is the news
            hints.append(f"no report of the {done} finished trials: {trouble}")
    if done < len(folder.info.order):
        hints.append(f"`lab run --resume {folder.path}` continues it")
    error.hint = "; ".join(filter(None, hints))
    return error


def _describe(
    run_id: str, name: str, plan: Plan, engine: Engine, images: Mapping[str, ImageRecord], around: Surroundings
) -> RunInfo:
    environment = around.describe(engine.describe(), {"image_digest": images["app"].digest})
    facts = {key: image.describe() for key, image in images.items()}
    info = new_run_info(run_id, name, plan, environment, facts)
    return replace(info, inputs={key: _sha256(path) for key, path in _inputs(plan.scenario)})


def _all_own(scenario: Scenario, engine: Engine) -> bool:
    """Whether every arm has a network of its own: all load is then driven by an agent."""
    return all(scenario.network_of(arm, engine.elsewhere).network is Network.OWN for arm in scenario.arms)


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
