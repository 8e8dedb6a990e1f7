"""Intervals: exact against published tables, against scipy by inversion, and honest about too few blocks."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lab.analysis.judge.intervals import (
    AnalysisError,
    Interval,
    TooFewBlocksError,
    attained_level,
    blocks_needed,
    critical_depth,
    hodges_lehmann,
    ratio,
    signed_rank_distribution,
    t_limits,
    wilcoxon_interval,
    wilcoxon_limits,
)

# Two-sided critical values of the signed-rank statistic: McCornack (1965), Extended tables of the Wilcoxon matched
# pair signed rank statistic, JASA 60, 864-871; reprinted in Siegel & Castellan and in most textbooks.
CRITICAL_VALUES = {
    0.95: {6: 0, 7: 2, 8: 3, 9: 5, 10: 8, 11: 10, 12: 13, 13: 17, 14: 21, 15: 25, 20: 52, 25: 89, 30: 137, 50: 434},
    0.99: {8: 0, 9: 1, 10: 3, 11: 5, 12: 7, 13: 9, 14: 12, 15: 15, 20: 37, 25: 68, 30: 109, 50: 373},
}
logs = st.floats(-3, 3).map(lambda value: round(value, 6))


@pytest.mark.parametrize(
    ("level", "n", "critical"),
    [(level, n, value) for level, row in CRITICAL_VALUES.items() for n, value in row.items()],
)
def test_depth_agrees_with_published_tables(level: float, n: int, critical: int) -> None:
    """The interval leaves out exactly as many Walsh averages as the printed critical value says."""
    assert critical_depth(n, level) - 1 == critical


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_distribution_agrees_with_enumeration(n: int) -> None:
    """The dynamic programme counts what trying all 2**n sign patterns counts."""
    sums = [sum(rank for rank, sign in enumerate(signs, 1) if sign) for signs in itertools.product((0, 1), repeat=n)]

    assert (np.bincount(sums) / 2**n).tolist() == signed_rank_distribution(n).tolist()


def test_distribution_of_many_blocks_still_sums_to_one() -> None:
    """Hundreds of blocks lose nothing to rounding."""
    assert signed_rank_distribution(300).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("n", [6, 9, 15])
def test_interval_is_what_scipys_test_does_not_reject(n: int) -> None:
    """Inversion: shifting by a point just inside an end gives p > 0.05, just outside p <= 0.05."""
    values = np.random.default_rng(n).normal(0.1, 1, n)
    interval = wilcoxon_interval(values.tolist(), 0.95)

    def p_value(shift: float) -> float:
        return float(stats.wilcoxon(values - shift, method="exact").pvalue)

    assert p_value(interval.low + 1e-9) > 0.05 >= p_value(interval.low - 1e-9)
    assert p_value(interval.high - 1e-9) > 0.05 >= p_value(interval.high + 1e-9)


def t_interval(values: list[float], level: float) -> Interval:
    return t_limits(np.array(values), level).interval(level, len(values))


def test_t_interval_agrees_with_scipy() -> None:
    """The cross-check is the textbook interval."""
    values = [0.1, 0.3, -0.2, 0.25, 0.0, 0.12]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.99)
    interval = t_interval(values, 0.99)

    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert interval.estimate == pytest.approx(np.mean(values))


def test_hodges_lehmann_by_hand() -> None:
    """Averages of 1, 2, 6 in pairs: 1, 1.5, 2, 3.5, 4, 6; their median is 2.75."""
    assert hodges_lehmann([1, 2, 6]) == 2.75


@pytest.mark.parametrize(("primaries", "needed"), [(1, 6), (2, 7), (3, 7), (4, 8), (10, 9)])
def test_blocks_needed(primaries: int, needed: int) -> None:
    """METHOD 6.2: six blocks for one primary, eight for four; one fewer is refused."""
    level = 1 - 0.05 / primaries

    assert blocks_needed(level) == needed
    assert attained_level(needed, level) >= level
    with pytest.raises(TooFewBlocksError) as refusal:
        wilcoxon_interval([0.1 * k for k in range(needed - 1)], level)
    assert refusal.value.needed == needed
    assert str(needed) in refusal.value.hint


@pytest.mark.parametrize("n", [6, 7, 10, 20])
def test_coverage_is_at_least_the_level(n: int) -> None:
    """Over all sign patterns of fixed magnitudes, the interval holds the true centre as often as it promises."""
    magnitudes = np.random.default_rng(n).exponential(size=n)
    signs = np.random.default_rng(1).choice((-1.0, 1.0), size=(20_000, n))
    limits = wilcoxon_limits(magnitudes * signs, 0.95)
    covered = np.mean((limits.low <= 0) & (limits.high >= 0))

    assert covered == pytest.approx(attained_level(n, 0.95), abs=0.006)


def test_ties_and_zeros_widen_rather_than_narrow() -> None:
    """Quantised values whose truth is zero are covered at least as often as the level says."""
    values = np.random.default_rng(3).choice((-1.0, 0.0, 0.0, 1.0), size=(20_000, 8))
    limits = wilcoxon_limits(values, 0.95)

    assert np.mean((limits.low <= 0) & (limits.high >= 0)) >= 0.95


def test_identical_values_give_an_interval_of_one_point() -> None:
    """No spread, no width, in either method."""
    for interval in (wilcoxon_interval([0.5] * 6, 0.95), t_interval([0.5] * 6, 0.95)):
        assert (interval.low, interval.estimate, interval.high) == (0.5, 0.5, 0.5)


@given(values=st.lists(logs, min_size=6, max_size=25), shift=logs, level=st.sampled_from([0.8, 0.9, 0.95]))
def test_intervals_move_with_the_values_and_mirror_exactly(values: list[float], shift: float, level: float) -> None:
    """Shifting all values shifts both intervals; changing all signs mirrors them to the last bit."""
    for interval_of in (wilcoxon_interval, t_interval):
        interval = interval_of(values, level)
        moved = interval_of([value + shift for value in values], level)
        mirrored = interval_of([-value for value in values], level)

        assert interval.low <= interval.estimate <= interval.high
        assert moved.low == pytest.approx(interval.low + shift, abs=1e-9)
        assert moved.high == pytest.approx(interval.high + shift, abs=1e-9)
        assert (mirrored.low, mirrored.high) == (-interval.high, -interval.low)


@given(st.lists(st.lists(logs, min_size=7, max_size=7), min_size=1, max_size=5))
def test_many_comparisons_at_once_equal_one_at_a_time(rows: list[list[float]]) -> None:
    """The simulation and a single verdict share one implementation."""
    for limits, interval_of in (
        (wilcoxon_limits(np.array(rows), 0.95), wilcoxon_interval),
        (t_limits(np.array(rows), 0.95), t_interval),
    ):
        for k, row in enumerate(rows):
            interval = interval_of(row, 0.95)
            assert (limits.low[k], limits.high[k]) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_exp_turns_log_ratios_into_ratios() -> None:
    """Level and count stay; huge log ratios stop at the largest float."""
    interval = wilcoxon_interval([math.log(2)] * 6, 0.95).exp()

    assert (interval.low, interval.high) == pytest.approx((2, 2))
    assert (interval.level, interval.n) == (0.95, 6)
    assert math.isfinite(ratio(1e6))
    assert ratio(-1e6) == 0


@pytest.mark.parametrize("values", [[], [math.nan] * 6, [0.0] * 6 + [math.inf]])
def test_what_is_not_a_number_is_refused(values: list[float]) -> None:
    """Nothing is dropped in silence."""
    for refuse in (hodges_lehmann, lambda v: wilcoxon_interval(v, 0.95)):
        with pytest.raises(AnalysisError):
            refuse(values)


@pytest.mark.parametrize("level", [0, 1, -0.5, 1.5, math.nan])
def test_a_level_is_a_probability(level: float) -> None:
    """0.95 is a level, 95 is not."""
    with pytest.raises(AnalysisError):
        blocks_needed(level)
