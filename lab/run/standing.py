"""Points of a sweep at which an arm cannot run: less memory than it needs is an answer, and ends no run (METHOD 10).

Waiting is what lateness costs, so it is not waited for again where nothing else is to be expected.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lab.errors import EndedError, InterruptedRunError, LabError, LateError
from lab.host.interrupts import INTERRUPTS
from lab.plan.points import Point, no_easier, without
from lab.plan.trial import Trial
from lab.record.types import TrialRecord, TrialState
from lab.report.parts.gate_sentences import reason_line
from lab.run.drive import Drive
from lab.run.tools import Run
from lab.run.topology import topology_of
from lab.run.trial import run_trial


@dataclass(frozen=True, kw_only=True)
class _Fall:
    """An arm that cannot run: ``at`` these points it was tried, the last one with ``error``."""

    error: LabError
    at: tuple[Point, ...]

    @property
    def why(self) -> str:
        """A process that ended did so by itself; one that was only late may have had a busy machine, which is said."""
        late = len(self.at) > 1 or isinstance(self.error, LateError)
        if not late:
            return str(self.error)
        first, *rest = str(self.error).splitlines()
        places = f", at {' and '.join(point.title for point in self.at)}" if len(self.at) > 1 else ""
        return "\n".join([f"in two attempts{places}, for which a busy machine may be the cause too: {first}", *rest])


def made(run: Run, trial: Trial, drive: Drive, trials: Sequence[Trial]) -> TrialRecord | None:
    """Make a trial, or note where its arm cannot run: then none of ``trials`` of that arm is made there.

    An arm that was only late is tried once more, for the machine may have been busy; one that has not served in this
    run yet first where starting is easiest, for it may never come up. Raises as ``run_trial``, also where no arm is
    left at any point: then it is not the setting.
    """
    try:
        return run_trial(run, trial, drive)
    except LateError as error:
        if not _sweeps(run):
            raise
        found = _again(run, trial, drive, error)
    except EndedError as error:
        if not _sweeps(run):
            raise
        found = _Fall(error=error, at=(trial.point,))
    if not isinstance(found, _Fall):
        return found
    gone = [*found.at, *_hopeless(run, trial, found)]
    if _are_last(run, trial.arm.name, gone):
        found.error.args = (f"no arm can run at any point of the sweep: {found.error}",)
        raise found.error
    _give_up(run, trial.arm.name, found, gone, trials)
    return None


def pending(run: Run, trials: Sequence[Trial]) -> list[Trial]:
    """Those that are still to be made; what is left of arms that cannot run is noted as skipped."""
    over = (TrialState.DONE, TrialState.LOST)
    left = [trial for trial in trials if run.folder.info.states.get(trial.id) not in over]
    for trial in left:
        why = fallen_at(run, trial.point).get(trial.arm.name)
        if why is not None and run.folder.info.states.get(trial.id) is not TrialState.SKIPPED:
            run.folder.give_up(trial.point.key, trial.arm.name, why, [trial.id])
    return [trial for trial in left if not has_fallen(run, trial)]


def tell_fallen(run: Run) -> None:
    """Say of a run that is continued which arms it is known not to try again, and why."""
    for point in run.plan.points:
        for arm, why in fallen_at(run, point).items():
            run.view.step(f"{arm} could not run at {point.title}, and is not tried there again: {reason_line(why)}")


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


def _again(run: Run, trial: Trial, drive: Drive, error: LateError) -> TrialRecord | _Fall | None:
    """The second attempt of an arm that was late: the trial, or how it fell."""
    easiest = _easiest(run, trial)
    if easiest is not None:
        run.view.step(f"{error}; looking whether {trial.arm.name} comes up at {easiest.point.title}")
        try:
            _come_up(run, easiest, drive.port)
        except (EndedError, LateError) as other:
            return _Fall(error=other, at=(trial.point, easiest.point))
        run.view.step(f"it does: {trial.id} once more")
    else:
        run.view.step(f"{error}; once more")
    try:
        return run_trial(run, trial, drive)
    except (EndedError, LateError) as other:
        return _Fall(error=other, at=(trial.point,))


def _easiest(run: Run, trial: Trial) -> Trial | None:
    """The first trial of the same arm where nothing makes starting harder; None where it served, or is there."""
    own = [each for each in run.plan.trials if each.arm.name == trial.arm.name]
    if any(_served(run, trial.arm.name, point) for point in run.plan.points):
        return None
    best = trial
    for each in own:
        if not has_fallen(run, each) and no_easier(best.point, each.point) and not no_easier(each.point, best.point):
            best = each
    return best if best is not trial else None


def _come_up(run: Run, trial: Trial, port: int) -> None:
    """Deploy an arm and take it down. Raises DeploymentError where it does not come up."""
    try:
        with INTERRUPTS.deferred(), run.engine.deploy(topology_of(run.engine, trial, port, run.certificate)):
            pass
    except KeyboardInterrupt:
        told = f"interrupted while {trial.arm.name} was looked at, at {trial.point.title}"
        run.folder.note_cut(told)
        raise InterruptedRunError(f"{told}; finished trials are kept") from None


def _served(run: Run, arm: str, point: Point) -> bool:
    """Whether a trial of the arm was finished at the point."""
    states = run.folder.info.states
    own = (each.id for each in run.plan.trials if (each.point.key, each.arm.name) == (point.key, arm))
    return any(states.get(trial_id) is TrialState.DONE for trial_id in own)


def _hopeless(run: Run, trial: Trial, found: _Fall) -> list[Point]:
    """Other points that need not be waited for: starting is no easier there, and the arm has not served at any.

    Of a process that ended at once this is not assumed: to try it takes no time.
    """
    if isinstance(found.error, EndedError) and len(found.at) == 1:
        return []
    tried = {point.key for point in found.at}
    others = [point for point in run.plan.points if point.key not in tried and no_easier(point, found.at[-1])]
    if any(_served(run, trial.arm.name, point) for point in others):
        return []
    return [point for point in others if trial.arm.name not in fallen_at(run, point)]


def _are_last(run: Run, arm: str, gone: Collection[Point]) -> bool:
    """Whether no other arm would be left at any point."""
    places = {(each.point.key, each.arm.name) for each in run.plan.trials}
    fallen = {(point, name) for point, arms in run.folder.info.fallen.items() for name in arms}
    return places <= {*fallen, *((point.key, arm) for point in gone)}


def _give_up(run: Run, arm: str, found: _Fall, gone: Sequence[Point], trials: Collection[Trial]) -> None:
    titles = ", ".join(point.title for point in gone)
    run.view.step(f"the arm {arm} cannot run at {titles}; all else goes on: {found.error}")
    states = run.folder.info.states
    for point in gone:
        own = (each.id for each in trials if (each.point.key, each.arm.name) == (point.key, arm))
        skipped = [trial_id for trial_id in own if states.get(trial_id) is not TrialState.DONE]
        tried = "" if point in found.at else f"not tried, for starting is no easier than at {found.at[-1].title}: "
        run.folder.give_up(point.key, arm, f"{tried}{found.why}", skipped)
