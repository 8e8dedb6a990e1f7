"""How many blocks settle a question, and how small a difference a machine can show: planning, never evidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from lab.analysis.distributions import NORMAL
from lab.analysis.judge.intervals import (
    AnalysisError,
    Floats,
    TooFewBlocksError,
    attained_level,
    blocks_needed,
    ratio,
    t_quantile,
    wilcoxon_interval,
)
from lab.analysis.judge.levels import equivalence_level

SETTLE_CHANCE = 0.8  # the usual power of a planned experiment: Cohen (1988), section 2.4
MIN_BLOCKS_TO_ESTIMATE = 4  # METHOD 6.2
MAX_BLOCKS = 1000  # the most a scenario may ask for: a question that takes more is not settled at this rate
COARSE_BELOW = 30  # up to here the exact interval's true level is noticeably above the nominal one
WIDER_THAN_T = math.sqrt(math.pi / 3)  # signed-rank against t for normal noise: Hollander et al. (2014), section 3.11
DRAWS = 2000  # truths that the blocks so far allow
SEED = 20261128
RANGE = (0.1, 0.9)  # of those truths


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How many blocks, all told, would settle a question with SETTLE_CHANCE, over all truths that the blocks allow.

    From the 10% to the 90% quantile of those truths; ``high`` is None where that takes more than MAX_BLOCKS, ``low``
    too where nothing is likely to settle it. ``never`` is the share of the truths that lie too near to a bound.
    """

    low: int | None
    high: int | None
    never: float


def outlook(values: Sequence[float], edge: float, level: float, least: int = 0) -> Outlook:
    """Predict from the blocks so far, differences or log ratios, between the bounds −``edge`` and ``edge``.

    No answer is below ``least``. Centre and spread are not known, so they are drawn from what the blocks say of them
    (normal noise, Jeffreys' prior: Gelman et al., Bayesian Data Analysis (2013), section 3.2).
    Raises TooFewBlocksError below MIN_BLOCKS_TO_ESTIMATE.
    """
    n = len(values)
    if n < MIN_BLOCKS_TO_ESTIMATE:
        raise TooFewBlocksError(n, MIN_BLOCKS_TO_ESTIMATE, level)
    rng = np.random.default_rng(SEED)
    spreads = float(np.std(values, ddof=1)) * np.sqrt((n - 1) / rng.chisquare(n - 1, DRAWS))
    centres = float(np.mean(values)) + spreads / math.sqrt(n) * rng.standard_normal(DRAWS)
    needed = np.maximum(blocks_to_settle(centres, spreads, edge, level), least)
    low, high = np.quantile(needed, RANGE, method="inverted_cdf")
    return Outlook(
        low=int(low) if low <= MAX_BLOCKS else None,
        high=int(high) if high <= MAX_BLOCKS else None,
        never=float(np.mean(needed > MAX_BLOCKS)),
    )


def blocks_to_settle(centres: Floats, spreads: Floats, edge: float, level: float) -> Floats:
    """With how many blocks the verdict on each truth is other than inconclusive with SETTLE_CHANCE; infinity: never."""
    distance = np.abs(np.abs(centres) - edge)
    with np.errstate(divide="ignore"):
        room = np.where(spreads > 0, distance / spreads, np.where(distance > 0, math.inf, 0.0))
    beyond = np.abs(centres) > edge
    # inside the bounds a draw can go wrong on either side
    outside = _first_within(room, level, SETTLE_CHANCE, blocks_needed(level))
    inside = _first_within(room, equivalence_level(level), (1 + SETTLE_CHANCE) / 2, blocks_needed(level))
    return np.where(beyond, outside, inside)


def smallest_detectable(log_ratio_sd: float, n: int, level: float) -> float:
    """The smallest true difference, as a fraction, that n blocks tell from none with SETTLE_CHANCE."""
    if n < blocks_needed(level):
        raise TooFewBlocksError(n, blocks_needed(level), level)
    if not 0 <= log_ratio_sd < math.inf:
        raise AnalysisError(f"a spread is a finite number not below zero, got {log_ratio_sd}")
    return ratio(_reach(n, level, SETTLE_CHANCE) * log_ratio_sd) - 1


def noise_floor(log_ratios: Sequence[float], level: float) -> float:
    """The largest difference between an arm and itself, as a fraction, that an A/A run does not rule out."""
    interval = wilcoxon_interval(log_ratios, level)
    return ratio(max(abs(interval.low), abs(interval.high))) - 1


def _first_within(room: Floats, level: float, chance: float, least: int) -> Floats:
    """The first number of blocks whose reach is within ``room``, in standard deviations; infinity beyond MAX_BLOCKS."""
    places = np.searchsorted(-_reaches(level, chance, least), -room, side="right")
    planned = least + places
    return np.where(planned <= MAX_BLOCKS, planned, math.inf)


@cache
def _reaches(level: float, chance: float, least: int) -> Floats:
    """The least reach of so many blocks or fewer, for ``least`` to MAX_BLOCKS of them: the same for every question."""
    reaches = np.minimum.accumulate([_reach(n, level, chance) for n in range(least, MAX_BLOCKS + 1)])
    reaches.flags.writeable = False  # the cache hands the same array to everyone
    return reaches


def _reach(n: int, level: float, chance: float) -> float:
    """How far from a bound the truth must lie, in standard deviations of a block: half an interval, and a draw as bad
    as ``chance`` allows.
    """
    half_interval = t_quantile(n, attained_level(n, level) if n <= COARSE_BELOW else level)
    return (half_interval + NORMAL.inv_cdf(chance)) * WIDER_THAN_T / math.sqrt(n)
