"""Levels: shared among judged intervals, and among the looks of a design (METHOD 6.2, 7)."""

from __future__ import annotations

import numpy as np
import pytest

from lab.analysis.judge.decide import decide
from lab.analysis.judge.intervals import AnalysisError
from lab.analysis.judge.levels import crossing, nominal_error, verdict_blocks, verdict_level

LOOKS = (8, 12, 16, 20)


@pytest.mark.parametrize(("looks", "published"), [(2, 0.0294), (3, 0.0221), (4, 0.0182), (5, 0.0158), (10, 0.0106)])
def test_the_nominal_levels_are_those_of_pocock(looks: int, published: float) -> None:
    """Pocock (1977), table 1: equally spaced looks, two-sided 5%."""
    assert nominal_error(0.05, tuple(range(1, looks + 1))) == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize("looks", [LOOKS, (6, 100), (6, 7, 8, 60), (10, 11)])
def test_any_declared_looks_keep_the_error(looks: tuple[int, ...]) -> None:
    """However they are spaced: at most 5%, and 0.0182 a look for 8, 12, 16 and 20 blocks."""
    assert crossing(nominal_error(0.05, looks), looks) <= 0.05 + 1e-4
    assert verdict_level(1, LOOKS) == pytest.approx(0.9818, abs=5e-5)
    assert verdict_level(1, (20,)) == verdict_level(1) == 0.95


def test_exact_intervals_at_every_look_exclude_the_truth_in_at_most_one_run_of_twenty() -> None:
    """Simulation of the signed-rank test itself: 20,000 runs in which nothing differs."""
    blocks = np.random.default_rng(5).standard_normal((20_000, LOOKS[-1]))
    level = verdict_level(1, LOOKS)
    wrong = np.zeros(len(blocks), dtype=bool)
    for look in LOOKS:
        wide = decide(blocks[:, :look], 0.05, level).wide
        wrong |= (wide.low > 0) | (wide.high < 0)

    assert 0.03 < np.mean(wrong) <= 0.05


def test_blocks_for_a_verdict_grow_with_the_judged_intervals() -> None:
    """6, 7, 7, 8, 9 for 1, 2, 3, 4, 8 of them; 7 where four looks share the error."""
    assert [verdict_blocks(m) for m in (1, 2, 3, 4, 8)] == [6, 7, 7, 8, 9]
    assert verdict_blocks(1, LOOKS) == 7
    with pytest.raises(AnalysisError):
        verdict_level(0)
