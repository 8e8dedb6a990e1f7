"""Intervals over blocks: exact Wilcoxon signed-rank around Hodges–Lehmann, and Student's t as its cross-check.

One implementation serves a single comparison and a simulation of thousands: ``*_limits`` take arrays of shape
``(..., n)``, n blocks along the last axis, on any additive scale (log ratios, differences). Source: Hodges & Lehmann
(1963), Ann. Math. Statist. 34; Hollander, Wolfe & Chicken, Nonparametric Statistical Methods (2014), section 3.3.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lab.analysis.distributions import student
from lab.errors import InvalidRunError

Floats = NDArray[np.float64]
LARGEST_LOG = math.log(sys.float_info.max)


class AnalysisError(InvalidRunError):
    """The values handed to the statistics cannot be judged: they refuse rather than guess."""


class TooFewBlocksError(AnalysisError):
    """No interval of the wanted level exists with so few blocks; ``needed`` says how many it takes."""

    def __init__(self, n: int, needed: int, level: float) -> None:
        super().__init__(
            f"{n} blocks cannot give an interval at the level {level:.4g}: it takes {needed}",
            hint=f"run at least {needed} blocks",
        )
        self.needed = needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval of nominal ``level`` around ``estimate`` from ``n`` blocks, ends included.

    An end that nothing bounds is infinite.
    """

    low: float
    high: float
    estimate: float
    level: float
    n: int

    @property
    def only_end(self) -> float | None:
        """The end that bounds the truth, where the other one bounds nothing; None where both do."""
        return self.high if math.isinf(self.low) else self.low if math.isinf(self.high) else None

    def at_least(self) -> Interval:
        """The same around a ratio of which the truth may lie farther from 1: no end is known there."""
        return replace(self, low=-math.inf) if self.estimate < 1 else replace(self, high=math.inf)

    def exp(self) -> Interval:
        """The interval of log ratios as an interval of ratios."""
        return replace(self, low=ratio(self.low), high=ratio(self.high), estimate=ratio(self.estimate))


class Ends(NamedTuple):
    """Interval ends and estimates for many comparisons at once, each of shape ``(...)``."""

    low: Floats
    estimate: Floats
    high: Floats

    def interval(self, level: float, n: int) -> Interval:
        """The one interval that these limits hold (0-dimensional arrays)."""
        return Interval(low=float(self.low), high=float(self.high), estimate=float(self.estimate), level=level, n=n)


def ratio(log_ratio: float) -> float:
    """exp, which stops at the largest float instead of overflowing."""
    return math.exp(min(log_ratio, LARGEST_LOG))


def hodges_lehmann(values: Sequence[float]) -> float:
    """The pseudo-median: median of the averages of all pairs, each value paired with itself as well."""
    return float(np.median(_walsh_averages(_checked(values))))


def wilcoxon_interval(values: Sequence[float], level: float) -> Interval:
    """The exact Wilcoxon interval of one comparison, on the scale of ``values``. See ``wilcoxon_limits``."""
    return wilcoxon_limits(_checked(values), level).interval(level, len(values))


def wilcoxon_limits(values: Floats, level: float) -> Ends:
    """All centres that the exact two-sided signed-rank test at 1 − ``level`` does not reject, and Hodges–Lehmann.

    Valid for values symmetric about their centre, as log ratios of exchangeable arms are. Ties and zeros get no
    correction: they are ordinary values, and with the ends included the coverage is then ``level`` or more.
    Raises TooFewBlocksError where even the full range of the values would not reach ``level``.
    """
    return wilcoxon_limits_at(values, (level,))[0]


def wilcoxon_limits_at(values: Floats, levels: Sequence[float]) -> tuple[Ends, ...]:
    """``wilcoxon_limits`` at several levels, from one sorting."""
    n = values.shape[-1]
    walsh = np.sort(_walsh_averages(values), axis=-1)
    middle = walsh.shape[-1] // 2
    estimate = walsh[..., middle] if walsh.shape[-1] % 2 else (walsh[..., middle - 1] + walsh[..., middle]) / 2
    depths = [critical_depth(n, level) for level in levels]
    if 0 in depths:
        level = levels[depths.index(0)]
        raise TooFewBlocksError(n, blocks_needed(level), level)
    return tuple(Ends(low=walsh[..., depth - 1], estimate=estimate, high=walsh[..., -depth]) for depth in depths)


def t_limits(values: Floats, level: float) -> Ends:
    """Mean ± t · sd / √n. Raises TooFewBlocksError below two values."""
    n = values.shape[-1]
    if n < 2:
        raise TooFewBlocksError(n, 2, level)
    mean = np.mean(values, axis=-1)
    half_width = t_quantile(n, level) * np.std(values, axis=-1, ddof=1) / np.sqrt(n)
    return Ends(low=mean - half_width, estimate=mean, high=mean + half_width)


def t_quantile(n: int, level: float) -> float:
    """The two-sided Student quantile for the mean of n values."""
    return student(n - 1, (1 + level) / 2)


def blocks_needed(level: float) -> int:
    """The least number of blocks whose exact interval reaches ``level``: 6 for 0.95, 8 for 0.9875.

    Even when all n blocks point the same way, the two-sided p-value is 2 / 2**n.
    """
    if not 0 < level < 1:
        raise AnalysisError(f"a confidence level lies between 0 and 1, got {level:g}")
    n = 1
    while 2.0 ** (1 - n) > 1 - level:
        n += 1
    return n


@cache
def critical_depth(n: int, level: float) -> int:
    """Which Walsh average, counted from either end, bounds the interval; 0 where none reaches ``level``.

    The tabulated critical value of the signed-rank test is this depth − 1.
    """
    if n < blocks_needed(level):
        return 0
    return int(np.searchsorted(2 * np.cumsum(signed_rank_distribution(n)), 1 - level, side="right"))


def attained_level(n: int, level: float) -> float:
    """The true coverage of the exact interval, at least ``level``: W is discrete, so it can rarely be equal."""
    depth = critical_depth(n, level)
    if depth == 0:
        raise TooFewBlocksError(n, blocks_needed(level), level)
    return 1 - 2 * float(np.sum(signed_rank_distribution(n)[:depth]))


@cache
def signed_rank_distribution(n: int) -> Floats:
    """P(W = w) for w = 0 … n(n+1)/2 when each of the ranks 1 … n is in the sum W with probability one half.

    Adds one rank at a time; multiples of 2**-n, so exact in floating point up to n = 53 and to 1e-12 beyond.
    """
    probabilities = np.zeros(n * (n + 1) // 2 + 1)
    probabilities[0] = 1.0
    for rank in range(1, n + 1):
        with_rank = np.zeros_like(probabilities)
        with_rank[rank:] = probabilities[:-rank]
        probabilities = (probabilities + with_rank) / 2
    probabilities.flags.writeable = False  # the cache hands the same array to everyone
    return probabilities


def _walsh_averages(values: Floats) -> Floats:
    """(x_i + x_j) / 2 for all i ≤ j: shape (..., n) → (..., n(n+1)/2)."""
    first, second = _pairs(values.shape[-1])
    half = values / 2  # halved first, so that the sum of two large values stays finite
    return half[..., first] + half[..., second]


_pairs = cache(np.triu_indices)  # of places i ≤ j: making them takes longer than their averages


def _checked(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.all(np.isfinite(array)):
        raise AnalysisError("an interval needs one finite value for each block, and at least one block")
    return array
