"""How many blocks settle a question, and how small a difference a machine can show: planning, never evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from lab.analysis.judge.intervals import (
    AnalysisError,
    TooFewBlocksError,
    attained_level,
    blocks_needed,
    hodges_lehmann,
    ratio,
    t_quantile,
    wilcoxon_interval,
)

SETTLE_CHANCE = 0.8  # the usual power of a planned experiment: Cohen (1988), section 2.4
MIN_BLOCKS_TO_ESTIMATE = 4  # METHOD 6.2
MAX_BLOCKS = 1000  # the most a scenario may ask for: a question that takes more is not settled at this rate
COARSE_BELOW = 30  # up to here the exact interval's true level is noticeably above the nominal one
WIDER_THAN_T = math.sqrt(math.pi / 3)  # signed-rank against t for normal noise: Hollander et al. (2014), section 3.11


def settle_estimate(log_ratios: Sequence[float], bound: float, level: float) -> int | None:
    """In how many blocks, all told, the verdict would be other than inconclusive with a chance of SETTLE_CHANCE.

    Takes centre and spread of the blocks so far as if they were the truth; None means never at this rate: the effect
    lies too close to a bound for MAX_BLOCKS. Raises TooFewBlocksError below MIN_BLOCKS_TO_ESTIMATE.
    """
    if len(log_ratios) < MIN_BLOCKS_TO_ESTIMATE:
        raise TooFewBlocksError(len(log_ratios), MIN_BLOCKS_TO_ESTIMATE, level)
    effect, edge = abs(hodges_lehmann(log_ratios)), math.log1p(bound)
    spread = float(np.std(log_ratios, ddof=1))
    # inside the bounds a draw can go wrong on either side
    chance = SETTLE_CHANCE if effect > edge else (1 + SETTLE_CHANCE) / 2
    planned = range(blocks_needed(level), MAX_BLOCKS + 1)
    return next((n for n in planned if _reach(spread, n, level, chance) < abs(effect - edge)), None)


def smallest_detectable(log_ratio_sd: float, n: int, level: float, bound: float = 0.0) -> float:
    """The smallest true difference, as a fraction, that n blocks call better or worse with SETTLE_CHANCE.

    With ``bound`` 0: the smallest that they tell from no difference at all.
    """
    if n < blocks_needed(level):
        raise TooFewBlocksError(n, blocks_needed(level), level)
    return ratio(math.log1p(bound) + _reach(log_ratio_sd, n, level, SETTLE_CHANCE)) - 1


def noise_floor(log_ratios: Sequence[float], level: float) -> float:
    """The largest difference between an arm and itself, as a fraction, that an A/A run does not rule out."""
    interval = wilcoxon_interval(log_ratios, level)
    return ratio(max(abs(interval.low), abs(interval.high))) - 1


def _reach(spread: float, n: int, level: float, chance: float) -> float:
    """How far from a bound the truth must lie (log scale): half an interval, and a draw as bad as ``chance`` allows."""
    if not 0 <= spread < math.inf:
        raise AnalysisError(f"a spread is a finite number not below zero, got {spread}")
    half_interval = t_quantile(n, attained_level(n, level) if n <= COARSE_BELOW else level)
    return (half_interval + float(ndtri(chance))) * WIDER_THAN_T * spread / math.sqrt(n)
