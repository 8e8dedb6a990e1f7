"""Figures that set the arms side by side: ratios, stacked bars, shares. Nothing is computed, only placed."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log2

import altair as alt

from lab.report.charts.style import (
    FROM_ZERO,
    INK,
    LEGEND,
    NAME_LIMIT,
    OUTLINES,
    SHAPES,
    WIDTH,
    Rows,
    arm_colour,
    number,
    on,
    specification,
)
from lab.report.content import Spec

ROW_HEIGHT = 34
LINEAR_SPAN = 3.0  # ratios farther apart than this are labelled at powers of two
TICK_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MAX_TICKS = 8


def ratio_chart(points: Rows, medians: Rows, bands: Rows, intervals: Rows, arms: Sequence[str]) -> Spec:
    """Ratios to the baseline on a log axis, one row for each metric and arm.

    points {row, arm, block, ratio}, medians {row, arm, ratio}, bands {row, low, high}: the bounds of equivalence,
    intervals {row, arm, low, high}.
    """
    order = [row["row"] for row in medians]
    y = alt.Y("row:N", title=None, sort=order, axis=alt.Axis(labelLimit=340))
    ticks = ratio_ticks(
        [*(row["ratio"] for row in points), *(row[end] for row in intervals for end in ("low", "high"))]
    )
    scale = alt.Scale(type="log", nice=False, padding=24)
    x = alt.X("ratio:Q", scale=scale, title="ratio to the baseline", axis=alt.Axis(values=ticks, format="~g"))
    colour = arm_colour(arms, legend=False)
    layers = [
        on("bands").mark_bar(color=INK, opacity=0.12, height={"band": 0.9}).encode(y=y, x="low:Q", x2="high:Q"),
        on("one").mark_rule(color=INK, strokeDash=[3, 3]).encode(x="one:Q"),
        on("medians").mark_tick(thickness=3, height={"band": 0.6}).encode(y=y, x=x, color=colour),
        on("points")
        .mark_circle(size=60, opacity=0.55)
        .encode(y=y, x=x, color=colour, tooltip=["row:N", "block:Q", number("ratio", form=".3f")]),
    ]
    if intervals:  # an empty layer has no extent, which the browser's console would complain of
        layers.insert(2, on("intervals").mark_rule(size=3).encode(y=y, x="low:Q", x2="high:Q", color=colour))
    chart = alt.layer(*layers).properties(width=WIDTH - 260, height=alt.Step(ROW_HEIGHT))
    return specification(chart, points=points, medians=medians, bands=bands, intervals=intervals, one=[{"one": 1}])


def ratio_ticks(ratios: Sequence[float]) -> list[float]:
    """Round ratios to label on a log axis that shows 1 and all ``ratios``: about eight, with 1 among them."""
    low, high = min(*ratios, 0.95), max(*ratios, 1.05)
    if high / low > LINEAR_SPAN:
        return [2.0**power for power in range(floor(log2(low)), ceil(log2(high)) + 1)]
    step = next(step for step in TICK_STEPS if (high - low) / step <= MAX_TICKS)
    return [round(1 + place * step, 3) for place in range(floor((low - 1) / step), ceil((high - 1) / step) + 1)]


def stacked_chart(bars: Rows, marks: Rows, arms: Sequence[str], parts: Sequence[str], title: str) -> Spec:
    """Horizontal bars from zero, one for each arm, stacked by part.

    bars {arm, part, order, value}; marks {arm, kind, value} stand on them: the blocks' totals first, then others.
    """
    kinds = list(dict.fromkeys(row["kind"] for row in marks))
    y = alt.Y("arm:N", title=None, sort=list(arms), axis=alt.Axis(labelLimit=NAME_LIMIT))
    x = alt.X("value:Q", title=title, scale=FROM_ZERO)
    shades = [1 - 0.75 * place / max(1, len(parts) - 1) for place in range(len(parts))]
    shade = alt.Scale(type="ordinal", domain=list(parts), range=shades)
    layers = [
        on("bars")
        .mark_bar(height={"band": 0.7}, stroke=INK, strokeWidth=0.5, strokeOpacity=0.4)
        .encode(
            y=y,
            x=x,
            color=arm_colour(arms, legend=False),
            opacity=alt.Opacity("part:O", scale=shade, legend=alt.Legend(title=None, symbolFillColor=INK)),
            order="order:Q",
            tooltip=["arm:N", "part:N", number("value", title)],
        ),
        on("marks")
        .mark_point(size=34, color=INK, strokeWidth=1.2)
        .encode(
            y=y,
            x=x,
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=list(SHAPES[: len(kinds)])), legend=OUTLINES),
            tooltip=["arm:N", "kind:N", number("value", title)],
        ),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH - LEGEND, height=alt.Step(ROW_HEIGHT + 8))
    return specification(chart, bars=bars, marks=marks)


def share_chart(bars: Rows, points: Rows, expected: float, arms: Sequence[str]) -> Spec:
    """Shares of the busiest, second busiest, … process: bars {arm, place, share}, points {arm, place, block, share}."""
    domain = alt.Scale(domain=list(arms))  # spelt out, for layers with several data sources
    x = alt.X("arm:N", title=None, scale=domain, axis=alt.Axis(labelLimit=NAME_LIMIT, labelAngle=0))
    y = alt.Y("share:Q", title="share of requests", axis=alt.Axis(format="%"), scale=FROM_ZERO)
    colour = arm_colour(arms, legend=False)
    numbers = sorted({row["place"] for row in bars})
    places = alt.XOffset("place:O", scale=alt.Scale(domain=numbers, paddingInner=0.12))
    layers = [
        on("bars")
        .mark_bar(opacity=0.8)
        .encode(x=x, xOffset=places, y=y, color=colour, tooltip=["arm:N", "place:O", number("share", form=".1%")]),
        on("points")
        .mark_point(size=24, color=INK, filled=False, strokeWidth=1)
        .encode(x=x, xOffset=places, y=y, tooltip=["arm:N", "place:O", "block:Q", number("share", form=".1%")]),
        on("even").mark_rule(color=INK, strokeDash=[4, 3]).encode(y=y),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH, height=240)
    return specification(chart, bars=bars, points=points, even=[{"share": expected}])
