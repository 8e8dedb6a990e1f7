"""Planning: how many blocks settle a question, and how small a difference shows; checked by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.analysis.judge.intervals import AnalysisError, TooFewBlocksError
from lab.analysis.judge.power import noise_floor, settle_estimate, smallest_detectable
from lab.analysis.judge.verdict import Place, decide

FOUR = (-1.0, -0.5, 0.5, 1.0)  # standard deviation 0.913


def blocks(centre: float, spread: float) -> list[float]:
    """Four log ratios with exactly this centre and standard deviation."""
    return [centre + spread * value / float(np.std(FOUR, ddof=1)) for value in FOUR]


@pytest.mark.parametrize(("centre", "spread"), [(0.15, 0.07), (0.15, 0.2), (0.3, 0.3), (0.0, 0.05), (0.02, 0.03)])
def test_the_estimated_number_of_blocks_settles_most_runs(centre: float, spread: float) -> None:
    """With as many blocks as were estimated, about four runs in five or more reach a verdict."""
    n = settle_estimate(blocks(centre, spread), 0.05, 0.95)
    assert n is not None
    runs = np.random.default_rng(7).normal(centre, spread, (2000, n))

    assert np.mean(decide(runs, 0.05, 0.95).agreed != Place.ACROSS) > 0.72


def test_quiet_blocks_need_no_more_than_the_level_does() -> None:
    """Without spread the least number of blocks settles it, whichever way."""
    assert settle_estimate([0.2] * 4, 0.05, 0.95) == 6
    assert settle_estimate([0.0] * 4, 0.05, 0.9875) == 8


def test_an_effect_on_the_bound_is_never_settled() -> None:
    """No number of blocks puts an interval wholly on either side of its own centre."""
    assert settle_estimate(blocks(math.log1p(0.05), 0.02), 0.05, 0.95) is None


def test_three_blocks_are_too_few_for_an_estimate() -> None:
    """METHOD 6.2: after four."""
    with pytest.raises(TooFewBlocksError):
        settle_estimate([0.1, 0.2, 0.3], 0.05, 0.95)


def test_the_smallest_detectable_difference_is_detected() -> None:
    """A true difference of that size is called worse in about four runs of five."""
    fraction = smallest_detectable(0.07, 10, 0.95, bound=0.05)
    runs = np.random.default_rng(7).normal(math.log1p(fraction), 0.07, (4000, 10))

    assert np.mean(decide(runs, 0.05, 0.95).agreed == Place.ABOVE) == pytest.approx(0.8, abs=0.05)


def test_more_blocks_detect_less() -> None:
    """And fewer than the level needs detect nothing."""
    assert smallest_detectable(0.07, 40, 0.95) < smallest_detectable(0.07, 10, 0.95)
    with pytest.raises(TooFewBlocksError):
        smallest_detectable(0.07, 5, 0.95)
    with pytest.raises(AnalysisError):
        smallest_detectable(math.nan, 10, 0.95)


def test_the_noise_floor_is_the_far_end_of_the_interval() -> None:
    """What an A/A run does not rule out, in either direction."""
    assert noise_floor([-0.1, -0.05, 0.0, 0.01, 0.02, 0.03], 0.95) == pytest.approx(math.exp(0.1) - 1)
