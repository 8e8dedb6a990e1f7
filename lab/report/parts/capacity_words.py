"""Capacities in words: how much an arm carries, whether it was confirmed, and where it breaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isfinite
from statistics import median

from lab.analysis.judge.intervals import blocks_needed
from lab.analysis.ladders import Cliff, Confirmation, cliff_of, climbs_of
from lab.analysis.medians import LEVEL, span_of
from lab.analysis.summary import RunSummary
from lab.analysis.trial.ladder import Climb, Edge
from lab.analysis.trial.middle import middle_capacity, range_of
from lab.analysis.trial.slots import slot_quantile
from lab.report.parts.answers import quoted
from lab.units import count_of, format_rate, format_ratio, format_rounded, format_seconds


def capacity_remark(summary: RunSummary, arms: Sequence[str], confirmed: Mapping[str, Confirmation]) -> str:
    """How much each of these arms carries, and for how long that was tried."""
    told = []
    for arm in arms:
        if climbs := climbs_of(summary, arm):
            told.append(f"{quoted(arm)} carries {amount(climbs)}, {confirmation(arm, confirmed)}.")
    return " ".join(told)


def capacity_sentences(arm: str, climbs: Sequence[Climb], confirmed: Mapping[str, Confirmation]) -> Iterator[str]:
    """How much an arm carries, whether it was confirmed, its cliff, and its slowest process."""
    yield f"{quoted(arm)} carries {amount(climbs)}, {confirmation(arm, confirmed)}."
    if (found := cliff_of(climbs)) is not None:
        yield _cliff(arm, found)
    if slots := [one.worst_slot for one in climbs if one.worst_slot is not None]:
        percentile = f"p{100 * slot_quantile(climbs[0].slo):g}"
        slowest = _slowest(slots)
        yield f"At the last good rung of {quoted(arm)} the {percentile} of its slowest serving process was {slowest}."


def _slowest(slots: Sequence[float]) -> str:
    blocks = f"median of {count_of(len(slots), 'block')}"
    if not isfinite(middle := median(slots)):
        return f"among the requests that failed ({blocks})"
    return f"{middle:.3g} × that of all together ({blocks}; the slowest of several is above 1 × by chance alone)"


def amount(climbs: Sequence[Climb]) -> str:
    """``"212 requests a second (205 to 219, 95% CI, 12 blocks)"``; at an edge of the ladder "990 or more".

    What is so in most blocks comes first.
    """
    known = [one.capacity for one in climbs if one.capacity is not None]
    bottom = sum(one.edge is Edge.BOTTOM for one in climbs)
    top = [one for one in climbs if one.edge is Edge.TOP]
    rates = [rung.rate for rung in climbs[0].rungs]
    whole, short = ([one for one in top if one.short is short] for short in (False, True))
    parts = [
        (len(known), _inside(known, climbs) if known else ""),
        (len(whole), _at_top(whole, "the highest rung")),
        (len(short), _at_top(short, "the highest rung that the load generator carried")),
        (bottom, f"{rates[0]:,g} or less, the lowest rung, in {count_of(bottom, 'block')}" if bottom else ""),
    ]
    told = [text for _, text in sorted(parts, key=lambda part: -part[0])]
    return "; ".join(filter(None, told)) or "an unknown rate: too few rungs say anything"


def _at_top(climbs: Sequence[Climb], called: str) -> str:
    tops = [one.top for one in climbs if one.top is not None]
    return f"{min(tops):,g} or more, {called}, in {count_of(len(tops), 'block')}" if tops else ""


def _inside(known: Sequence[float], climbs: Sequence[Climb]) -> str:
    """Their middle as in tables; with blocks beyond the ladder, of which an interval knows no number, their range.

    Where most are beyond it there is no middle: that of the few others would pass for the capacity.
    """
    middle, low, high = _ends(known)
    within = f", 95% CI, {count_of(len(known), 'block')}"
    if len(known) < max(len(climbs), blocks_needed(LEVEL)):
        low, high, within = min(known), max(known), f" in {count_of(len(known), 'block')}"
        if (found := middle_capacity(climbs)) is None:
            return f"{_range(low, high)} requests a second{within}"
        middle = found
    return f"{format_rounded(middle)} requests a second ({format_rounded(low)} to {format_rounded(high)}{within})"


def _range(low: float, high: float) -> str:
    ends = dict.fromkeys(map(format_rounded, (low, high)))
    return " to ".join(ends)


def interval_of(climbs: Sequence[Climb]) -> tuple[float, float, float] | None:
    """A capacity inside the ladder and its ends: of the 95% interval, or with too few blocks for one the extremes."""
    known = [one.capacity for one in climbs if one.capacity is not None]
    return _ends(known) if known and len(known) == len(climbs) else None


def _ends(known: Sequence[float]) -> tuple[float, float, float]:
    middle, (low, high) = median(known), span_of(known)
    return middle, min(low, middle), max(high, middle)


def middle_range(climbs: Sequence[Climb]) -> str:
    """Where the median of the blocks lies, as in ``"≥ 624.0/s"``: of capacities beyond the ladder; "" if unknown.

    The median of what each is at least is what theirs is at least.
    """
    ranges = [range_of(one) or (-inf, inf) for one in climbs]
    if not ranges:
        return ""
    low, high = (median(ends) for ends in zip(*ranges, strict=True))
    at_least, at_most = (format_rate(end) if isfinite(end) else "" for end in (low, high))
    if at_least and at_most:
        return f"{at_least} to {at_most}"
    return f"≥ {at_least}" if at_least else f"≤ {at_most}" if at_most else ""


def brief(climbs: Sequence[Climb]) -> str:
    """``"212/s (205 to 219)"``, ``"≥ 990/s"``, ``"≤ 100/s"``; of blocks that differ in that, each with their number."""
    if (found := interval_of(climbs)) is not None:
        return f"{format_rounded(found[0])}/s ({format_rounded(found[1])} to {format_rounded(found[2])})"
    inside = [one.capacity for one in climbs if one.capacity is not None]
    tops = [one.top for one in climbs if one.edge is Edge.TOP and one.top is not None]
    bottom, middle = [one for one in climbs if one.edge is Edge.BOTTOM], middle_capacity(climbs)
    parts = {
        f"{format_rounded(middle) if middle else _range(min(inside), max(inside))}/s" if inside else "": len(inside),
        f"≥ {min(tops):,g}/s" if tops else "": len(tops),
        f"≤ {climbs[0].rungs[0].rate:,g}/s" if bottom else "": len(bottom),
    }
    known = {told: blocks for told, blocks in parts.items() if told}
    if len(known) < 2:
        return next(iter(known), "unknown")
    return ", ".join(f"{told} in {count_of(blocks, 'block')}" for told, blocks in known.items())


def confirmation(arm: str, confirmed: Mapping[str, Confirmation]) -> str:
    """Whether an arm held the objective for a minute, alone, a little below its capacity."""
    found = confirmed.get(arm)
    if found is None:
        return "not confirmed by a longer run"
    tried = f"for {found.length_s:.0f} s at {found.rung.rate:,g} a second"
    if not found.valid:
        return f"not confirmed: the run {tried} is not valid"
    if found.sustained:
        return f"sustained {tried}"
    time = format_seconds(found.rung.quantile_s) if isfinite(found.rung.quantile_s) else "among failures"
    return f"not sustained {tried} (the percentile was {time}, {format_ratio(found.rung.bad_share)} of requests bad)"


def _cliff(arm: str, found: Cliff) -> str:
    after = format_seconds(found.bad_s) if isfinite(found.bad_s) else "among failures"
    bad = f" and {format_ratio(found.bad_share)} of requests are bad" if found.bad_share else ""
    return (
        f"{quoted(arm)} does not slow down, it breaks: its last good rung is {found.good:,g} a second "
        f"({format_seconds(found.good_s)}), and at {found.bad:,g} the percentile is {after}{bad}, "
        "more than noise explains."
    )
