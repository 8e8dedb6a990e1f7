"""The order of arms: Williams squares, so that neither place nor predecessor can favour an arm (METHOD 6.1)."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest

from lab.plan.order import period, rows


@pytest.mark.parametrize("arms", range(1, 9))
@pytest.mark.parametrize("seed", [1, 20261124])
def test_a_period_is_balanced(arms: int, seed: int) -> None:
    """Every arm in every place, and inside blocks after every other arm, equally often."""
    blocks = list(islice(rows(arms, Random(seed)), period(arms)))
    places = Counter((arm, place) for block in blocks for place, arm in enumerate(block))
    followers = Counter(pair for block in blocks for pair in pairwise(block))

    assert set(places.values()) == {period(arms) // arms}
    assert len(places) == arms * arms
    assert len(followers) == arms * (arms - 1)
    assert len(set(followers.values())) <= 1


@pytest.mark.parametrize("arms", range(2, 9))
@pytest.mark.parametrize("seed", range(10))
def test_the_borders_between_blocks_are_shared_out_too(arms: int, seed: int) -> None:
    """Over three periods no arm follows another one more often than it follows a third by more than two."""
    trials = [arm for block in islice(rows(arms, Random(seed)), 3 * period(arms)) for arm in block]
    followers = Counter(pairwise(trials))
    counts = [followers[first, second] for first in range(arms) for second in range(arms) if first != second]

    assert max(counts) - min(counts) <= 2


def test_periods() -> None:
    """The number of arms when it is even, twice that when it is odd."""
    assert [period(arms) for arms in (1, 2, 3, 4, 5, 6)] == [1, 2, 6, 4, 10, 6]
