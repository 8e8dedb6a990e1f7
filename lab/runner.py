"""Run every trial of a plan: what one trial measured is on disk before the next one starts."""

from __future__ import annotations

from lab.analysis.blocks import BlockDecision, GatedTrial, usable_blocks
from lab.errors import InterruptedRunError, InvalidRunError, LabError
from lab.plan import Trial
from lab.records import TrialRecord, TrialState
from lab.results import disk_errors, read_records
from lab.trial import Run, run_trial


def run_plan(run: Run) -> None:
    """Run the trials that the folder does not have yet, then replace invalid blocks as far as METHOD 2 allows.

    A failed or interrupted trial ends the run; what was finished stays and is readable. Raises the LabError of the
    trial that failed, or InterruptedRunError.
    """
    trials = (*run.plan.trials, *_added_earlier(run))
    while pending := [trial for trial in trials if run.folder.info.states.get(trial.id) is not TrialState.DONE]:
        for trial in pending:
            run.observer.trial_started(trial, trials.index(trial) + 1, len(trials))
            record = _run_or_abandon(run, trial)
            run.folder.commit(record)
            run.observer.trial_finished(record)
        trials = (*trials, *_replacements(run))
    _require_enough_blocks(run)


def _added_earlier(run: Run) -> tuple[Trial, ...]:
    """Replacement blocks that a run had begun before it was cut."""
    blocks = len(run.folder.info.order) // len(run.plan.scenario.arms)
    return run.plan.extension(range(run.plan.blocks + 1, blocks + 1))


def _decide(run: Run) -> BlockDecision:
    gates = [
        GatedTrial(trial_id=record.trial_id, block=record.block, arm=record.arm, gates=record.gates)
        for record in read_records(run.folder.path, run.folder.info)
    ]
    return usable_blocks(gates, arms=[arm.name for arm in run.plan.scenario.arms], planned=run.plan.blocks)


def _require_enough_blocks(run: Run) -> None:
    decision = _decide(run)
    if decision.exhausted:
        proof = "\n".join(f"  {fault.trial_id}: {fault.sentence}" for fault in decision.faults)
        raise InvalidRunError(
            f"{len(decision.invalid)} of the blocks that ran are invalid, more than may be replaced:\n{proof}",
            "quiet the machine, lower the rate, or ask for more blocks; `lab doctor` shows what else runs",
        )


def _replacements(run: Run) -> tuple[Trial, ...]:
    """The trials of the blocks that replace invalid ones; decided from gates alone, never from what was measured."""
    decision = _decide(run)
    first = run.plan.blocks + decision.replacements + 1
    extra = run.plan.extension(range(first, first + decision.wanted))
    run.folder.extend(trial.id for trial in extra)
    return extra


def _run_or_abandon(run: Run, trial: Trial) -> TrialRecord:
    staging = run.folder.stage(trial.id)
    try:
        with disk_errors(staging):
            return run_trial(run, trial, staging)
    except KeyboardInterrupt:
        run.folder.abandon(trial.id, TrialState.INTERRUPTED, f"interrupted during {trial.id}")
        raise InterruptedRunError(f"interrupted during {trial.id}; finished trials are kept") from None
    except LabError as error:
        told = str(error)
        run.folder.abandon(trial.id, TrialState.FAILED, told if trial.id in told else f"{trial.id}: {told}")
        raise
