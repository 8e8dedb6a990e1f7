"""What may be shown and judged: steadiness over the window and observations beyond a percentile."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lab.analysis.judge.eligibility import MAX_POINTS, quantile_eligible, steady
from lab.analysis.judge.intervals import AnalysisError


@pytest.mark.parametrize(
    ("quantile", "printed", "judged"),
    [(0.5, 20, 60), (0.9, 100, 300), (0.95, 200, 600), (0.99, 1000, 3000), (0.999, 10_000, 30_000)],
)
def test_percentiles_need_observations_beyond_them(quantile: float, printed: int, judged: int) -> None:
    """METHOD 6.5: printed from ten, judged from thirty; one observation fewer is not enough."""
    assert quantile_eligible(printed, quantile).printed
    assert not quantile_eligible(printed - 1, quantile).printed
    assert quantile_eligible(judged, quantile).judged
    assert not quantile_eligible(judged - 1, quantile).judged


@pytest.mark.parametrize(("n", "quantile"), [(-1, 0.5), (10, 0.0), (10, 1.0), (10, 99)])
def test_senseless_quantiles_are_refused(n: int, quantile: float) -> None:
    """0.99 is a quantile, 99 is not."""
    with pytest.raises(AnalysisError):
        quantile_eligible(n, quantile)


def test_slope_agrees_with_scipy() -> None:
    """Irregular instants, in any order."""
    rng = np.random.default_rng(2)
    t_s, values = rng.uniform(0, 30, 40), rng.normal(100, 5, 40)

    assert steady(t_s.tolist(), values.tolist()).slope == pytest.approx(stats.theilslopes(values, t_s).slope)


@pytest.mark.parametrize(("rise", "is_steady"), [(0.0, True), (4.0, True), (-4.0, True), (6.0, False), (-6.0, False)])
def test_a_drift_beyond_five_percent_is_not_steady(rise: float, is_steady: bool) -> None:
    """The rise over the whole window against the median, in either direction."""
    t_s = [float(second) for second in range(11)]
    result = steady(t_s, [100 + rise * second / 10 for second in t_s])

    assert result.steady is is_steady
    assert result.drift == pytest.approx(rise / 100, abs=0.004)


def test_a_spike_is_not_a_drift() -> None:
    """Theil–Sen looks at medians: one second of a garbage collector does not make a trial unsteady."""
    assert steady(range(10), [100.0] * 8 + [900.0, 100.0]).steady


def test_a_long_series_gives_the_same_answer_in_bounded_time() -> None:
    """Twelve hours at one reading a second are thinned to medians, the drift stays."""
    t_s = np.arange(12 * 3600.0)
    result = steady(t_s.tolist(), (100 + 8 * t_s / t_s[-1]).tolist())

    assert len(t_s) > MAX_POINTS
    assert result.drift == pytest.approx(8 / 104, rel=0.01)


def test_what_cannot_be_told_is_not_called_steady() -> None:
    """Two instants, or a slope around a median of zero."""
    assert steady([0, 1], [5, 5]).drift is None
    assert steady([1, 1, 1], [5, 6, 7]).drift is None
    assert steady([0, 1, 2], [-1, 0, 1]).drift is None
    assert not steady([0, 1], [5, 5]).steady
    assert steady([0, 1, 2], [0, 0, 0]).steady


def test_series_of_different_length_are_refused() -> None:
    """A missing reading is the caller's to explain."""
    with pytest.raises(AnalysisError):
        steady([0, 1, 2], [1, 2])
