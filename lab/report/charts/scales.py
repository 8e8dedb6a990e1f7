"""From values to places on an axis, and the round numbers to label it with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log2, log10

LINEAR_SPAN = 3.0  # ratios farther apart than this are labelled at powers of two
TICK_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MAX_TICKS = 8
NINES = ((0.0, "min"), (0.301, "p50"), (1.0, "p90"), (2.0, "p99"), (3.0, "p99.9"), (4.0, "p99.99"), (5.0, "p99.999"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis from ``low`` to ``high`` with labelled places. ``kind``: linear, log, or nines (a tail: 2 is p99)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    kind: str = "linear"

    def at(self, value: float) -> float:
        """0 at the lower end, 1 at the upper end; values beyond the ends stay at them."""
        low, high, place = self.low, self.high, value
        if self.kind == "log":
            low, high, place = log10(low), log10(high), log10(max(value, low))
        return min(1.0, max(0.0, (place - low) / (high - low)))

    def along(self, values: Iterable[float | None]) -> list[float | None]:
        """``at`` of every value, None of None; a run has a hundred thousand of them, most on linear axes."""
        if self.kind == "log":
            return [None if value is None else self.at(value) for value in values]
        low, length = self.low, self.high - self.low
        return [None if value is None else min(1.0, max(0.0, (value - low) / length)) for value in values]


UNLABELLED = Scale(low=0.0, high=1.0, ticks=())  # an axis of names, which the figure writes itself


def linear(values: Iterable[float | None], *, zero: bool = False, ticks: int = 5, percent: bool = False) -> Scale:
    """From zero or from just below the least value, to just above the largest."""
    known = [value for value in values if value is not None]
    low, high = (0.0 if zero else min(known, default=0.0)), max(known, default=1.0)
    span = (high - low) or abs(high) or 1.0
    low, high = (low if zero else low - 0.06 * span), high + 0.06 * span
    step = nice_step((high - low) / ticks)
    places = [round(place * step, 12) for place in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    return Scale(low=low, high=high, ticks=tuple((value, _tick(value, percent=percent)) for value in places))


def span(low: float, high: float, ticks: int = 8) -> Scale:
    """Exactly from ``low`` to ``high``; time."""
    high = high if high > low else low + 1
    step = nice_step((high - low) / ticks)
    places = [round(place * step, 12) for place in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    return Scale(low=low, high=high, ticks=tuple((value, _tick(value)) for value in places))


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``least``."""
    power: float = 10.0 ** floor(log10(least))
    return next((factor * power for factor in (1.0, 2.0, 5.0) if factor * power >= least * (1 - 1e-9)), 10.0 * power)


def logarithmic(values: Iterable[float | None]) -> Scale:
    """Positive values on a log axis, labelled at 1, 2 and 5, or at powers of ten only where these would crowd."""
    known = [value for value in values if value is not None and value > 0]
    low, high = min(known, default=1.0) / 1.1, max(known, default=1.0) * 1.1
    factors = (1.0, 2.0, 5.0) if high / low < 1000 else (1.0,)
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    places = [factor * 10.0**power for power in powers for factor in factors]
    shown = tuple((place, _tick(round(place, 9))) for place in places if low <= place <= high)
    return Scale(low=low, high=high, ticks=shown, kind="log")


def tail(longest: float) -> Scale:
    """Nines: each step to the right is ten times rarer."""
    high = max(longest, 1.0)
    return Scale(low=0.0, high=high, ticks=tuple((at, name) for at, name in NINES if at <= high), kind="nines")


def ratios(values: Sequence[float]) -> Scale:
    """Ratios on a log axis that shows 1."""
    places = ratio_ticks(values)
    low, high = min(*values, places[0]) / 1.005, max(*values, places[-1]) * 1.005
    return Scale(low=low, high=high, ticks=tuple((place, f"{place:g}") for place in places), kind="log")


def ratio_ticks(values: Sequence[float]) -> list[float]:
    """Round ratios to label on a log axis that shows 1 and all ``values``: about eight, with 1 among them."""
    low, high = min(*values, 0.95), max(*values, 1.05)
    if high / low > LINEAR_SPAN:
        powers = range(floor(log2(low)), ceil(log2(high)) + 1)
        step = ceil(len(powers) / (MAX_TICKS + 4))
        return [2.0**power for power in powers if power % step == 0 or power in (powers[0], powers[-1])]
    step_size = next(step for step in TICK_STEPS if (high - low) / step <= MAX_TICKS)
    first, last = floor((low - 1) / step_size), ceil((high - 1) / step_size)
    return [round(1 + place * step_size, 3) for place in range(first, last + 1)]


def _tick(value: float, *, percent: bool = False) -> str:
    if percent:
        return f"{value * 100:.4g} %"
    return f"{value:,.10g}".replace(",", "\u202f").replace("-", "−")
