"""A run judged: a verdict for every primary metric and judged arm, numbers for the rest, outcomes of the expectations.

Only blocks that are valid for a metric's family count (``summary.valid_for``); the same verdicts without replaced
blocks and without any gate stand beside them, so that a reader sees whether the choice of blocks decides. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from lab.analysis.blocks import BlockDecision
from lab.analysis.conditions import Condition, condition
from lab.analysis.contests import Contest, contest, explored, may_conclude, words_of
from lab.analysis.expectations import Outcome
from lab.analysis.judge.floor import from_json
from lab.analysis.judge.intervals import AnalysisError
from lab.analysis.judge.levels import verdict_blocks
from lab.analysis.series import Unanswered, unanswered_arms
from lab.analysis.summary import RunSummary
from lab.errors import InvalidRunError, LabError, RunFolderError
from lab.metrics import CATALOGUE, METRICS
from lab.record.types import RunInfo
from lab.scenario.model import Scenario

OWN_CONDITION_FAILED = LabError.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that is claimed of a run. ``primaries`` are in the order of the scenario, then of its arms.

    ``unanswered``: the valid blocks in which no request of an arm succeeded and why, by the arms that have such blocks.
    ``block_s`` is how long a block of this run takes, None where fewer than two trials tell.
    """

    baseline: str
    decision: BlockDecision
    primaries: tuple[Contest, ...]
    exploratory: tuple[Contest, ...]
    conditions: tuple[Condition, ...]
    unanswered: Mapping[str, Unanswered] = field(default_factory=dict)
    block_s: float | None = None


def compare_run(summary: RunSummary, floors: Mapping[str, float] | None = None) -> Comparison:
    """Judge a run. ``floors`` are the noise floors of its machine by metric, as fractions; see ``floors_of``."""
    known, decision = floors or {}, summary.decision
    questions = [(METRICS[key], arm) for key in summary.scenario.compare.primary for arm in summary.scenario.judged]
    choices = (decision.valid_for, decision.originals_for, lambda _family: decision.ungated)
    words = [words_of(summary, questions, choice) for choice in choices]
    contenders = [arm.name for arm in summary.scenario.arms if arm.name != summary.baseline]
    return Comparison(
        baseline=summary.baseline,
        decision=decision,
        primaries=tuple(
            contest(summary, metric, arm, replace(used, floor=known.get(metric.key)), originals, ungated)
            for (metric, arm), used, originals, ungated in zip(questions, *words, strict=True)
        ),
        exploratory=tuple(
            explored(summary, metric, arm, known.get(metric.key))
            for metric in CATALOGUE
            for arm in contenders
            if (metric, arm) not in questions
        ),
        conditions=tuple(
            condition(summary, expect, concluded=may_conclude(summary)) for expect in summary.scenario.expect
        ),
        unanswered=unanswered_arms(summary),
        block_s=block_length_s(summary),
    )


def block_length_s(summary: RunSummary) -> float | None:
    """The middle time from the start of one trial to that of the next × the arms; a pause does not move it."""
    starts = sorted(trial.record.started_monotonic_s for trial in summary.trials)
    steps = [later - earlier for earlier, later in pairwise(starts) if later > earlier]
    return median(steps) * len(summary.scenario.arms) if steps else None


def least_blocks(scenario: Scenario) -> int:
    """How many valid blocks a verdict takes: more for more judged intervals and looks (METHOD 6.2)."""
    return verdict_blocks(scenario.judged_intervals, scenario.trials.looks)


def floors_of(run: RunInfo) -> Mapping[str, float]:
    """The noise floors that were known of the run's machine when it started; empty before the first selfcheck."""
    if not run.noise_floor:
        return {}
    try:
        return {metric.metric: metric.floor for metric in from_json(run.noise_floor["floor"]).metrics}
    except (AnalysisError, KeyError, TypeError) as error:
        raise RunFolderError(f"{run.run_id}: noise_floor in run.json cannot be read: {error}") from None


def exit_code(comparison: Comparison, *, strict: bool = False) -> int:
    """0, or 1 when an expectation is violated, or 3 when too few blocks are valid.

    Nor is 0 the answer where an arm answered nothing: that is the arm's doing, and 1. An invalid run shows nothing, so
    3 goes before 1. ``strict`` changes no other code than 0: to 3 when an expectation is undecided because blocks are
    invalid for it, which says nothing of the app either, else to 1 when one is undecided.
    """
    decision = comparison.decision
    if decision.exhausted or not decision.used:
        return InvalidRunError.exit_code
    outcomes = {each.result.outcome for each in comparison.conditions}
    if comparison.unanswered or Outcome.VIOLATED in outcomes:
        return OWN_CONDITION_FAILED
    if not strict or Outcome.UNDECIDED not in outcomes:
        return 0
    spoiled = any(each.spoiled for each in comparison.conditions)
    return InvalidRunError.exit_code if spoiled else OWN_CONDITION_FAILED
