"""Drift over a run: how far the trials of an arm moved from its first to its last third. Pure."""

from collections.abc import Sequence
from math import isfinite
from statistics import median

MIN_TRIALS = 6  # two in a third: with one, the difference of two single trials would pass for a drift


def drift(values: Sequence[float | None]) -> float | None:
    """Median of the last third ÷ median of the first third − 1, of an arm's values in the order of the run.

    None with fewer than MIN_TRIALS finite values, and where the first third has no positive median to divide by.
    """
    known = [value for value in values if value is not None and isfinite(value)]
    third = len(known) // 3
    if len(known) < MIN_TRIALS:
        return None
    first, last = median(known[:third]), median(known[-third:])
    return last / first - 1 if first > 0 else None
