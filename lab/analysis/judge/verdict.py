"""From blocks to one of four words (METHOD 7): refuse, measure, place both intervals, and only then say a word."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judge.intervals import (
    AnalysisError,
    Floats,
    Interval,
    Limits,
    blocks_needed,
    hodges_lehmann,
    ratio,
    t_interval,
    t_limits,
    wilcoxon_interval,
    wilcoxon_limits,
)
from lab.metrics import Better, Metric

FAMILY_ERROR = 0.05  # chance of a wrong better/worse over all primaries together (METHOD 7)
DECIMALS = 12  # log ratios nearer to a bound than this lie on it: the noise of arithmetic decides no verdict

Places = NDArray[np.int8]


class Verdict(StrEnum):
    """What is claimed of the contender against the baseline on one primary metric; there is no fifth word."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


class Reason(StrEnum):
    """Why the verdict is what it is, or why there is none."""

    BEYOND = "interval beyond the bound"
    INSIDE = "interval inside the bounds"
    ACROSS = "interval across a bound"
    METHOD_SENSITIVE = "method-sensitive"  # Wilcoxon and t lead to different verdicts
    BELOW_FLOOR = "below the noise floor"
    MISSING = "missing value"  # in Judgement.blocks
    NO_RATIO = "no ratio"  # a value in Judgement.blocks is zero, negative or not finite; 0/0 is not 1
    TOO_FEW_REQUESTS = "too few requests"  # behind a percentile of a trial: shown, not judged (METHOD 6.5)
    SMOKE = "smoke"  # fewer blocks than the level needs: numbers only
    EXPLORATORY = "exploratory"  # not a primary metric: numbers only


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One metric of one contender against the baseline; ``report/`` makes the sentence.

    ``estimate``, ``interval`` (exact Wilcoxon, decides) and ``cross_check`` (Student's t) are ratios contender ÷
    baseline. ``verdict`` is None where only numbers are shown: below ``blocks_needed`` (smoke), or exploratory.
    ``blocks`` are the numbers, from 1, of the blocks without a usable ratio. ``bound`` and ``floor`` are fractions;
    the bounds are 1/(1 + bound) and 1 + bound. ``difference_detected`` marks an inconclusive verdict whose intervals
    both exclude 1 on the same side, by an estimate not below the floor: "difference detected, size uncertain".
    """

    metric: str
    verdict: Verdict | None
    reason: Reason
    n: int
    blocks_needed: int
    level: float
    estimate: float | None = None
    interval: Interval | None = None
    cross_check: Interval | None = None
    bound: float | None = None
    floor: float | None = None
    difference_detected: bool = False
    blocks: tuple[int, ...] = ()

    @property
    def method_sensitive(self) -> bool:
        """True when the two intervals lead to different verdicts."""
        return self.reason is Reason.METHOD_SENSITIVE


class Place(IntEnum):
    """Where an interval of ratios lies relative to the two bounds of practical equivalence."""

    BELOW = -1
    INSIDE = 0
    ABOVE = 1
    ACROSS = 2


class Decision(NamedTuple):
    """Both intervals (log ratios) and their places, for arrays of comparisons of shape ``(...)``."""

    wilcoxon: Limits
    student: Limits
    wilcoxon_place: Places
    student_place: Places

    @property
    def agreed(self) -> Places:
        """The common place; ACROSS where the methods differ."""
        return np.where(self.wilcoxon_place == self.student_place, self.wilcoxon_place, np.int8(Place.ACROSS))


def judge(
    baseline: Sequence[float | None],
    contender: Sequence[float | None],
    metric: Metric,
    bound: float,
    primaries: int,
    floor: float | None = None,
) -> Judgement:
    """The verdict on one of ``primaries`` primary metrics; values are one a block, in the metric's unit.

    ``bound`` is the fraction of practical equivalence, symmetric as a ratio: 1/(1 + bound) … 1 + bound, so that
    swapping the arms mirrors the verdict exactly. ``floor`` is the fraction by which an arm differs from itself on
    this machine (A/A): a smaller effect is neither better nor worse. Raises AnalysisError for unequal numbers of
    blocks and senseless arguments; values that allow no verdict give a Judgement that says why.
    """
    if not 0 < bound < math.inf or (floor is not None and not 0 <= floor < math.inf):
        raise AnalysisError(f"{metric.key}: bound must be above 0 and floor not below, got {bound} and {floor}")
    level = verdict_level(primaries)
    numbers = replace(explore(baseline, contender, metric, level), bound=bound, floor=floor)
    if numbers.reason is Reason.EXPLORATORY:
        ratios = np.array(log_ratios(baseline, contender))
        return conclude(numbers, wilcoxon_limits(ratios, level), t_limits(ratios, level), metric.better)
    return numbers if numbers.n < numbers.blocks_needed else replace(numbers, verdict=Verdict.INCONCLUSIVE)


def explore(
    baseline: Sequence[float | None], contender: Sequence[float | None], metric: Metric, level: float = 0.95
) -> Judgement:
    """Estimate and intervals without a verdict: for metrics that were not declared primary (METHOD 7)."""
    if len(baseline) != len(contender):
        raise AnalysisError(
            f"{metric.key}: incomplete blocks, {len(baseline)} values of the baseline and {len(contender)} of the "
            "contender",
            hint="a block counts only with one trial of every arm: resume the run, or report its complete blocks",
        )
    missing = _blocks_where(lambda value: value is None, baseline, contender)
    without_log = _blocks_where(_has_no_log, baseline, contender)
    needed = blocks_needed(level)
    numbers = Judgement(
        metric=metric.key, verdict=None, reason=Reason.SMOKE, n=len(baseline), blocks_needed=needed, level=level
    )
    if missing or without_log:
        return replace(numbers, reason=Reason.MISSING if missing else Reason.NO_RATIO, blocks=missing or without_log)
    if not baseline:
        return numbers
    ratios = log_ratios(baseline, contender)
    if numbers.n < needed:
        return replace(numbers, estimate=ratio(hodges_lehmann(ratios)))
    interval = wilcoxon_interval(ratios, level).exp()
    return replace(
        numbers,
        reason=Reason.EXPLORATORY,
        estimate=interval.estimate,
        interval=interval,
        cross_check=t_interval(ratios, level).exp(),
    )


def log_ratios(baseline: Sequence[float | None], contender: Sequence[float | None]) -> tuple[float, ...]:
    """ln(contender ÷ baseline) of each block, as a difference of logarithms so that no quotient overflows."""
    if any(map(_has_no_log, (*baseline, *contender))):
        raise AnalysisError("a ratio needs two values above zero in every block")
    return tuple(
        math.log(c) - math.log(b) for b, c in zip(baseline, contender, strict=True) if b is not None and c is not None
    )


def verdict_level(primaries: int) -> float:
    """The level of each interval when ``primaries`` verdicts share FAMILY_ERROR (Bonferroni)."""
    if primaries < 1:
        raise AnalysisError(f"a verdict is one of at least one primary metric, got {primaries}")
    return 1 - FAMILY_ERROR / primaries


def decide(ratios: Floats, bound: float, level: float) -> Decision:
    """The core of ``judge`` for many comparisons at once: log ratios of shape ``(..., n)``, n blocks each."""
    return _placed(wilcoxon_limits(ratios, level), t_limits(ratios, level), bound)


def conclude(numbers: Judgement, exact: Limits, cross_check: Limits, better: Better) -> Judgement:
    """``numbers`` with the word that both intervals (log ratios) give it; its ``bound`` and ``floor`` are respected."""
    if numbers.bound is None:
        raise AnalysisError(f"{numbers.metric}: no verdict without a bound of practical equivalence")
    return _with_verdict(numbers, _placed(exact, cross_check, numbers.bound), better)


def _placed(exact: Limits, cross_check: Limits, bound: float) -> Decision:
    return Decision(exact, cross_check, _place(exact, bound), _place(cross_check, bound))


def _place(limits: Limits, bound: float) -> Places:
    edge = round(math.log1p(bound), DECIMALS)
    low, high = np.round(limits.low, DECIMALS), np.round(limits.high, DECIMALS)
    conditions = [high < -edge, low > edge, (low >= -edge) & (high <= edge)]
    return np.select(conditions, [Place.BELOW, Place.ABOVE, Place.INSIDE], Place.ACROSS).astype(np.int8)


def _with_verdict(numbers: Judgement, decision: Decision, better: Better) -> Judgement:
    """The words for one decision. A floor above the effect takes ``better`` and ``worse`` back."""
    place = Place(int(decision.agreed))
    effect = round(abs(float(decision.wilcoxon.estimate)), DECIMALS)
    audible = numbers.floor is None or effect >= round(math.log1p(numbers.floor), DECIMALS)
    if decision.wilcoxon_place != decision.student_place:
        verdict, reason = Verdict.INCONCLUSIVE, Reason.METHOD_SENSITIVE
    elif place is Place.ACROSS:
        verdict, reason = Verdict.INCONCLUSIVE, Reason.ACROSS
    elif place is Place.INSIDE:
        verdict, reason = Verdict.EQUIVALENT, Reason.INSIDE
    elif not audible:
        verdict, reason = Verdict.INCONCLUSIVE, Reason.BELOW_FLOOR
    else:
        improved = place is (Place.BELOW if better is Better.LOWER else Place.ABOVE)
        verdict, reason = Verdict.BETTER if improved else Verdict.WORSE, Reason.BEYOND
    detected = verdict is Verdict.INCONCLUSIVE and audible and _same_side_of_one(decision)
    return replace(numbers, verdict=verdict, reason=reason, difference_detected=detected)


def _same_side_of_one(decision: Decision) -> bool:
    low = min(float(decision.wilcoxon.low), float(decision.student.low))
    high = max(float(decision.wilcoxon.high), float(decision.student.high))
    return round(low, DECIMALS) > 0 or round(high, DECIMALS) < 0


def _blocks_where(
    unusable: Callable[[float | None], bool], baseline: Sequence[float | None], contender: Sequence[float | None]
) -> tuple[int, ...]:
    pairs = enumerate(zip(baseline, contender, strict=True), 1)
    return tuple(block for block, pair in pairs if any(map(unusable, pair)))


def _has_no_log(value: float | None) -> bool:
    return value is None or not 0 < value < math.inf
