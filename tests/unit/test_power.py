"""Planning: how many blocks settle a question, and how small a difference shows; checked by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.analysis.judge.decide import Side, decide
from lab.analysis.judge.intervals import AnalysisError, TooFewBlocksError
from lab.analysis.judge.power import (
    MAX_BLOCKS,
    Outlook,
    blocks_to_settle,
    noise_floor,
    outlook,
    smallest_detectable,
)

EDGE = math.log1p(0.05)


def settled_at(centre: float, spread: float) -> int:
    """With how many blocks this truth is settled."""
    return int(blocks_to_settle(np.array([centre]), np.array([spread]), EDGE, 0.95)[0])


@pytest.mark.parametrize(("centre", "spread"), [(0.15, 0.07), (0.15, 0.2), (0.3, 0.3), (0.0, 0.05), (0.02, 0.03)])
def test_the_number_of_blocks_for_a_truth_settles_most_runs(centre: float, spread: float) -> None:
    """With as many blocks as that truth takes, about four runs in five or more reach a verdict."""
    runs = np.random.default_rng(7).normal(centre, spread, (2000, settled_at(centre, spread)))

    assert np.mean(decide(runs, EDGE, 0.95).place != Side.ACROSS) > 0.75


@pytest.mark.parametrize("blocks", [4, 8])
def test_the_range_holds_the_true_number_in_four_runs_of_five(blocks: int) -> None:
    """Truths of all kinds, and what so few blocks of them let one predict (10–90%: 80%; whole numbers give more)."""
    rng = np.random.default_rng(11)
    inside, above = [], []
    for _ in range(400):
        centre, spread = rng.uniform(-0.3, 0.3), math.exp(rng.uniform(math.log(0.02), math.log(0.2)))
        true = float(blocks_to_settle(np.array([centre]), np.array([spread]), EDGE, 0.95)[0])
        found = outlook(rng.normal(centre, spread, blocks).tolist(), EDGE, 0.95)
        low, high = (math.inf if end is None else end for end in (found.low, found.high))
        inside.append(low <= true <= high or (true > MAX_BLOCKS and high == math.inf))
        above.append(true > high)

    assert np.mean(inside) > 0.78
    assert np.mean(above) < 0.12


def test_quiet_blocks_need_no_more_than_the_level_does() -> None:
    """Without spread the least number of blocks settles it, whichever way."""
    assert outlook([0.2] * 4, EDGE, 0.95) == Outlook(low=6, high=6, never=0.0)
    assert outlook([0.0] * 4, EDGE, 0.9875) == Outlook(low=8, high=8, never=0.0)
    assert outlook([0.2] * 4, EDGE, 0.95, least=9).low == 9


def test_an_effect_on_the_bound_is_never_settled() -> None:
    """No number of blocks puts an interval wholly on either side of its own centre."""
    blocks = EDGE + 0.02 * np.random.default_rng(3).standard_normal(5)
    many = EDGE + 0.02 * np.array([-1.0, 1.0] * 500)

    assert outlook(blocks.tolist(), EDGE, 0.95).high is None
    assert outlook(many.tolist(), EDGE, 0.95).low is None


def test_a_difference_just_beyond_the_bound_is_not_promised_a_number() -> None:
    """4.9% less against a bound at −4.8%: the lab once asked for 58 blocks."""
    blocks = [math.log(0.951) + 0.005 * noise for noise in (1.2, -0.7, 0.4, -1.1, 0.9, -0.5, 0.3, -0.5)]

    found = outlook(blocks, EDGE, 0.95)

    assert found.high is None
    assert found.never > 0.1


def test_three_blocks_are_too_few_for_an_estimate() -> None:
    """METHOD 6.2: after four."""
    with pytest.raises(TooFewBlocksError):
        outlook([0.1, 0.2, 0.3], EDGE, 0.95)


def test_the_smallest_detectable_difference_is_detected() -> None:
    """A true difference of that size is called worse in about four runs of five."""
    fraction = smallest_detectable(0.07, 10, 0.95)
    runs = np.random.default_rng(7).normal(math.log1p(fraction), 0.07, (4000, 10))

    assert np.mean(decide(runs, 0.0, 0.95).place == Side.ABOVE) == pytest.approx(0.8, abs=0.05)


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
