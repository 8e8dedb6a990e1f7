"""Points of a sweep at which an arm cannot run: less memory than it needs is an answer, and ends no run (METHOD 10)."""

from collections.abc import Collection, Sequence

from lab.errors import EndedError, LabError, LateError
from lab.plan.points import Point, without
from lab.plan.trial import Trial
from lab.record.types import TrialRecord, TrialState
from lab.run.drive import Drive
from lab.run.tools import Run
from lab.run.trial import run_trial


def made(run: Run, trial: Trial, drive: Drive, trials: Sequence[Trial]) -> TrialRecord | None:
    """Make a trial, or note that its arm cannot run at its point: then none of ``trials`` of that arm is made there.

    An arm that was only late is tried once more, for the machine may have been busy. Raises as ``run_trial``, also
    where no arm is left at any point: then it is not the setting.
    """
    try:
        try:
            return run_trial(run, trial, drive)
        except LateError as error:
            if not _sweeps(run):
                raise
            run.view.step(f"{error}; once more")
            return run_trial(run, trial, drive)
    except (EndedError, LateError) as error:
        if not _sweeps(run) or _is_last(run, trial):
            raise
        _give_up(run, trial, error, trials)
        return None


def pending(run: Run, trials: Sequence[Trial]) -> list[Trial]:
    """Those that are still to be made; what is left of arms that cannot run is noted as skipped."""
    left = [trial for trial in trials if run.folder.info.states.get(trial.id) is not TrialState.DONE]
    for trial in left:
        why = fallen_at(run, trial.point).get(trial.arm.name)
        if why is not None and run.folder.info.states.get(trial.id) is not TrialState.SKIPPED:
            run.folder.give_up(trial.point.key, trial.arm.name, why, [trial.id])
    return [trial for trial in left if not has_fallen(run, trial)]


def has_fallen(run: Run, trial: Trial) -> bool:
    """Whether its arm is known not to run at its point."""
    return trial.arm.name in fallen_at(run, trial.point)


def standing_at(run: Run, point: Point) -> Point:
    """The point with the arms that can run there."""
    return without(point, fallen_at(run, point))


def fallen_at(run: Run, point: Point) -> dict[str, str]:
    """By arm, why it cannot run there."""
    return dict(run.folder.info.fallen.get(point.key, {}))


def _sweeps(run: Run) -> bool:
    return bool(run.plan.scenario.sweep) and len(run.plan.points) > 1


def _is_last(run: Run, trial: Trial) -> bool:
    """Whether no other arm would be left at any point."""
    places = {(each.point.key, each.arm.name) for each in run.plan.trials}
    fallen = {(point, arm) for point, arms in run.folder.info.fallen.items() for arm in arms}
    return places <= {*fallen, (trial.point.key, trial.arm.name)}


def _give_up(run: Run, trial: Trial, error: LabError, trials: Collection[Trial]) -> None:
    own = [each for each in trials if (each.point.key, each.arm.name) == (trial.point.key, trial.arm.name)]
    states = run.folder.info.states
    skipped = [each.id for each in own if states.get(each.id) is not TrialState.DONE]
    run.view.step(f"{trial.arm.name} cannot run at {trial.point.title}, the other points go on: {error}")
    run.folder.give_up(trial.point.key, trial.arm.name, _why(error), skipped)


def _why(error: LabError) -> str:
    """A process that ended did so by itself; one that was only late may have had a busy machine, which is said."""
    if not isinstance(error, LateError):
        return str(error)
    first, *rest = str(error).splitlines()
    return "\n".join([f"in two attempts, for which a busy machine may be the cause too: {first}", *rest])
