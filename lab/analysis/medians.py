"""Medians of what is known: a value that a trial lacks is left out, never taken as zero."""

from collections.abc import Iterable
from statistics import median


def known_median(values: Iterable[float | None]) -> float | None:
    """Median of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
