"""A run judged: a verdict for every primary metric and contender, numbers for the rest, outcomes of the expectations.

Only blocks that are valid for a metric's family count (``summary.valid_for``); the same verdicts without replaced
blocks and without any gate stand beside them, so that a reader sees whether the choice of blocks decides. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.analysis.blocks import BlockDecision, families_of
from lab.analysis.expectations import ExpectationResult, Outcome, judge_expectation
from lab.analysis.findings.kinds import STEADY_P50, STEADY_THROUGHPUT
from lab.analysis.judge.eligibility import quantile_eligible
from lab.analysis.judge.floor import from_json
from lab.analysis.judge.intervals import AnalysisError
from lab.analysis.judge.power import MIN_BLOCKS_TO_ESTIMATE, settle_estimate
from lab.analysis.judge.verdict import Judgement, Reason, Verdict, explore, judge, log_ratios
from lab.analysis.summary import RunSummary
from lab.analysis.trial.trial import TrialSummary
from lab.errors import InvalidRunError, LabError, RunFolderError
from lab.metric_types import Reading
from lab.metrics import CATALOGUE, METRICS, Group, Metric
from lab.record.types import RunInfo
from lab.scenario.compare import Expect
from lab.scenario.expectation import parse_expectation

OPEN_REASONS = (Reason.ACROSS, Reason.METHOD_SENSITIVE, Reason.SMOKE)  # more blocks may settle these
STEADINESS: Mapping[Group, str] = {Group.LATENCY: STEADY_P50.key, Group.CAPACITY: STEADY_THROUGHPUT.key}
OWN_CONDITION_FAILED = LabError.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One metric of one contender against the baseline.

    ``judgement`` is over the valid blocks. A primary has two more: ``originals`` over the valid blocks that are no
    replacements, ``ungated`` over every complete planned block as if no gate existed; both None for exploratory
    metrics. ``Judgement.blocks`` are the run's block numbers. ``unsteady`` are the trials that drifted while they were
    measured. ``settles_at`` estimates how many blocks, all told, would settle an open question.
    """

    metric: str
    arm: str
    judgement: Judgement
    originals: Judgement | None = None
    ungated: Judgement | None = None
    unsteady: tuple[str, ...] = ()
    settles_at: int | None = None

    @property
    def depends_on_blocks(self) -> bool:
        """True when another choice of blocks gives another word."""
        words = {found.verdict for found in (self.judgement, self.originals, self.ungated) if found is not None}
        return self.judgement.verdict is not None and len(words - {None}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One expectation of the scenario and its outcome; ``result.blocks`` are the run's block numbers.

    ``too_few_requests`` are the percentiles in it that some trial has too few requests for: they settle nothing.
    """

    name: str
    result: ExpectationResult
    too_few_requests: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that is claimed of a run. ``primaries`` are in the order of the scenario, then of its arms."""

    baseline: str
    decision: BlockDecision
    primaries: tuple[Contest, ...]
    exploratory: tuple[Contest, ...]
    conditions: tuple[Condition, ...]


def compare_run(summary: RunSummary, floors: Mapping[str, float] | None = None) -> Comparison:
    """Judge a run. ``floors`` are the noise floors of its machine by metric, as fractions; see ``floors_of``."""
    contenders = [arm.name for arm in summary.scenario.arms if arm.name != summary.baseline]
    primaries = summary.scenario.compare.primary
    known = floors or {}
    return Comparison(
        baseline=summary.baseline,
        decision=summary.decision,
        primaries=tuple(_judged(summary, METRICS[key], arm, known.get(key)) for key in primaries for arm in contenders),
        exploratory=tuple(
            _explored(summary, metric, arm, known.get(metric.key))
            for metric in CATALOGUE
            if metric.key not in primaries
            for arm in contenders
        ),
        conditions=tuple(_condition(summary, expect) for expect in summary.scenario.expect),
    )


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

    An invalid run shows nothing, so 3 goes before 1 (DESIGN 4).
    """
    decision = comparison.decision
    if decision.exhausted or not decision.used:
        return InvalidRunError.exit_code
    failing = {Outcome.VIOLATED, Outcome.UNDECIDED} if strict else {Outcome.VIOLATED}
    return OWN_CONDITION_FAILED if any(c.result.outcome in failing for c in comparison.conditions) else 0


def enough_requests(trial: TrialSummary, metric: Metric) -> bool:
    """Whether a trial has the observations that a percentile needs to be judged (METHOD 6.5); true of other metrics."""
    if metric.quantile is None:
        return True
    count = (trial.service if metric.key.startswith("service.") else trial.response).count
    return quantile_eligible(count, metric.quantile).judged


def _judged(summary: RunSummary, metric: Metric, arm: str, floor: float | None) -> Contest:
    decision = summary.decision
    family = metric.group.family
    used, originals, ungated = (
        _judgement(summary, metric, arm, blocks, floor)
        for blocks in (decision.valid_for(family), decision.originals_for(family), decision.ungated)
    )
    return Contest(
        metric=metric.key,
        arm=arm,
        judgement=used,
        originals=originals,
        ungated=ungated,
        unsteady=_unsteady(summary, metric, arm),
        settles_at=_settles_at(summary, used, arm),
    )


def _judgement(summary: RunSummary, metric: Metric, arm: str, blocks: Sequence[int], floor: float | None) -> Judgement:
    compare = summary.scenario.compare
    pair = _pair(summary, metric.key, arm, blocks)
    found = judge(*pair, metric, compare.bound(metric.key), len(compare.primary), floor)
    thin = _thin(summary, metric, (summary.baseline, arm), blocks)
    if thin and found.reason is not Reason.SMOKE:
        verdict = found.verdict and Verdict.INCONCLUSIVE
        return replace(
            found, verdict=verdict, reason=Reason.TOO_FEW_REQUESTS, difference_detected=False, blocks=tuple(thin)
        )
    return replace(found, blocks=_numbers(found.blocks, blocks))


def _explored(summary: RunSummary, metric: Metric, arm: str, floor: float | None) -> Contest:
    used = summary.decision.valid_for(metric.group.family)
    found = explore(*_pair(summary, metric.key, arm, used), metric)
    return Contest(
        metric=metric.key,
        arm=arm,
        judgement=replace(found, blocks=_numbers(found.blocks, used), floor=floor),
        unsteady=_unsteady(summary, metric, arm),
    )


def _pair(
    summary: RunSummary, key: str, arm: str, blocks: Sequence[int]
) -> tuple[list[float | None], list[float | None]]:
    return _series(summary, Reading(key, summary.baseline), blocks), _series(summary, Reading(key, arm), blocks)


def _series(summary: RunSummary, reading: Reading, blocks: Sequence[int]) -> list[float | None]:
    values = summary.metrics[reading].values
    return [values[block] for block in blocks]


def _numbers(places: Sequence[int], blocks: Sequence[int]) -> tuple[int, ...]:
    """Places in a series, counted from 1, as the run's block numbers."""
    return tuple(blocks[place - 1] for place in places)


def _thin(summary: RunSummary, metric: Metric, arms: Sequence[str], blocks: Sequence[int]) -> list[int]:
    """Blocks in which a trial has too few requests to judge this metric."""
    few = {trial.record.block for arm in arms for trial in summary.of_arm(arm) if not enough_requests(trial, metric)}
    return [block for block in blocks if block in few]


def _unsteady(summary: RunSummary, metric: Metric, arm: str) -> tuple[str, ...]:
    kind, valid = STEADINESS.get(metric.group), summary.valid_for(metric.key)
    return tuple(
        trial.record.trial_id
        for trial in summary.trials
        if trial.record.arm in (summary.baseline, arm) and trial.record.block in valid
        if any(finding.key == kind and finding.value is not None for finding in trial.record.findings)
    )


def _settles_at(summary: RunSummary, found: Judgement, arm: str) -> int | None:
    """More blocks than there are, when the blocks so far suggest that these would settle it."""
    if found.reason not in OPEN_REASONS or found.bound is None or found.n < MIN_BLOCKS_TO_ESTIMATE:
        return None
    ratios = log_ratios(*_pair(summary, found.metric, arm, summary.valid_for(found.metric)))
    estimate = settle_estimate(ratios, found.bound, found.level)
    return estimate if estimate is not None and estimate > found.n else None


def _condition(summary: RunSummary, expect: Expect) -> Condition:
    expectation = parse_expectation(expect.that, [arm.name for arm in summary.scenario.arms])
    blocks = summary.decision.valid_for(*families_of(reading.metric for reading in expectation.needs))
    values = {reading: _series(summary, reading, blocks) for reading in expectation.needs}
    thin = {reading: _thin(summary, METRICS[reading.metric], [reading.arm], blocks) for reading in expectation.needs}
    settling = {
        reading: [None if block in thin[reading] else value for block, value in zip(blocks, series, strict=True)]
        for reading, series in values.items()
    }
    result = judge_expectation(expectation, settling)
    return Condition(
        name=expect.name,
        result=replace(result, blocks=_numbers(result.blocks, blocks)),
        too_few_requests=tuple(reading for reading, few in thin.items() if few),
    )
