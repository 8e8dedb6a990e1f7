"""At which level an interval decides: the error is shared among the judged intervals and among the looks (METHOD 6, 7).

Sources: Holm (1979), Scand. J. Statist. 6; Pocock (1977), Biometrika 64; Armitage, McPherson & Rowe (1969), JRSS A 132.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from lab.analysis.distributions import NORMAL
from lab.analysis.judge.intervals import AnalysisError, Floats, blocks_needed

FAMILY_ERROR = 0.05  # chance of any wrong better/worse over all judged intervals and looks together (METHOD 7)
GRID = 401  # points of the integration over one look: the level is exact to six digits
HALVINGS = 40


def verdict_level(intervals: int, looks: Sequence[int] = ()) -> float:
    """The level of each interval when ``intervals`` of them share FAMILY_ERROR; ``looks``: at each of them."""
    if intervals < 1:
        raise AnalysisError(f"a verdict is one of at least one judged interval, got {intervals}")
    return 1 - nominal_error(FAMILY_ERROR / intervals, tuple(looks))


def equivalence_level(level: float) -> float:
    """The level of the interval that must lie inside the bounds: two one-sided tests at 1 − ``level`` (Schuirmann)."""
    return round(2 * level - 1, 12)


def verdict_blocks(intervals: int, looks: Sequence[int] = ()) -> int:
    """The least number of blocks for a verdict: 6 for one judged interval, 7 for two, 8 for four."""
    return blocks_needed(verdict_level(intervals, looks))


@cache
def nominal_error(error: float, looks: tuple[int, ...]) -> float:
    """The two-sided error of one look, so that all ``looks`` (numbers of blocks) together have ``error`` or less.

    Pocock's constant, which takes the looks for equally spaced: 0.0182 for four looks and an error of 0.05. Where the
    declared numbers of blocks lie so that this would be too much, the level is that of the declared ones.
    """
    if len(looks) < 2:
        return error
    even = tuple(range(1, len(looks) + 1))
    return min(_pocock(error, even), _pocock(error, looks))


def _pocock(error: float, looks: tuple[int, ...]) -> float:
    low, high = error / len(looks), error
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if crossing(middle, looks) > error else (middle, high)
    return low


def crossing(nominal: float, looks: Sequence[int]) -> float:
    """The chance that the mean of pure normal noise is beyond the two-sided ``nominal`` limit at a look or more."""
    edge = -NORMAL.inv_cdf(nominal / 2)
    inside: Floats | None = None
    sums = np.zeros(1)
    for before, n in zip((0, *looks), looks, strict=False):
        to = np.linspace(-edge * math.sqrt(n), edge * math.sqrt(n), GRID)
        more = n - before
        step = np.exp(-((to[:, None] - sums[None, :]) ** 2) / (2 * more)) / math.sqrt(2 * math.pi * more)
        inside = step @ (np.ones(1) if inside is None else _weights(sums) * inside)
        sums = to
    return 0.0 if inside is None else 1 - float(_weights(sums) @ inside)


def _weights(points: Floats) -> Floats:
    """Of Simpson's rule on an odd number of evenly spaced points."""
    weights = np.full(len(points), 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return weights * float(points[1] - points[0]) / 3
