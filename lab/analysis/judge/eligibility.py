"""May a number be shown, and may it be judged? Steadiness of the measure window and counts behind a percentile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.analysis.judge.intervals import AnalysisError
from lab.metric_types import JUDGE_BEYOND, PRINT_BEYOND

STEADY_DRIFT = 0.05  # of the median, over the whole window (METHOD 6.4)
MAX_POINTS = 500  # pairs grow with the square: longer series are first reduced to this many medians


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """How far a series drifts over its window: Theil–Sen slope × length ÷ median.

    ``drift`` is a signed fraction, None where it cannot be told: fewer than three instants, or a median of zero under
    a slope. ``slope`` is in the values' unit a second.
    """

    slope: float | None
    drift: float | None

    @property
    def steady(self) -> bool:
        """True only when the drift is known and within STEADY_DRIFT."""
        return self.drift is not None and abs(self.drift) <= STEADY_DRIFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """What may be done with a percentile: ``beyond`` is the expected number of observations past it."""

    beyond: float

    @property
    def printed(self) -> bool:
        """Enough observations to show the number."""
        return self.beyond >= PRINT_BEYOND

    @property
    def judged(self) -> bool:
        """Enough observations to give a verdict or to settle an expectation."""
        return self.beyond >= JUDGE_BEYOND


def quantile_eligible(n: int, quantile: float) -> Eligibility:
    """Whether ``n`` observations carry this quantile: p95 is printed from 200 and judged from 600, p99 from 3,000."""
    if n < 0 or not 0 < quantile < 1:
        raise AnalysisError(f"a quantile between 0 and 1 of at least 0 observations, got {quantile:g} of {n}")
    return Eligibility(beyond=round(n * (1 - quantile), 6))  # 0.9 is not exact: 300 × (1 − 0.9) must give 30


def steady(t_s: Sequence[float], values: Sequence[float]) -> Steadiness:
    """Theil–Sen (median of the slopes of all pairs) over one measure window. Source: Sen (1968), JASA 63."""
    if len(t_s) != len(values):
        raise AnalysisError(f"{len(t_s)} instants for {len(values)} values")
    order = np.argsort(np.asarray(t_s, dtype=np.float64), kind="stable")
    times, series = (_thin(np.asarray(column, dtype=np.float64)[order]) for column in (t_s, values))
    first, second = np.triu_indices(len(times), k=1)
    apart = times[second] > times[first]
    if len(np.unique(times)) < 3:
        return Steadiness(slope=None, drift=None)
    rise = (series[second] - series[first])[apart]
    slope = float(np.median(rise / (times[second] - times[first])[apart]))
    median, length_s = float(np.median(values)), float(np.ptp(t_s))
    if median == 0:
        return Steadiness(slope=slope, drift=0.0 if slope == 0 else None)
    return Steadiness(slope=slope, drift=slope * length_s / median)


def _thin(
    column: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """At most MAX_POINTS medians of neighbouring values, in order."""
    if len(column) <= MAX_POINTS:
        return column
    return np.array([np.median(group) for group in np.array_split(column, MAX_POINTS)])
