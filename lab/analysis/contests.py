"""A contest: one metric of one arm against the baseline, over a choice of blocks."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lab.analysis.findings.kinds import STEADY_P50, STEADY_THROUGHPUT
from lab.analysis.judge.failures import Failures, explore_shares, failures, guarded, is_guarded, judge_shares
from lab.analysis.judge.intervals import blocks_needed
from lab.analysis.judge.power import MIN_BLOCKS_TO_ESTIMATE, Outlook, outlook
from lab.analysis.judge.verdict import Judgement, Reason, Verdict, explore, judge, judge_family, log_ratios
from lab.analysis.ladders import QUICK_BOUND, at_least, ends_of, held_shares, of_ladder
from lab.analysis.series import (
    block_numbers,
    failed_shares,
    pair_of,
    sides_of,
    thin_blocks,
    unanswered_blocks,
)
from lab.analysis.summary import Hop, RunSummary
from lab.metric_types import Family
from lab.metrics import METRICS, Group, Metric
from lab.metrics.capacity import CAPACITY

OPEN_REASONS = (Reason.ACROSS, Reason.SMOKE, Reason.CUT)  # more blocks may settle these
STEADINESS: Mapping[Group, str] = {Group.LATENCY: STEADY_P50.key, Group.CAPACITY: STEADY_THROUGHPUT.key}


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

    @property
    def barred(self) -> float | None:
        """The part of its requests that the baseline failed, where it fails too much more to win this metric."""
        found = self.failures
        if found is None or not found.baseline_fails or not is_guarded(METRICS[self.metric]):
            return None
        return found.baseline


def may_conclude(summary: RunSummary) -> bool:
    """Whether the design lets the blocks so far give verdicts: all that were planned, or those of a declared look."""
    decision = summary.decision
    return len(decision.ungated) >= decision.planned or len(decision.used) in summary.scenario.trials.looks


def words_of(
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
    return guarded(word, metric, _failures(summary, arm, blocks))


def _judgement(summary: RunSummary, metric: Metric, arm: str, blocks: Sequence[int], level: float) -> Judgement:
    bound = _bound(summary, metric)
    if metric.paired_difference:
        return _of_differences(summary, metric, arm, blocks, partial(judge_shares, bound=bound, level=level))
    if silent := unanswered_blocks(summary, (summary.baseline, arm), blocks):
        return _refused(metric, len(blocks), silent, level)
    found = judge(*pair_of(summary, metric.key, arm, blocks), metric, bound, level)
    if metric.key == CAPACITY:
        found = _at_least(summary, metric, arm, blocks, of_ladder(summary, arm, found, blocks))
    thin = thin_blocks(summary, metric, (summary.baseline, arm), blocks)
    if thin and found.reason is not Reason.SMOKE:
        return found.overruled(Verdict.INCONCLUSIVE, Reason.TOO_FEW_REQUESTS, thin)
    return replace(found, blocks=block_numbers(found.blocks, blocks))


def _at_least(summary: RunSummary, metric: Metric, arm: str, blocks: Sequence[int], found: Judgement) -> Judgement:
    """Where an arm lies beyond the ladder its end may stand for it, if the difference can only be larger than that."""
    ends = ends_of(summary, arm, blocks) if found.reason is Reason.CENSORED else None
    if ends is None:
        return found
    shown = judge(ends.baseline, ends.contender, metric, _bound(summary, metric), found.level)
    return at_least(shown, found.blocks) if shown.verdict is ends.decisive else found


def _bound(summary: RunSummary, metric: Metric) -> float:
    """That of the scenario; of a look at capacities at least QUICK_BOUND."""
    bound, asked = summary.scenario.compare.bound(metric.key), summary.scenario.capacity
    return max(bound, QUICK_BOUND) if metric.key == CAPACITY and asked is not None and asked.quick else bound


def bound_of(summary: RunSummary, metric: Metric) -> float | None:
    """As ``_bound``, of any metric; None for one that has none, neither in the scenario nor of its own."""
    known = metric.bound is not None or metric.key in summary.scenario.compare.bounds
    return _bound(summary, metric) if known else None


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
    """On a ladder every arm is overloaded at last: there what both arms held is compared, at the same rates."""
    judged, looks = summary.scenario.judged, summary.scenario.trials.looks
    shares = held_shares(summary, arm, blocks) if summary.scenario.capacity else failed_shares(summary, arm, blocks)
    return failures(*shares, max(1, len(judged)), looks)


def contest(
    summary: RunSummary, metric: Metric, arm: str, used: Judgement, originals: Judgement, ungated: Judgement
) -> Contest:
    """A primary metric: its verdict, with those over other choices of blocks beside it."""
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


def explored(summary: RunSummary, metric: Metric, arm: str, floor: float | None) -> Contest:
    """A metric that is not judged: numbers without a verdict, and the bound that it would have had."""
    used = summary.valid_for(metric.key)
    if metric.paired_difference:
        found = _of_differences(summary, metric, arm, used, explore_shares)
    elif silent := unanswered_blocks(summary, (summary.baseline, arm), used):
        found = _refused(metric, len(used), silent)
    else:
        found = explore(*pair_of(summary, metric.key, arm, used), metric)
        found = replace(found, blocks=block_numbers(found.blocks, used))
    if found.reason is Reason.EXPLORATORY and (thin := thin_blocks(summary, metric, (summary.baseline, arm), used)):
        found = found.overruled(Verdict.INCONCLUSIVE, Reason.TOO_FEW_REQUESTS, thin)
    return Contest(
        metric=metric.key,
        arm=arm,
        judgement=replace(unjudged(summary, metric, found), floor=floor),
        unsteady=_unsteady(summary, metric, arm),
    )


def unjudged(summary: RunSummary, metric: Metric, found: Judgement) -> Judgement:
    """Numbers that have no verdict, with the bound that it would have had; of a run that was cut they say so."""
    cut = found.reason is Reason.EXPLORATORY and not may_conclude(summary)
    return replace(found, bound=bound_of(summary, metric), reason=Reason.CUT if cut else found.reason)


def explored_hop(summary: RunSummary, hop: Hop, metric: Metric) -> Judgement:
    """What stands behind a front against the same without one, as any metric that is not judged (METHOD 7)."""
    return explored(replace(summary, baseline=hop.direct), metric, hop.behind, None).judgement


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
