"""Carry out a plan, new or continued: what `lab run` and `lab selfcheck` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from lab.analysis.across import circumstances
from lab.analysis.points import worst_code
from lab.engines import Engine
from lab.errors import EndedError, InterruptedRunError, InvalidRunError, LabError, LateError, RunFolderError
from lab.host.interrupts import INTERRUPTS
from lab.host.lock import folder_lock
from lab.load.place import HERE, Place
from lab.plan.blocks import Plan, build_plan
from lab.plan.points import listed_blocks, points_of
from lab.record.folder import RunFolder, new_run_id, read_info
from lab.record.types import Calibration, Environment, RunInfo, TrialState
from lab.report.parts.going_on import STARTS_AGAIN, again_command, resume_command
from lab.report.parts.storage import driver_met
from lab.run.blocks import decisions, lost_points, run_plan
from lab.run.calibration import NEEDED_IMAGE
from lab.run.conclude import Conclusion
from lab.run.piloted import PILOT
from lab.run.preparation import Prepared, prepare, preparing, with_secrets
from lab.run.surroundings import REAL, Surroundings
from lab.run.tools import Run
from lab.run.view import QuietView
from lab.scenario.model import Load, Scenario
from lab.scenario.network import Network
from lab.scenario.secret import Redactor
from lab.units import count_of

VIOLATED = "the exit code is 1 all the same: at a valid point an expectation is violated, or an arm failed"
AS_IT_WAS = "after a change of the scenario run its file again, for --resume takes the scenario as it was"


def run_scenario(
    plan: Plan,
    name: str,
    out: Path,
    view: QuietView,
    *,
    around: Surroundings = REAL,
    use_floor: bool = True,
    pilot: Path | None = None,
) -> RunFolder:
    """Run every trial of a plan into a new folder below ``out``.

    ``use_floor``: keep the machine's noise floor with the run, for its verdicts. ``pilot``: runs that found its ladder,
    which are kept inside. Raises LabError; when trials were finished before it, they have a report and the hint says
    where.
    """
    run_id = new_run_id(name)
    plan, redact = with_secrets(plan, around)
    with around.lock(run_id, view.step), ExitStack() as stack:
        with preparing(view):
            prepared = prepare(run_id, plan, view, around)
            engine, scenario = prepared.engine, prepared.plan.scenario
            place = stack.enter_context(load_place(engine, scenario.load))  # it comes up beside all that follows
            info = prepared.info(name)
            if met := driver_met(info.environment):
                view.step(met)
            opaque = around.attest_fronts(engine, scenario, view.step, prepared.certificate, place)
            kept = around.floors(info.environment, scenario) if use_floor else None
            ceiling = _ceiling(prepared, info.environment, place)
        info = replace(info, noise_floor=kept.to_json() if kept else {}, calibration=ceiling, fronts=opaque)
        folder = RunFolder.create(out, info, redact)
        if pilot is not None:
            folder.take_in(pilot, PILOT)
        with folder_lock(folder.path, run_id):
            _carry_out(prepared.run(folder, place), around.conclude)
    return folder


def measured_ceiling(plan: Plan, view: QuietView, around: Surroundings) -> Calibration | None:
    """What the load generator of this plan can do: as kept, or else measured now; None where nobody can tell.

    Raises LabError.
    """
    run_id = new_run_id("ceiling")
    plan, _ = with_secrets(plan, around)
    with around.lock(run_id, view.step), preparing(view):
        prepared = prepare(run_id, plan, view, around)
        with load_place(prepared.engine, prepared.plan.scenario.load) as place:
            return _ceiling(prepared, prepared.info("ceiling").environment, place)


def _ceiling(prepared: Prepared, environment: Environment, place: Place) -> Calibration | None:
    engine, scenario = prepared.engine, prepared.plan.scenario
    return prepared.around.calibrate(
        engine if NEEDED_IMAGE in prepared.images else None,
        environment,
        scenario.load,
        prepared.view.step,
        prepared.certificate,
        place if _all_own(scenario, engine) else HERE,
    )


@contextmanager
def load_place(engine: Engine, load: Load) -> Iterator[Place]:
    """The engine's place for load; an interrupt waits while it is made, and while it is removed.

    Raises InterruptedRunError for one that came outside of every trial.
    """
    try:
        with INTERRUPTS.deferred(), engine.load_place(load) as place, INTERRUPTS.admitted():
            yield place
    except KeyboardInterrupt as interrupt:
        left = "; ".join(getattr(interrupt, "__notes__", ()))  # what could not be removed
        raise InterruptedRunError("interrupted between two steps of the run; finished trials are kept", left) from None


def planned(path: Path) -> Plan:
    """The plan of a run folder, rebuilt from its stored scenario. Raises RunFolderError when it has another order."""
    info = read_info(path)
    if info.exploratory:
        raise RunFolderError(
            f"{path} is an exploratory session of `lab ui`: it has no plan that could be continued",
            "begin another one with `lab ui`, or measure with `lab run`",
        )
    scenario = info.parsed_scenario
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
        prepared = prepare(began.run_id, plan, view, around)
        now = prepared.info(began.scenario_name)
    if changed := circumstances(began, now):
        raise RunFolderError(
            f"{path} cannot be continued, then / now: {'; '.join(map(str, changed))}",
            "trials before and after would not be comparable: restore what changed, or run the scenario again",
        )
    folder = RunFolder.reopen(path, redact)
    with load_place(prepared.engine, prepared.plan.scenario.load) as place:
        _carry_out(prepared.run(folder, place), around.conclude)
    return folder


def _carry_out(run: Run, conclude: Callable[[Path], Conclusion]) -> None:
    try:
        run_plan(run)
    except LabError as error:
        run.view.close()
        raise _with_partial_report(run, error, conclude) from None
    finally:
        run.view.close()


def _with_partial_report(run: Run, error: LabError, conclude: Callable[[Path], Conclusion]) -> LabError:
    """The same error, after a report of the trials that were finished; the hint says where it is, and how to go on."""
    folder = run.folder
    done = sum(state is TrialState.DONE for state in folder.info.states.values())
    hints = [error.hint]
    if folder.failed:
        hints.append(f"the logs are in {folder.failed}")
    finished = count_of(done, "finished trial")
    error.run = folder.path if done else error.run
    whole = done + len(folder.info.lost) >= len(folder.info.order)
    try:
        if done:
            found = conclude(folder.path)
            hints.append(f"report of {finished}: {found.written.html}")
            if whole and isinstance(error, InvalidRunError) and worst_code(found.points) == LabError.exit_code:
                error.exit_code = LabError.exit_code
                hints.insert(0, VIOLATED)
    except LabError as trouble:  # a full disk, say, or a second interrupt: the first error is the news
        hints.append(f"no report of {finished}: {trouble}")
    asks_change = isinstance(error, EndedError | LateError)
    if asks_change:
        hints.append(AS_IT_WAS)
    if not whole and (done or not asks_change):
        hints.append(_way_on(run))
    error.hint = "; ".join(filter(None, hints))
    return error


def _way_on(run: Run) -> str:
    """What cannot become valid any more; and how to go on, or to start again where that is nothing less than all."""
    scenario, path = run.folder.info.parsed_scenario, run.folder.path
    goes_on = f"`{resume_command(scenario, path)}` continues it"
    try:
        found = decisions(run)
    except LabError as trouble:  # the first error is the news
        return f"{goes_on}, if what it has can be read: {trouble}"
    if all(decision.hopeless for decision in found.values()):
        goes_on = f"`{again_command(scenario, path)}` {STARTS_AGAIN}"
    return "; ".join([*lost_points(found).values(), goes_on])


def _all_own(scenario: Scenario, engine: Engine) -> bool:
    """Whether every arm has a network of its own: all load is then driven by an agent."""
    return all(scenario.network_of(arm, engine.elsewhere).network is Network.OWN for arm in scenario.arms)
