"""From blocks to one of four words (METHOD 7): refuse, measure, place the interval, and only then say a word."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from lab.analysis.judge.decide import Decision, Side, decide, excludes_zero
from lab.analysis.judge.intervals import AnalysisError, Ends, Floats, Interval, blocks_needed, hodges_lehmann, ratio
from lab.analysis.judge.levels import equivalence_level, verdict_level
from lab.metrics import Better, Metric

FAR = 1e5  # stands for an infinite log ratio: farther from every finite one than those lie apart, so it ranks last
FINITE_LOG = 2e3  # no two floats have a log ratio beyond this


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
    FAILS_MORE = "fails more requests"  # the failure guard: worse, whatever the value is (failures.py)
    FAILED = "a value lies among failed requests"  # in Judgement.blocks: infinite, so it ranks last
    NO_SUCCESS = "no request succeeded"  # in Judgement.blocks: nothing else of that arm says anything either
    MISSING = "missing value"  # in Judgement.blocks
    NO_RATIO = "no ratio"  # a value in Judgement.blocks is zero or negative, or both are infinite; 0/0 is not 1
    ENDLESS = "no end in either arm"  # in some block: of two values that are infinite no difference is known
    CENSORED = "beyond the ladder"  # in Judgement.blocks: an arm held every rung, or none, so that there is no ratio
    AT_LEAST = "at least that"  # in Judgement.blocks: an arm lay beyond the ladder, which can only add
    LOOK = "a look"  # of a quick form, which may tell a large difference and nothing else
    TOO_FEW_REQUESTS = "too few requests"  # behind a percentile of a trial: shown, not judged (METHOD 6.5)
    CUT = "cut"  # fewer blocks than were planned: numbers only, a run that ends when it pleases proves nothing
    SMOKE = "smoke"  # fewer blocks than the level needs: numbers only
    FEW_RUNS = "few runs"  # fewer runs a side than a comparison of runs needs: numbers only
    EXPLORATORY = "exploratory"  # not a primary metric, or of a control arm: numbers only


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One metric of one contender against the baseline; ``report/`` makes the sentence.

    ``estimate``, ``interval`` (exact Wilcoxon, decides better and worse), ``equivalence`` (its narrower one, decides
    equivalent) and ``cross_check`` (Student's t) are ratios contender ÷ baseline; for a metric that is judged as a
    difference of shares they are None, and ``difference`` and ``equivalence`` are intervals of contender − baseline,
    and ``shift`` is its estimate, also of too few blocks for an interval.
    ``verdict`` is None where only numbers are shown. ``n`` counts blocks, or runs where runs are compared. ``blocks``
    are those that ``reason`` is about, from 1. ``bound`` and ``floor`` are fractions, and the bounds of a ratio 1/(1 +
    bound), 1 + bound. ``difference_detected``: the interval of an inconclusive verdict excludes "no difference". Where
    ``method_sensitive`` Student's gives another word; ``leave_one_out``: estimates without one block.
    """

    metric: str
    verdict: Verdict | None
    reason: Reason
    n: int
    blocks_needed: int
    level: float
    estimate: float | None = None
    interval: Interval | None = None
    equivalence: Interval | None = None
    cross_check: Interval | None = None
    difference: Interval | None = None
    shift: float | None = None
    bound: float | None = None
    floor: float | None = None
    difference_detected: bool = False
    method_sensitive: bool = False
    leave_one_out: tuple[float, float] | None = None
    blocks: tuple[int, ...] = ()

    def numbers_only(self, reason: Reason) -> Judgement:
        """The same numbers without a word, and why."""
        return replace(self, verdict=None, reason=reason, difference_detected=False)

    def overruled(self, verdict: Verdict, reason: Reason, blocks: Sequence[int] = ()) -> Judgement:
        """The same numbers with another word, if they have one at all."""
        word = None if self.verdict is None else verdict
        return replace(self, verdict=word, reason=reason, difference_detected=False, blocks=tuple(blocks))


def judge_family(questions: Sequence[Callable[[float], Judgement]], looks: Sequence[int] = ()) -> tuple[Judgement, ...]:
    """Answer questions that share FAMILY_ERROR, each of which takes its level, by Holm's step-down.

    All are asked at the level of as many as there are; those that are called better or worse leave, and the others are
    asked again at the level of those that remain, until no further one leaves.
    """
    remaining, found = dict(enumerate(questions)), dict[int, Judgement]()
    while remaining:
        level = verdict_level(len(remaining), looks)
        found |= {place: ask(level) for place, ask in remaining.items()}
        open_ = {p: ask for p, ask in remaining.items() if found[p].verdict not in (Verdict.BETTER, Verdict.WORSE)}
        if len(open_) == len(remaining):
            break
        remaining = open_
    return tuple(found[place] for place in range(len(questions)))


def judge(
    baseline: Sequence[float | None],
    contender: Sequence[float | None],
    metric: Metric,
    bound: float,
    level: float = 0.95,
) -> Judgement:
    """Judge one primary metric; values are one a block, in the metric's unit, infinite where a request failed.

    ``bound`` is the fraction of practical equivalence, symmetric as a ratio: 1/(1 + bound) … 1 + bound, so that
    swapping the arms mirrors the verdict exactly. Raises AnalysisError for unequal numbers of blocks and senseless
    arguments; values that allow no verdict give a Judgement that says why.
    """
    if not 0 < bound < math.inf:
        raise AnalysisError(f"{metric.key}: bound must be above 0, got {bound}")
    numbers, logs, decision = _looked_at(baseline, contender, metric, level, math.log1p(bound))
    numbers = replace(numbers, bound=bound)
    if decision is None:
        return numbers if numbers.n < numbers.blocks_needed else replace(numbers, verdict=Verdict.INCONCLUSIVE)
    worded = conclude(numbers, decision.wide, int(decision.place), metric.better)
    if numbers.blocks:
        return replace(worded, reason=Reason.FAILED)
    left_out = doubt(decision, logs)
    return replace(
        worded, method_sensitive=bool(left_out), leave_one_out=left_out and (ratio(left_out[0]), ratio(left_out[1]))
    )


def explore(
    baseline: Sequence[float | None], contender: Sequence[float | None], metric: Metric, level: float = 0.95
) -> Judgement:
    """Estimate and intervals without a verdict: for metrics that were not declared primary (METHOD 7)."""
    return _looked_at(baseline, contender, metric, level, 0.0)[0]


def _looked_at(
    baseline: Sequence[float | None], contender: Sequence[float | None], metric: Metric, level: float, edge: float
) -> tuple[Judgement, Floats, Decision | None]:
    """The numbers, the log ratios, and how they are decided; no decision where there is no interval."""
    if len(baseline) != len(contender):
        raise AnalysisError(
            f"{metric.key}: incomplete blocks, {len(baseline)} values of the baseline and {len(contender)} of the "
            "contender",
            hint="a block counts only with one trial of every arm: resume the run, or report its complete blocks",
        )
    pairs, needed, none = list(zip(baseline, contender, strict=True)), blocks_needed(level), np.empty(0)
    numbers = Judgement(
        metric=metric.key, verdict=None, reason=Reason.SMOKE, n=len(pairs), blocks_needed=needed, level=level
    )
    for reason, unusable in ((Reason.MISSING, _is_missing), (Reason.NO_RATIO, _has_no_ratio)):
        if blocks := _blocks_where(unusable, pairs):
            return replace(numbers, reason=reason, blocks=blocks), none, None
    if not pairs:
        return numbers, none, None
    logs = np.array(log_ratios(baseline, contender))
    failed = _blocks_where(lambda pair: math.inf in pair, pairs)
    if numbers.n < needed:
        reason, estimate = Reason.FAILED if failed else Reason.SMOKE, _finite(hodges_lehmann(logs.tolist()))
        return replace(numbers, reason=reason, estimate=estimate, blocks=failed), logs, None
    decision = decide(logs, edge, level)
    reason = Reason.FAILED if failed else Reason.EXPLORATORY
    return replace(_measured(numbers, decision), reason=reason, blocks=failed), logs, decision


def log_ratios(baseline: Sequence[float | None], contender: Sequence[float | None]) -> tuple[float, ...]:
    """ln(contender ÷ baseline) of each block, as a difference of logarithms so that no quotient overflows.

    ±FAR where one of the two is infinite: that arm ranks last.
    """
    if any(_is_missing(pair) or _has_no_ratio(pair) for pair in zip(baseline, contender, strict=True)):
        raise AnalysisError("a ratio needs two values above zero in every block, one of them finite")
    return tuple(
        max(-FAR, min(FAR, math.log(c) - math.log(b)))
        for b, c in zip(baseline, contender, strict=True)
        if b is not None and c is not None
    )


def conclude(numbers: Judgement, wide: Ends, place: int, better: Better) -> Judgement:
    """``numbers`` with the word of the ``place`` at which their intervals lie, of which ``wide`` is the wider."""
    if place == Side.ACROSS:
        detected = excludes_zero(wide)
        return replace(numbers, verdict=Verdict.INCONCLUSIVE, reason=Reason.ACROSS, difference_detected=detected)
    if place == Side.INSIDE:
        return replace(numbers, verdict=Verdict.EQUIVALENT, reason=Reason.INSIDE)
    improved = place == (Side.BELOW if better is Better.LOWER else Side.ABOVE)
    return replace(numbers, verdict=Verdict.BETTER if improved else Verdict.WORSE, reason=Reason.BEYOND)


def doubt(decision: Decision, values: Floats) -> tuple[float, float] | None:
    """The range of the estimates without one of the values, where Student's interval gives another word; else None."""
    if decision.place == decision.student_place:
        return None
    estimates = [hodges_lehmann(np.delete(values, place).tolist()) for place in range(len(values))]
    return min(estimates), max(estimates)


def _measured(numbers: Judgement, decision: Decision) -> Judgement:
    """The intervals of log ratios as ratios; an end that lies among the failed requests has no number."""
    narrower = equivalence_level(numbers.level)
    return replace(
        numbers,
        estimate=_finite(float(decision.wide.estimate)),
        interval=_ratios(decision.wide, numbers.level, numbers.n),
        equivalence=_ratios(decision.narrow, narrower, numbers.n),
        cross_check=_ratios(decision.student, numbers.level, numbers.n),
    )


def _ratios(limits: Ends, level: float, n: int) -> Interval | None:
    found = limits.interval(level, n)
    return found.exp() if max(map(abs, (found.low, found.high, found.estimate))) < FINITE_LOG else None


def _finite(log_ratio: float) -> float | None:
    return ratio(log_ratio) if abs(log_ratio) < FINITE_LOG else None


Pair = tuple[float | None, float | None]


def _blocks_where(selects: Callable[[Pair], bool], pairs: Sequence[Pair]) -> tuple[int, ...]:
    return tuple(block for block, pair in enumerate(pairs, 1) if selects(pair))


def _is_missing(pair: Pair) -> bool:
    return None in pair


def _has_no_ratio(pair: Pair) -> bool:
    """A value that is not above zero, or two that are infinite."""
    return not all(value is not None and value > 0 for value in pair) or pair == (math.inf, math.inf)
