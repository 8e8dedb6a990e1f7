"""Sizes in words: how much more or less, between which ends, and from where on it would matter (METHOD 7)."""

import math

from lab.analysis.judge.intervals import Interval
from lab.analysis.judge.verdict import Judgement, Verdict
from lab.metrics import Group, Metric, Unit
from lab.metrics.limits import LIMITS
from lab.units import format_rounded, format_seconds

USED = (Group.MEMORY, Group.CPU)  # "uses 6.8% less memory"; everything else is higher or lower
ENDLESS_S = 1e4  # a difference beyond this is one to a value that did not come to an end
ROUNDING = 1e-9  # the noise of arithmetic is no change
TENTH = 0.05  # percent: below, one decimal would hide on which side of no difference a value lies
ALL, MOST_DECIMALS = 100.0, 4
MANIFOLD = 2.0  # from here on "3.1 times as much" reads better than "210% more"


def effect(metric: Metric, arm: str, baseline: str, ratio: float) -> str:
    """``"“replicas” uses 6.8% less memory than “workers”"``: one estimate in words, and no claim; of two names."""
    noun = metric.called
    if metric.group in USED and metric.key not in LIMITS.values():  # a limit is nothing that is used
        size = f"{ratio:.1f} times as much {noun} as" if ratio >= MANIFOLD else f"{change(ratio)} {noun} than"
        return f"{arm} uses {size} {baseline}"
    size = f"{ratio:.1f} times that of" if ratio >= MANIFOLD else f"{change(ratio, 'lower', 'higher')} than that of"
    return f"the {noun} of {arm} is {size} {baseline}"


def change(ratio: float, less: str = "less", more: str = "more") -> str:
    """0.932 → ``"6.8% less"``; never "as much", which would be a claim."""
    return f"{abs(ratio - 1) * 100:.1f}% {less if ratio < 1 else more}"


def deciding(found: Judgement) -> Interval | None:
    """The interval on which the word rests: of equivalent that of the two one-sided tests."""
    if found.verdict is Verdict.EQUIVALENT:
        return found.equivalence
    return found.interval if found.difference is None else found.difference


def less_or_more(metric: Metric, ratio: float) -> str:
    """``"less"`` of what is used, ``"lower"`` of everything else; or the other way."""
    used = metric.group in USED and metric.key not in LIMITS.values()
    less, more = ("less", "more") if used else ("lower", "higher")
    return less if ratio < 1 else more


def short_percent(fraction: float) -> str:
    """0.05 → ``"5%"``."""
    return f"{_short(fraction * 100)}%"


def signed_change(ratio: float, decimals: int = 1) -> str:
    """0.932 → ``"−6.8%"``, 1.072 → ``"+7.2%"``, 1 → ``"±0%"``; from double on ``"×3.1"``."""
    if ratio >= MANIFOLD:
        return f"×{ratio:.{decimals}f}"
    if math.isclose(ratio, 1, rel_tol=ROUNDING):
        return "±0%"
    sign, percent = "−" if ratio < 1 else "+", abs(ratio - 1) * 100
    while 0 < ratio < 1 and decimals < MOST_DECIMALS and float(f"{percent:.{decimals}f}") == ALL:
        decimals += 1  # next to nothing is not nothing
    return f"{sign}{percent:.{decimals}f}%" if percent >= TENTH else f"{sign}{percent:.1g}%"


def signed_interval(low: float, high: float) -> str:
    """``"−5.3…−4.2%"``: both ends of an interval of ratios, with a decimal more where one hides its width."""
    pairs = [(signed_change(low, decimals), signed_change(high, decimals)) for decimals in (1, 2)]
    first, last = next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])
    if first == last:
        return first
    return f"{first.removesuffix('%') if last.endswith('%') else first}…{last}"


def bound_text(metric: Metric, bound: float) -> str:
    """``"−4.8% to +5%"``: the two ends that decide, symmetric as a ratio; for shares ``"±0.1 points"``."""
    return f"±{difference_bound(metric, bound)}" if metric.paired_difference else either_way(bound)


def difference_bound(metric: Metric, bound: float) -> str:
    """``"0.1 points"``, ``"500 ms"``: from which difference on it would matter."""
    if metric.unit is Unit.COUNT and not metric.in_points:
        return format_rounded(bound)
    return f"{bound * 100:.3g} points" if metric.in_points else format_seconds(bound)


def either_way(fraction: float) -> str:
    """A fraction by which one of two may be larger, as changes of the contender: 0.05 → ``"−4.8% to +5%"``."""
    return f"−{_short(fraction / (1 + fraction) * 100)}% to +{_short(fraction * 100)}%"


def _short(percent: float) -> str:
    """One decimal, or two digits of what is below one; no zeros at the end."""
    return f"{percent:.2g}" if percent < 1 else f"{percent:.1f}".removesuffix(".0")


def points_text(more: Interval) -> str:
    """The interval of a difference of shares: ``"95% CI 29.1 to 30.4 points more"``."""
    return f"{_points(more)} points more"


def _points(more: Interval) -> str:
    low, high = (f"{'−' if end < 0 else ''}{abs(end) * 100:.3g}" for end in (more.low, more.high))
    return f"{more.level * 100:.4g}% CI {low} to {high}"


def more_text(metric: Metric, more: Interval) -> str:
    """The interval of a difference, in the unit of its metric: ``"95% CI −1.20 s to +300 ms"``."""
    if metric.in_points:
        return points_text(more)
    return f"{more.level * 100:.4g}% CI {size_of_shift(metric, more.low)} to {size_of_shift(metric, more.high)}"


def size_of_difference(metric: Metric, more: Interval) -> str:
    """A difference with its interval: ``"−120 ms (95% CI −1.20 s to +300 ms)"``, ``"+30 points (95% CI 29 to 31)"``."""
    interval = _points(more) if metric.in_points else more_text(metric, more)
    return f"{size_of_shift(metric, more.estimate)} ({interval})"


def size_of_shift(metric: Metric, shift: float) -> str:
    """A difference without an interval, in the unit of its metric: ``"+1.20 s"``, ``"+3"``, ``"+0.2 points"``."""
    if metric.in_points:
        return f"{_sign(shift)}{abs(shift) * 100:.3g} points"
    if metric.unit is Unit.COUNT:
        return f"{_sign(shift)}{'∞' if abs(shift) >= ENDLESS_S else format_rounded(abs(shift))}"
    return signed_seconds(shift) if shift else "±0 s"


def _sign(shift: float) -> str:
    return "±" if not shift else "−" if shift < 0 else "+"


def signed_seconds(seconds: float) -> str:
    """``"+1.20 s"``; what has no end in one arm only is ``"+∞"``."""
    sign = "−" if seconds < 0 else "+"
    return f"{sign}∞" if abs(seconds) >= ENDLESS_S else f"{sign}{format_seconds(abs(seconds))}"


def signed_size(ratio: float, interval: Interval | None) -> str:
    """``"−6.8% (−7.0…−6.7%)"``, or where one end is known ``"at least −40.5% (beyond −37.0%)"``."""
    size = brief_size(ratio, interval)
    if interval is None:
        return size
    if interval.only_end is not None:
        return f"{size} (beyond {signed_change(interval.only_end)})"
    return f"{size} ({signed_interval(interval.low, interval.high)})"


def brief_size(ratio: float, interval: Interval | None) -> str:
    """``"−6.8%"``, or where one end of its interval is known ``"at least −40.5%"``."""
    one_sided = interval is not None and interval.only_end is not None
    return f"at least {signed_change(ratio)}" if one_sided else signed_change(ratio)


def interval_text(interval: Interval) -> str:
    """``"95% CI 6.7–7.0%"`` in the direction of the estimate, or both directions when it reaches across 1.

    ``"95% CI 37.0% or more"`` where one end is known.
    """
    low, high, only = interval.low, interval.high, interval.only_end
    if only is not None:
        near = f"{only:.2f} times" if interval.estimate >= MANIFOLD else f"{abs(only - 1) * 100:.1f}%"
        ends = f"{near} or more"
    elif low < 1 < high:
        ends = f"{change(low)} to {change(high) if high < MANIFOLD else f'{high:.1f} times'}"
    elif high >= MANIFOLD:
        ends = f"{low:.2f} to {high:.2f} times"
    else:
        small, large = sorted(abs(end - 1) * 100 for end in (low, high))
        ends = f"{small:.1f}–{large:.1f}%"
    return f"{interval.level * 100:.4g}% CI {ends}"
