"""A run judged: a verdict for every primary metric and judged arm, numbers for the rest, outcomes of the expectations.

Only blocks that are valid for a metric's family count (``summary.valid_for``); the same verdicts without replaced
blocks and without any gate stand beside them, so that a reader sees whether the choice of blocks decides. Pure.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from statistics import median

from lab.analysis.blocks import BlockDecision
from lab.analysis.conditions import Condition, condition
from lab.analysis.expectations import Outcome
from lab.analysis.findings.kinds import STEADY_P50, STEADY_THROUGHPUT
from lab.analysis.judge.failures import Failures, explore_shares, failures, guarded, judge_shares
from lab.analysis.judge.floor import from_json
from lab.analysis.judge.intervals import AnalysisError, blocks_needed
from lab.analysis.judge.levels import verdict_blocks
from lab.analysis.judge.power import MIN_BLOCKS_TO_ESTIMATE, Outlook, outlook
from lab.analysis.judge.verdict import Judgement, Reason, Verdict, explore, judge, judge_family, log_ratios
from lab.analysis.ladders import QUICK_BOUND, of_ladder
from lab.analysis.series import (
    block_numbers,
    failed_shares,
    pair_of,
    sides_of,
    thin_blocks,
    unanswered_arms,
    unanswered_blocks,
)
from lab.analysis.summary import RunSummary
from lab.errors import InvalidRunError, LabError, RunFolderError
from lab.metric_types import Family
from lab.metrics import CATALOGUE, METRICS, Group, Metric
from lab.metrics.capacity import CAPACITY
from lab.record.types import RunInfo
from lab.scenario.model import Scenario

OPEN_REASONS = (Reason.ACROSS, Reason.SMOKE, Reason.CUT)  # more blocks may settle these
STEADINESS: Mapping[Group, str] = {Group.LATENCY: STEADY_P50.key, Group.CAPACITY: STEADY_THROUGHPUT.key}
OWN_CONDITION_FAILED = LabError.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One metric of one contender against the baseline.

    ``judgement`` is over the valid blocks. A primary has two more: ``originals`` over the valid blocks that are no
    replacements, ``ungated`` over every complete planned block as if no gate existed; both None for exploratory
    metrics. ``Judgement.blocks`` are the run's block numbers. ``unsteady`` are the trials that drifted while they were
    measured. ``outlook`` predicts how many blocks, all told, would settle an open question. ``failures`` are those of
    the two arms, for a primary.
    """

    metric: str
    arm: str
    judgement: Judgement
    originals: Judgement | None = None
    ungated: Judgement | None = None
    unsteady: tuple[str, ...] = ()
    outlook: Outlook | None = None
    failures: Failures | None = None

    @property
    def depends_on_blocks(self) -> bool:
        """True when another choice of blocks gives another word."""
        words = {found.verdict for found in (self.judgement, self.originals, self.ungated) if found is not None}
        return self.judgement.verdict is not None and len(words - {None}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that is claimed of a run. ``primaries`` are in the order of the scenario, then of its arms.

    ``unanswered`` are the valid blocks in which no request of an arm succeeded, by the arms that have such blocks.
    ``block_s`` is how long a block of this run takes, None where fewer than two trials tell.
    """

    baseline: str
    decision: BlockDecision
    primaries: tuple[Contest, ...]
    exploratory: tuple[Contest, ...]
    conditions: tuple[Condition, ...]
    unanswered: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    block_s: float | None = None


def compare_run(summary: RunSummary, floors: Mapping[str, float] | None = None) -> Comparison:
    """Judge a run. ``floors`` are the noise floors of its machine by metric, as fractions; see ``floors_of``."""
    known, decision = floors or {}, summary.decision
    questions = [(METRICS[key], arm) for key in summary.scenario.compare.primary for arm in summary.scenario.judged]
    choices = (decision.valid_for, decision.originals_for, lambda _family: decision.ungated)
    words = [_words(summary, questions, choice) for choice in choices]
    contenders = [arm.name for arm in summary.scenario.arms if arm.name != summary.baseline]
    return Comparison(
        baseline=summary.baseline,
        decision=decision,
        primaries=tuple(
            _contest(summary, metric, arm, replace(used, floor=known.get(metric.key)), originals, ungated)
            for (metric, arm), used, originals, ungated in zip(questions, *words, strict=True)
        ),
        exploratory=tuple(
            _explored(summary, metric, arm, known.get(metric.key))
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


def may_conclude(summary: RunSummary) -> bool:
    """Whether the design lets the blocks so far give verdicts: all that were planned, or those of a declared look."""
    decision = summary.decision
    return len(decision.ungated) >= decision.planned or len(decision.used) in summary.scenario.trials.looks


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
    """0, or 1 when an expectation is violated (``strict``: or undecided), or 3 when too few blocks are valid.

    Nor is 0 the answer where an arm answered nothing: that is the arm's doing, and 1.

    An invalid run shows nothing, so 3 goes before 1.
    """
    decision = comparison.decision
    if decision.exhausted or not decision.used:
        return InvalidRunError.exit_code
    if comparison.unanswered:
        return OWN_CONDITION_FAILED
    failing = {Outcome.VIOLATED, Outcome.UNDECIDED} if strict else {Outcome.VIOLATED}
    return OWN_CONDITION_FAILED if any(c.result.outcome in failing for c in comparison.conditions) else 0


def _words(
    summary: RunSummary, questions: Sequence[tuple[Metric, str]], choice: Callable[[Family], Sequence[int]]
) -> tuple[Judgement, ...]:
    """The verdicts over one choice of blocks, which share the error; arms that fail more are then overruled."""
    asked = [(metric, arm, choice(metric.group.family)) for metric, arm in questions]
    found = judge_family([partial(_judgement, summary, *question) for question in asked], summary.scenario.trials.looks)
    words = [_guarded(summary, word, *question) for word, question in zip(found, asked, strict=True)]
    if may_conclude(summary):
        return tuple(words)
    measured = [word.interval is not None or word.difference is not None for word in words]
    return tuple(
        word.numbers_only(Reason.CUT if known else word.reason) for word, known in zip(words, measured, strict=True)
    )


def _guarded(summary: RunSummary, word: Judgement, metric: Metric, arm: str, blocks: Sequence[int]) -> Judgement:
    """On a ladder every arm is overloaded at last: what it then fails is in its capacity, and no reason to overrule."""
    return word if summary.scenario.capacity else guarded(word, metric, _failures(summary, arm, blocks))


def _judgement(summary: RunSummary, metric: Metric, arm: str, blocks: Sequence[int], level: float) -> Judgement:
    bound = _bound(summary, metric)
    if metric.paired_difference:
        return _of_differences(summary, metric, arm, blocks, partial(judge_shares, bound=bound, level=level))
    if silent := unanswered_blocks(summary, (summary.baseline, arm), blocks):
        return _refused(metric, len(blocks), silent, level)
    found = judge(*pair_of(summary, metric.key, arm, blocks), metric, bound, level)
    if metric.key == CAPACITY:
        found = of_ladder(summary, arm, found, blocks)
    thin = thin_blocks(summary, metric, (summary.baseline, arm), blocks)
    if thin and found.reason is not Reason.SMOKE:
        return found.overruled(Verdict.INCONCLUSIVE, Reason.TOO_FEW_REQUESTS, thin)
    return replace(found, blocks=block_numbers(found.blocks, blocks))


def _bound(summary: RunSummary, metric: Metric) -> float:
    """That of the scenario; of a look at capacities at least QUICK_BOUND."""
    bound, asked = summary.scenario.compare.bound(metric.key), summary.scenario.capacity
    return max(bound, QUICK_BOUND) if metric.key == CAPACITY and asked is not None and asked.quick else bound


def _of_differences(
    summary: RunSummary, metric: Metric, arm: str, blocks: Sequence[int], ask: Callable[..., Judgement]
) -> Judgement:
    """Ask about paired differences; none of it where a value is missing, and nothing is put in its place."""
    baseline, contender = sides_of(summary, metric, arm, blocks)
    missing = [block for block, pair in zip(blocks, zip(baseline, contender, strict=True), strict=True) if None in pair]
    if missing:
        return replace(_refused(metric, len(blocks), missing), reason=Reason.MISSING)
    return ask(baseline, contender, metric)


def _refused(metric: Metric, n: int, silent: Sequence[int], level: float = 0.95) -> Judgement:
    """Neither a word nor a number: in these blocks one of the two arms did nothing that could be compared."""
    return Judgement(
        metric=metric.key,
        verdict=None,
        reason=Reason.NO_SUCCESS,
        n=n,
        blocks_needed=blocks_needed(level),
        level=level,
        blocks=tuple(silent),
    )


def _failures(summary: RunSummary, arm: str, blocks: Sequence[int]) -> Failures:
    judged, looks = summary.scenario.judged, summary.scenario.trials.looks
    return failures(*failed_shares(summary, arm, blocks), max(1, len(judged)), looks)


def _contest(
    summary: RunSummary, metric: Metric, arm: str, used: Judgement, originals: Judgement, ungated: Judgement
) -> Contest:
    return Contest(
        metric=metric.key,
        arm=arm,
        judgement=used,
        originals=originals,
        ungated=ungated,
        unsteady=_unsteady(summary, metric, arm),
        outlook=_outlook(summary, metric, arm, used),
        failures=_failures(summary, arm, summary.valid_for(metric.key)),
    )


def _explored(summary: RunSummary, metric: Metric, arm: str, floor: float | None) -> Contest:
    used = summary.valid_for(metric.key)
    if metric.paired_difference:
        found = _of_differences(summary, metric, arm, used, explore_shares)
    elif silent := unanswered_blocks(summary, (summary.baseline, arm), used):
        found = _refused(metric, len(used), silent)
    else:
        found = explore(*pair_of(summary, metric.key, arm, used), metric)
        found = replace(found, blocks=block_numbers(found.blocks, used))
    return Contest(
        metric=metric.key,
        arm=arm,
        judgement=replace(found, floor=floor),
        unsteady=_unsteady(summary, metric, arm),
    )


def _unsteady(summary: RunSummary, metric: Metric, arm: str) -> tuple[str, ...]:
    kind, valid = STEADINESS.get(metric.group), summary.valid_for(metric.key)
    return tuple(
        trial.record.trial_id
        for trial in summary.trials
        if trial.record.arm in (summary.baseline, arm) and trial.record.block in valid
        if any(finding.key == kind and finding.value is not None for finding in trial.record.findings)
    )


def _outlook(summary: RunSummary, metric: Metric, arm: str, found: Judgement) -> Outlook | None:
    """What more blocks would do for an open question."""
    if found.reason not in OPEN_REASONS or found.bound is None or found.blocks or found.n < MIN_BLOCKS_TO_ESTIMATE:
        return None
    least = found.n + (found.reason is Reason.ACROSS)  # as many as there are did not settle it
    if metric.paired_difference:
        sides = sides_of(summary, metric, arm, summary.valid_for(metric.key))
        differences = [more - less for less, more in zip(*sides, strict=True) if less is not None and more is not None]
        return outlook(differences, found.bound, found.level, least)
    ratios = log_ratios(*pair_of(summary, found.metric, arm, summary.valid_for(metric.key)))
    return outlook(ratios, math.log1p(found.bound), found.level, least)
