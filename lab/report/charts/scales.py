"""Scales: from values to places along an axis, with round numbers to label them."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10

NINES = ((0.0, "min"), (0.301, "p50"), (1.0, "p90"), (2.0, "p99"), (3.0, "p99.9"), (4.0, "p99.99"), (5.0, "p99.999"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis from ``low`` to ``high`` with labelled places. ``kind``: linear, log, or nines (a tail: 2 is p99).

    ``least``: of a linear axis that begins in the middle, where its values begin; a reader may ask for the rest.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    kind: str = "linear"
    least: float | None = None

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
        first = self.start
        return [None if value is None else min(1.0, max(first, (value - low) / length)) for value in values]

    @property
    def start(self) -> float:
        """Where the values begin: 0, or below where they begin before the axis does."""
        return 0.0 if self.least is None else (self.least - self.low) / (self.high - self.low)


UNLABELLED = Scale(low=0.0, high=1.0, ticks=())  # an axis of names, which the figure writes itself


def linear(values: Iterable[float | None], *, zero: bool = False, ticks: int = 5, percent: bool = False) -> Scale:
    """From just below the least value, or from zero where no value is below it, to just above the largest."""
    known = [value for value in values if value is not None]
    least, high = min(known, default=0.0), max(known, default=1.0)
    low = min(0.0, least) if zero else least
    span = (high - low) or abs(high) or 1.0
    low, high = (0.0 if zero and low == 0 else low - 0.06 * span), high + 0.06 * span
    step = nice_step((high - low) / ticks)
    places = [round(place * step, 12) for place in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    return Scale(low=low, high=high, ticks=tuple((value, _tick(value, percent=percent)) for value in places))


def span(low: float, high: float, ticks: int = 8, least: float | None = None) -> Scale:
    """Exactly from ``low`` to ``high``; time. ``least``: where the values begin, if that is earlier."""
    high = high if high > low else low + 1
    step = nice_step((high - low) / ticks)
    places = [round(place * step, 12) for place in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    return Scale(low=low, high=high, ticks=tuple((value, _tick(value)) for value in places), least=least)


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


def _tick(value: float, *, percent: bool = False) -> str:
    if percent:
        return f"{value * 100:.4g}%"
    return f"{value:,.10g}".replace("-", "−")
