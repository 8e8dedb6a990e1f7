"""What all figures share: colours, sizes, and how a chart becomes a specification with its data inside.

One colour for each arm everywhere (Okabe and Ito's palette, safe for colour-blind readers, without its black and
yellow, which vanish on a dark or a light page); roles are shades of it. Text is ``currentColor``: it follows the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import altair as alt

from lab.report.content import Spec

Rows = Sequence[Mapping[str, Any]]

ARM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
SHAPES = ("circle", "triangle-up", "diamond")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [1, 4])
WIDTH = 780  # pixels of a whole figure
LEGEND = 150  # pixels beside it
NAME_LIMIT = 220  # pixels; longer names are cut with an ellipsis, the tables have them in full
INK = "currentColor"
OUTLINES = alt.Legend(title=None, symbolStrokeColor=INK)
PADDED = alt.Scale(zero=False, nice=False, padding=14)
FROM_ZERO = alt.Scale(zero=True)


def on(dataset: str) -> Any:
    """A chart over a named data set, whose rows ``specification`` adds."""
    return alt.Chart(alt.NamedData(name=dataset))


def arm_colour(arms: Sequence[str], *, legend: bool = True) -> Any:
    """The colour channel; every arm keeps its colour whichever rows there are."""
    scale = alt.Scale(domain=list(arms), range=list(islice(cycle(ARM_COLOURS), len(arms))))
    shown = alt.Legend(title=None, labelLimit=NAME_LIMIT, symbolOpacity=1, symbolStrokeWidth=3)
    return alt.Color("arm:N", scale=scale, legend=shown if legend else None)


def number(field: str, title: str = "", form: str = ".4~g") -> Any:
    """A number in a tooltip."""
    return alt.Tooltip(f"{field}:Q", format=form, title=title or field)


def specification(chart: Any, **datasets: Rows) -> Spec:
    """The styled chart with its rows; they bypass Altair, which would copy and check each of them."""
    styled = (
        chart.configure(background="transparent", font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            domainColor=INK,
            tickColor=INK,
            gridColor=INK,
            gridOpacity=0.15,
            labelFontSize=11,
        )
        .configure_legend(labelColor=INK, titleColor=INK, labelFontSize=12)
        .configure_header(labelColor=INK, titleColor=INK)
    )
    spec: dict[str, Any] = styled.to_dict()
    del spec["$schema"]  # an address nobody needs to ask
    return spec | {"datasets": {name: list(rows) for name, rows in datasets.items()}}
