"""Two groups of runs, one value a run: Welch's interval for the ratio of their geometric means (METHOD 7).

The run is the unit, not the block: boot, build, page cache and neighbours are common to all blocks of a run, and vary
between runs (Kalibera & Jones, ISMM 2013). With as few runs as anybody makes there is no exact interval from ranks;
Welch (1947), Biometrika 34, allows the sides to vary unlike.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lab.analysis.distributions import student
from lab.analysis.judge.decide import place
from lab.analysis.judge.failures import Failures, guard_level
from lab.analysis.judge.intervals import AnalysisError, Ends, Floats, ratio
from lab.analysis.judge.levels import equivalence_level
from lab.analysis.judge.verdict import Judgement, Reason, Verdict, conclude
from lab.metrics import Metric

MIN_RUNS = 3  # a side: with fewer, how much runs vary is hardly known

Values = Sequence[float | None]


def judge_runs(baseline: Values, contender: Values, metric: Metric, bound: float, level: float = 0.95) -> Judgement:
    """Judge as ``verdict.judge`` does, from one value a run. Raises AnalysisError for a senseless bound."""
    if not 0 < bound < math.inf:
        raise AnalysisError(f"{metric.key}: bound must be above 0, got {bound}")
    numbers = replace(explore_runs(baseline, contender, metric, level), bound=bound)
    if numbers.reason is Reason.EXPLORATORY:
        sides = _scaled(baseline, metric), _scaled(contender, metric)
        wide, narrow = welch_limits(*sides, level), welch_limits(*sides, equivalence_level(level))
        edge = bound if metric.paired_difference else math.log1p(bound)
        return conclude(numbers, wide, int(place(wide, narrow, edge)), metric.better)
    return numbers if numbers.n < MIN_RUNS else replace(numbers, verdict=Verdict.INCONCLUSIVE)


def explore_runs(baseline: Values, contender: Values, metric: Metric, level: float = 0.95) -> Judgement:
    """Estimate and interval without a verdict; ``n`` counts the runs of the side that has fewer."""
    n = min(len(baseline), len(contender))
    numbers = Judgement(
        metric=metric.key, verdict=None, reason=Reason.FEW_RUNS, n=n, blocks_needed=MIN_RUNS, level=level
    )
    values = (*baseline, *contender)
    if any(value is None for value in values):
        return replace(numbers, reason=Reason.MISSING)
    if not metric.paired_difference and not all(value is not None and 0 < value < math.inf for value in values):
        return replace(numbers, reason=Reason.NO_RATIO)
    sides = _scaled(baseline, metric), _scaled(contender, metric)
    if n < MIN_RUNS:
        centre = None if metric.paired_difference or not n else ratio(float(np.mean(sides[1]) - np.mean(sides[0])))
        return replace(numbers, estimate=centre)
    numbers = replace(numbers, reason=Reason.EXPLORATORY)
    narrower = equivalence_level(level)
    wide = welch_limits(*sides, level).interval(level, n)
    narrow = welch_limits(*sides, narrower).interval(narrower, n)
    if metric.paired_difference:
        return replace(numbers, difference=wide, equivalence=narrow)
    return replace(numbers, estimate=ratio(wide.estimate), interval=wide.exp(), equivalence=narrow.exp())


def failures_of_runs(baseline: Sequence[float], contender: Sequence[float], contenders: int = 1) -> Failures:
    """Compare the failure shares of runs, as ``failures.failures`` does those of blocks."""
    n = min(len(baseline), len(contender))
    level = guard_level(contenders)
    sides = np.array(baseline, dtype=np.float64), np.array(contender, dtype=np.float64)
    return Failures(
        contender=float(np.mean(sides[1])) if n else math.nan,
        baseline=float(np.mean(sides[0])) if n else math.nan,
        n=n,
        more=welch_limits(*sides, level).interval(level, n) if n >= MIN_RUNS else None,
    )


def welch_limits(baseline: Floats, contender: Floats, level: float) -> Ends:
    """Welch's interval for the difference of means (contender − baseline), unequal variances."""
    parts = [float(np.var(values, ddof=1)) / len(values) for values in (baseline, contender)]
    variance, estimate = sum(parts), float(np.mean(contender) - np.mean(baseline))
    if variance == 0:
        return _limits(estimate, estimate, estimate)
    freedom = variance**2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (baseline, contender), strict=True))
    half_width = student(freedom, (1 + level) / 2) * math.sqrt(variance)
    return _limits(estimate - half_width, estimate, estimate + half_width)


def _limits(low: float, estimate: float, high: float) -> Ends:
    return Ends(low=np.array(low), estimate=np.array(estimate), high=np.array(high))


def _scaled(values: Values, metric: Metric) -> Floats:
    """Shares as they are, everything else as logarithms."""
    plain = np.array(values, dtype=np.float64)
    return plain if metric.paired_difference else np.log(plain)
