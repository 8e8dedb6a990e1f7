"""Two independent groups of blocks: the exact Mann–Whitney interval around the Hodges–Lehmann shift, Welch beside it.

On logarithms, as the paired intervals are. Sources: Mann & Whitney (1947), Ann. Math. Statist. 18; Hollander, Wolfe &
Chicken, Nonparametric Statistical Methods (2014), section 4.3; Welch (1947), Biometrika 34.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from scipy.special import stdtrit

from lab.analysis.judge.intervals import AnalysisError, Floats, Limits, blocks_needed, ratio
from lab.analysis.judge.verdict import Judgement, Reason, Verdict, conclude, verdict_level
from lab.metrics import Metric


def judge_unpaired(
    baseline: Sequence[float | None],
    contender: Sequence[float | None],
    metric: Metric,
    bound: float,
    primaries: int,
    floor: float | None = None,
) -> Judgement:
    """As ``verdict.judge``, for blocks that do not pair up. Raises AnalysisError for senseless arguments."""
    if not 0 < bound < math.inf or (floor is not None and not 0 <= floor < math.inf):
        raise AnalysisError(f"{metric.key}: bound must be above 0 and floor not below, got {bound} and {floor}")
    level = verdict_level(primaries)
    numbers = replace(explore_unpaired(baseline, contender, metric, level), bound=bound, floor=floor)
    if numbers.reason is Reason.EXPLORATORY:
        logs = _logs(baseline), _logs(contender)
        return conclude(numbers, mann_whitney_limits(*logs, level), welch_limits(*logs, level), metric.better)
    return numbers if numbers.n < numbers.blocks_needed else replace(numbers, verdict=Verdict.INCONCLUSIVE)


def explore_unpaired(
    baseline: Sequence[float | None], contender: Sequence[float | None], metric: Metric, level: float = 0.95
) -> Judgement:
    """Estimate and intervals without a verdict; ``n`` counts the blocks of the run that has fewer.

    Each run needs as many blocks as a paired verdict takes (METHOD 6.2): weaker evidence must not be cheaper.
    """
    sizes = len(baseline), len(contender)
    needed = blocks_needed(level)
    numbers = Judgement(
        metric=metric.key, verdict=None, reason=Reason.SMOKE, n=min(sizes), blocks_needed=needed, level=level
    )
    values = (*baseline, *contender)
    if any(value is None for value in values):
        return replace(numbers, reason=Reason.MISSING)
    if not all(value is not None and 0 < value < math.inf for value in values):
        return replace(numbers, reason=Reason.NO_RATIO)
    if not all(sizes):
        return numbers
    logs = _logs(baseline), _logs(contender)
    if numbers.n < needed:
        return replace(numbers, estimate=ratio(float(np.median(_shifts(*logs)))))
    exact = mann_whitney_limits(*logs, level).interval(level, min(sizes)).exp()
    cross_check = welch_limits(*logs, level).interval(level, min(sizes)).exp()
    return replace(numbers, reason=Reason.EXPLORATORY, estimate=exact.estimate, interval=exact, cross_check=cross_check)


def mann_whitney_limits(baseline: Floats, contender: Floats, level: float) -> Limits:
    """All shifts (contender − baseline) that the exact two-sided test does not reject, and the Hodges–Lehmann shift.

    Ends are included and ties get no correction, so that the coverage is ``level`` or more. Raises AnalysisError where
    even the full range would not reach ``level``.
    """
    depth = mann_whitney_depth(len(baseline), len(contender), level)
    if depth == 0:
        raise AnalysisError(f"{len(baseline)} and {len(contender)} blocks cannot give an interval at {level:.4g}")
    shifts = _shifts(baseline, contender)
    return _limits(shifts[depth - 1], np.median(shifts), shifts[-depth])


def welch_limits(baseline: Floats, contender: Floats, level: float) -> Limits:
    """Welch's interval for the difference of means, unequal variances (Welch)."""
    parts = [float(np.var(values, ddof=1)) / len(values) for values in (baseline, contender)]
    variance, estimate = sum(parts), float(np.mean(contender) - np.mean(baseline))
    if variance == 0:
        return _limits(estimate, estimate, estimate)
    freedom = variance**2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (baseline, contender), strict=True))
    half_width = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(variance)
    return _limits(estimate - half_width, estimate, estimate + half_width)


@cache
def mann_whitney_depth(m: int, n: int, level: float) -> int:
    """Which ordered difference, counted from either end, bounds the interval; 0 where none reaches ``level``."""
    if min(m, n) < 2:
        return 0
    return int(np.searchsorted(2 * np.cumsum(mann_whitney_distribution(m, n)), 1 - level, side="right"))


@cache
def mann_whitney_distribution(m: int, n: int) -> Floats:
    """P(U = u), u = 0 … mn, when all orders of m + n values are equally likely.

    Mann and Whitney's own recurrence over the origin of the largest value: it only adds, so nothing is cancelled.
    """
    row = [np.ones(1)] * (n + 1)
    for i in range(1, m + 1):
        longer = [np.ones(1)]
        for j in range(1, n + 1):
            probabilities = np.zeros(i * j + 1)
            probabilities[j:] += i / (i + j) * row[j]
            probabilities[: i * (j - 1) + 1] += j / (i + j) * longer[j - 1]
            longer.append(probabilities)
        row = longer
    row[n].flags.writeable = False  # the cache hands the same array to everyone
    return row[n]


def _limits(low: float, estimate: float, high: float) -> Limits:
    return Limits(low=np.array(low), estimate=np.array(estimate), high=np.array(high))


def _shifts(baseline: Floats, contender: Floats) -> Floats:
    return np.sort(np.subtract.outer(contender, baseline), axis=None)


def _logs(values: Sequence[float | None]) -> Floats:
    return np.log(np.array(values, dtype=np.float64))
