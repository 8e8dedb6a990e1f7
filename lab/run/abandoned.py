"""What the run folder says of a trial that is none: it failed, was interrupted, or was lost with its generator."""

from lab.errors import AwayError, LabError, LostError, MissingError
from lab.plan.trial import Trial
from lab.record.types import LostTrial, TrialState
from lab.run.tools import Run


def lost_node(run: Run, trial: Trial, error: LabError) -> str:
    """The machine that is gone with the load of a trial; "" where it is there, or the trial is whole or never began."""
    if isinstance(error, AwayError) or not run.folder.staging(trial.id).exists():
        return ""
    return next(filter(None, (place.lost for place in run.place.machines)), "")


def lose(run: Run, trial: Trial, node: str, error: LabError) -> LostError:
    """The error of a trial whose generator is gone, whatever noticed it first: that is no failure of its arm."""
    found = LostError(f"node {node}, which drives load, was lost: {error}", error.hint)
    run.folder.extend([trial.id])
    lost = LostTrial(block=trial.block, arm=trial.arm.name, point=trial.point.key, why=str(found))
    run.folder.lose(trial.id, lost)
    return found


def abandon(run: Run, trial: Trial, state: TrialState, reason: str, error: LabError | None = None) -> str:
    """Keep what there is of a failed trial; "" or, where that fails too, a sentence why."""
    if not run.folder.staging(trial.id).exists():
        return ""  # the trial is whole and in its place: only run.json could not be written, and reading heals that
    try:
        run.folder.extend([trial.id])
        run.folder.abandon(trial.id, state, reason, error)
    except MissingError as error:
        return f"and run.json could not say so: {error}"
    return ""
