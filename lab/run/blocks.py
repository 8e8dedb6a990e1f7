"""Run every trial of a plan: what one trial measured is on disk before the next one starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lab.analysis.blocks import (
    BlockDecision,
    Fault,
    GatedTrial,
    families_of,
    lost_trials,
    usable_blocks,
)
from lab.analysis.gates import INVALID
from lab.analysis.gates.limits import NEIGHBOURS
from lab.errors import InterruptedRunError, InvalidRunError, LostError
from lab.host.interrupts import INTERRUPTS
from lab.metric_types import Family
from lab.plan.points import Point, listed_blocks
from lab.plan.trial import Trial
from lab.record.folder import read_records
from lab.record.types import RunInfo, TrialRecord
from lab.report.parts.caveats import told_faults
from lab.report.parts.going_on import again_command, lost_told, replaceable
from lab.run.drive import Drive, Scheduled
from lab.run.forecast import Forecast
from lab.run.looks import all_decided
from lab.run.quiet import QUIETER
from lab.run.standing import has_fallen, made, pending, standing_at, tell_fallen
from lab.run.tools import Run

BUSY_HINT = f"{QUIETER}, lower the rate, or ask for more blocks; `lab doctor` shows what else runs"
BESIDE_HINT = "only memory is spoiled: the other metrics are in the report; wait until the other lab has ended"
WAIT_HINT = "wait until the other lab has ended; `lab doctor` shows what else runs"


def run_plan(run: Run) -> None:
    """Run the trials that the folder does not have yet, then replace invalid blocks as far as METHOD 2 allows.

    A failed or interrupted trial ends the run; what was finished stays and is readable. One that was lost with what
    drives load makes its block invalid, and an arm that cannot run at one point of a sweep ends nothing: see
    ``lab.run.standing``. Raises the LabError of the trial that failed, or InterruptedRunError. The folder is never left
    between two states: an interrupt waits for a step of a trial that admits it, or for the next trial.
    """
    try:
        path = run.folder.path
        with (
            INTERRUPTS.deferred(),
            run.tools.loads(path, None) as here,
            run.tools.loads(path, run.place) as inside,
        ):
            _run_trials(run, Scheduled(here, inside))
    except KeyboardInterrupt:
        raise InterruptedRunError("interrupted after the last trial; all of them are kept") from None
    _require_enough_blocks(run)


def _run_trials(run: Run, drive: Drive) -> None:
    run.view.watch(run.folder)
    forecast = Forecast(run.folder, run.view)
    tell_fallen(run)
    trials = (*run.plan.trials, *_added_earlier(run))
    if _ends_at_look(run):
        return
    told: set[tuple[str, frozenset[Family]]] = set()
    doubt = True  # whether a block may have been spoiled since it was last looked whether too many are
    while todo := pending(run, trials):
        for trial in todo:
            if has_fallen(run, trial):  # since the list was made
                continue
            if doubt:
                _tell_lost(run, told)
            run.view.trial_started(trial, trials.index(trial) + 1, len(trials))
            _settle(run, trial)
            record = _made(run, trial, drive, trials)
            doubt = record is None or any(gate.outcome == INVALID for gate in record.gates)
            if record or not has_fallen(run, trial):
                forecast.trial_finished(trial)
            if _ends_at_look(run):
                return
        trials = (*trials, *_replacements(run))


def _made(run: Run, trial: Trial, drive: Drive, trials: Sequence[Trial]) -> TrialRecord | None:
    """As ``made``; None too for one that was lost with a machine that drives load, if its block may be replaced."""
    try:
        return made(run, trial, drive, trials)
    except LostError as error:
        if _decide(run, _records(run), trial.point).exhausted:
            run.folder.note_cut(str(error))
            why = f"{replaceable(run.plan.blocks)}: run it again when the node is there"
            error.hint = "; ".join(filter(None, [error.hint, why]))
            raise
        run.view.step(f"{error}; its block is replaced, finished trials are kept")
        return None


def _tell_lost(run: Run, told: set[tuple[str, frozenset[Family]]]) -> None:
    """Say once of each point what of it cannot become valid any more, though trials are still to be made.

    They are made all the same: what is not spoiled stands, as do other points.
    """
    again = again_command(run.plan.scenario, run.folder.path)
    found = decisions(run)
    way_on = "it goes on for what still can"
    if all(decision.hopeless for decision in found.values()):
        way_on = f"it goes on for its numbers only. Ctrl-C, and `{again}` starts again"
    for title, lost in lost_points(found).items():
        if (now := (title, found[title].beyond)) not in told:
            told.add(now)
            run.view.step(f"{lost}; {way_on}")


def decisions(run: Run) -> dict[str, BlockDecision]:
    """The fate of the blocks at each point, by its title; "" for the only one."""
    records = _records(run)
    return {point.title if point.key else "": _decide(run, records, point) for point in run.plan.points}


def lost_points(found: Mapping[str, BlockDecision]) -> dict[str, str]:
    """By its title, what of a point cannot become valid any more; empty while all can."""
    told = {
        title: f"{title}: {lost_told(decision, 'this point')}" if title else lost_told(decision)
        for title, decision in found.items()
    }
    return {title: lost for title, lost in told.items() if found[title].beyond}


def _ends_at_look(run: Run) -> bool:
    """Whether a declared look finds every verdict reached; the folder then plans no more than it has."""
    scenario, first = run.plan.scenario, run.plan.points[0]  # a run that has looks has no other point
    if not scenario.trials.looks or not all_decided(run.folder, scenario, _decide(run, _records(run), first)):
        return False
    run.folder.end_here()
    run.view.step("every verdict is reached at a declared look: the run ends")
    return True


def _settle(run: Run, following: Trial) -> None:
    """Admit interrupts, also one that has waited until the trial before was whole; and wait for quiet machines."""
    try:
        with INTERRUPTS.admitted():
            run.tools.settle(run.view, run.machines)
            return
    except KeyboardInterrupt:
        told = f"interrupted before {following.id}"
        run.folder.note_cut(told)
        raise InterruptedRunError(f"{told}; finished trials are kept") from None


def _added_earlier(run: Run) -> tuple[Trial, ...]:
    """Replacement blocks that a run had begun before it was cut."""
    return tuple(
        trial
        for point in run.plan.points
        for trial in run.plan.extension(point.key, range(run.plan.blocks + 1, _listed(run, point) + 1))
    )


def _listed(run: Run, point: Point) -> int:
    return listed_blocks(run.folder.info.order, run.plan.scenario, point.key)


def _records(run: Run) -> Sequence[TrialRecord]:
    return tuple(read_records(run.folder.path, run.folder.info))


def _decide(run: Run, records: Iterable[TrialRecord], point: Point) -> BlockDecision:
    return decision_at(run.folder.info, records, standing_at(run, point), run.plan.blocks)


def decision_at(info: RunInfo, records: Iterable[TrialRecord], there: Point, planned: int) -> BlockDecision:
    """The fate of so many blocks at a point of a run; ``there``: the point with the arms that can run at it."""
    arms = [arm.name for arm in there.scenario.arms]
    gates = [
        GatedTrial(trial_id=record.trial_id, block=record.block, arm=record.arm, gates=record.gates)
        for record in records
        if record.point.key == there.key and record.arm in arms
    ]
    gates += [lost for lost in lost_trials(info) if info.lost[lost.trial_id].point == there.key]
    return usable_blocks(
        gates,
        arms=arms,
        planned=planned,
        needed=families_of(there.scenario.compare.primary),
    )


def _require_enough_blocks(run: Run) -> None:
    """Every point stands for itself: the first that is not valid makes the run invalid."""
    records = {record.trial_id: record for record in _records(run)}
    for point in run.plan.points:
        decision = _decide(run, records.values(), point)
        if decision.exhausted:
            found = sorted(told_faults(decision.faults, records), key=lambda fault: not fault[1] & decision.needed)
            causes = [told for told, _ in found]  # those that spoil only what was not judged would come again too
            where = f" at {point.key}" if point.key else ""
            raise InvalidRunError(
                f"the run is not valid{where}, more blocks failed than may be replaced: " + "\n".join(causes),
                hint_of(decision),
            )


def hint_of(decision: BlockDecision) -> str:
    """What helps against what made the run invalid; faults of metrics that were not judged have no say in it."""
    if not all(_by_neighbour(fault) for fault in decision.faults if fault.spoils & decision.needed):
        return BUSY_HINT
    return BESIDE_HINT if all(map(_by_neighbour, decision.faults)) else WAIT_HINT


def _by_neighbour(fault: Fault) -> bool:
    return fault.gate is not None and fault.gate.key == NEIGHBOURS.key


def _replacements(run: Run) -> tuple[Trial, ...]:
    """The trials of the blocks that replace invalid ones; decided from gates alone, never from what was measured."""
    records = _records(run)
    extra: list[Trial] = []
    for point in run.plan.points:
        decision = _decide(run, records, point)
        first = run.plan.blocks + decision.replacements + 1
        extra += run.plan.extension(point.key, range(first, first + decision.wanted))
    run.folder.extend(trial.id for trial in extra)
    return tuple(extra)
