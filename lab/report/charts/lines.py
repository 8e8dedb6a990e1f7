"""Figures over an axis that runs: the latency tail, time, and the order of the run.

Series come as one row each with arrays in it (``s[]``), which Vega unfolds: a fifth of the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from lab.report.charts.style import (
    DASHES,
    FROM_ZERO,
    INK,
    LEGEND,
    NAME_LIMIT,
    OUTLINES,
    PADDED,
    WIDTH,
    Rows,
    arm_colour,
    number,
    on,
    specification,
)
from lab.report.content import Spec

PANELS = 3  # side by side
WHOLE = alt.Axis(tickMinStep=1, format="d")
TAIL_LABELS = "{'0': 'min', '0.301': 'p50', '1': 'p90', '2': 'p99', '3': 'p99.9', '4': 'p99.99', '5': 'p99.999'}"


def tail_chart(blocks: Rows, medians: Rows, arms: Sequence[str]) -> Spec:
    """Latency over a tail axis: blocks {arm, block, nines[], ms[]} faint, medians {arm, kind, nines[], ms[]} strong."""
    x = alt.X(
        "nines:Q",
        title="this fraction of the requests took at most …",
        axis=alt.Axis(values=[0, 0.301, 1, 2, 3, 4, 5], labelExpr=f"{TAIL_LABELS}[datum.value]", grid=True),
    )
    y = alt.Y("ms:Q", title="time (ms)", scale=alt.Scale(type="log", nice=False, padding=8))
    colour = arm_colour(arms)
    layers = [
        on("blocks")
        .transform_flatten(["nines", "ms"])
        .mark_line(opacity=0.25, strokeWidth=1)
        .encode(x=x, y=y, color=colour, detail="block:N"),
        on("medians")
        .transform_flatten(["nines", "ms"])
        .mark_line(strokeWidth=2.2)
        .encode(
            x=x,
            y=y,
            color=colour,
            strokeDash=alt.StrokeDash(
                "kind:N", scale=alt.Scale(domain=["response", "service"], range=list(DASHES[:2])), legend=OUTLINES
            ),
            tooltip=["arm:N", "kind:N", number("ms")],
        ),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH - LEGEND, height=320)
    return specification(chart, blocks=blocks, medians=medians)


def time_chart(rows: Rows, arms: Sequence[str], title: str) -> Spec:
    """One faint line for each trial: rows {arm, block, s[], value[]}; the measure phase starts at 0."""
    lines = (
        on("rows")
        .transform_flatten(["s", "value"])
        .mark_line(opacity=0.7, strokeWidth=1.3)
        .encode(
            x=alt.X("s:Q", title="seconds since the measure phase began", axis=WHOLE),
            y=alt.Y("value:Q", title=title, scale=FROM_ZERO),
            color=arm_colour(arms),
            detail="block:N",
            tooltip=["arm:N", "block:N", "s:Q", number("value", title)],
        )
    )
    start = on("start").mark_rule(color=INK, strokeDash=[3, 3], opacity=0.6).encode(x="s:Q")
    chart = alt.layer(lines, start).properties(width=WIDTH - LEGEND, height=200)
    return specification(chart, rows=rows, start=[{"s": 0}])


def process_chart(rows: Rows, arms: Sequence[str], roles: Sequence[str], title: str) -> Spec:
    """One line for each process, one panel for each arm: rows {arm, process, role, s[], value[]}."""
    lines = (
        alt.Chart()
        .transform_flatten(["s", "value"])
        .mark_line(strokeWidth=1.4)
        .encode(
            x=alt.X("s:Q", title="seconds", axis=WHOLE),
            y=alt.Y("value:Q", title=title, scale=FROM_ZERO),
            color=arm_colour(arms, legend=False),
            strokeDash=alt.StrokeDash(
                "role:N", scale=alt.Scale(domain=list(roles), range=list(DASHES[: len(roles)])), legend=OUTLINES
            ),
            detail="process:N",
            tooltip=["arm:N", "process:N", "role:N", "s:Q", number("value", title)],
        )
        .properties(width=(WIDTH - LEGEND) // PANELS, height=180)
    )
    header = alt.Header(title=None, labelLimit=NAME_LIMIT, labelFontWeight="bold")
    panel = alt.Facet("arm:N", sort=list(arms), header=header)
    chart = lines.facet(facet=panel, columns=PANELS, data=alt.NamedData(name="rows"))
    return specification(chart, rows=rows)


def order_chart(rows: Rows, arms: Sequence[str], titles: Sequence[str]) -> Spec:
    """Values in the order of the run, one panel for each metric: rows {title, arm, trial, place, value}."""
    panels = [
        on(title)
        .mark_point(filled=True, size=55, opacity=0.85)
        .encode(
            x=alt.X("place:Q", title="place in the run", axis=WHOLE, scale=PADDED),
            y=alt.Y("value:Q", title=title, scale=PADDED),
            color=arm_colour(arms),
            tooltip=["trial:N", "arm:N", number("value")],
        )
        .properties(width=WIDTH - LEGEND, height=150)
        for title in titles
    ]
    return specification(
        alt.vconcat(*panels), **{title: [row for row in rows if row["title"] == title] for title in titles}
    )
