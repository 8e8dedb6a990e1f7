"""Medians of what is known: a value that a trial lacks is left out, never taken as zero."""

from collections.abc import Iterable, Sequence
from math import isfinite
from statistics import median

from lab.analysis.judge.intervals import blocks_needed, wilcoxon_interval

LEVEL = 0.95


def known_median(values: Iterable[float | None]) -> float | None:
    """Median of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def span_of(values: Sequence[float]) -> tuple[float, float]:
    """From where to where the middle of the blocks lies: its 95% interval (Wilcoxon), with few blocks their range."""
    if len(values) < blocks_needed(LEVEL) or not all(map(isfinite, values)):
        return min(values), max(values)
    found = wilcoxon_interval(values, LEVEL)
    return found.low, found.high
