"""Axes: from values to places with round numbers to label them, one plot with two of them, and phases along time.

A plot says in its attributes how places become values, for the page's script.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from lab.report.charts.svg import CHARACTER, label, num, path, tag

NINES = ((0.0, "min"), (0.301, "p50"), (1.0, "p90"), (2.0, "p99"), (3.0, "p99.9"), (4.0, "p99.99"), (5.0, "p99.999"))
BOTTOM = 40.0  # pixels of the horizontal axis with its title
LEFT = 62.0  # pixels of the vertical axis with its title
GAP = 16.0
NAMES_HEIGHT = 14.0  # pixels of the names, between a plot and its heading


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One phase from ``low`` to ``high`` of the axis. ``measured``: its numbers count, and it has no shade."""

    name: str
    low: float
    high: float
    measured: bool = False


def shades_of(phases: Sequence[Stretch], x: Scale, width: float, height: float) -> Iterator[str]:
    """A shade over every phase that is not measured; it belongs below the lines."""
    for phase in phases:
        if not phase.measured:
            left, right = (width * (place or 0.0) for place in x.along((phase.low, phase.high)))
            yield tag("rect", class_="phase", x=left, width=right - left, height=height)


def borders_of(phases: Sequence[Stretch], x: Scale, width: float, height: float) -> Iterator[str]:
    """An upright line wherever a phase begins inside the axis."""
    for phase in phases:
        if phase.low > x.low:
            left, _ = _ends(phase, x, width)
            yield tag("line", class_="guide", x1=left, x2=left, y2=height)


def names_of(phases: Sequence[Stretch], x: Scale, width: float) -> str:
    """Each name above the middle of its phase; where that is too narrow it waits, unseen, until the axis is zoomed."""
    names = []
    for phase in phases:
        left, right = _ends(phase, x, width)
        fits = CHARACTER * len(phase.name) <= right - left
        names.append(
            label(
                phase.name,
                (left + right) / 2,
                -6,
                class_="minor phase-name" if fits else "minor phase-name off",
                text_anchor="middle",
                data_low=f"{phase.low:.6g}",
                data_high=f"{phase.high:.6g}",
            )
        )
    return tag("g", *names) if names else ""


def _ends(phase: Stretch, x: Scale, width: float) -> tuple[float, float]:
    return width * x.at(phase.low), width * x.at(phase.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A plot's place in the figure, in pixels, and its scales."""

    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale

    def px(self, value: float) -> float:
        """Pixels from the left edge of the plot; below zero where the axis begins after the value."""
        return self.width * (self.x.along([value])[0] or 0.0)

    def py(self, value: float) -> float:
        """Pixels from the upper edge of the plot."""
        return self.height * (1 - self.y.at(value))

    def line(self, xs: Sequence[float], ys: Sequence[float | None]) -> str:
        """The data of a path through values; None interrupts it."""
        return path(self.points(xs, ys))

    def points(self, xs: Sequence[float], ys: Sequence[float | None]) -> Iterable[tuple[float, float | None]]:
        """Values as places."""
        width, height = self.width, self.height
        return [
            (width * (x or 0.0), None if y is None else height * (1 - y))
            for x, y in zip(self.x.along(xs), self.y.along(ys), strict=True)
        ]


def frame(
    panel: Panel,
    *marks: str,
    x_title: str = "",
    y_title: str = "",
    heading: str = "",
    zoom: bool = False,
    x_labels: bool = True,
    arm: int | None = None,
    phases: Sequence[Stretch] = (),
) -> str:
    """Grid, axes and marks. ``zoom``: the marks are lines and areas, which may be stretched along x.

    ``phases`` are named above the plot; their shades and borders are marks.
    """
    plot = tag(
        "svg",
        *marks,
        class_="plot",
        width=panel.width,
        height=panel.height,
        viewBox=f"0 0 {num(panel.width)} {num(panel.height)}",
        preserveAspectRatio="none",
    )
    return tag(
        "g",
        label(heading, 0, -8 - (NAMES_HEIGHT if phases else 0), 40, class_="heading") if heading else "",
        names_of(phases, panel.x, panel.width),
        _y_axis(panel, y_title),
        tag("rect", class_="ink edge", width=panel.width, height=panel.height),
        plot,
        _x_axis(panel, x_title, x_labels=x_labels),
        class_="panel" if arm is None else "panel arm",
        data_arm=None if arm is None else str(arm),
        transform=f"translate({num(panel.left)} {num(panel.top)})",
        data_x=_described(panel.x),
        data_y=_described(panel.y),
        data_size=f"{num(panel.width)} {num(panel.height)}",
        data_names=f"{x_title}|{y_title}",
        data_zoom="x" if zoom else None,
        data_least=f"{panel.x.start:.6g}" if panel.x.start < 0 else None,
    )


def _described(scale: Scale) -> str:
    return f"{scale.kind} {scale.low:.8g} {scale.high:.8g}"


def _y_axis(panel: Panel, title: str) -> str:
    parts = [
        tag("line", class_="ink grid", x2=panel.width, y1=panel.py(value), y2=panel.py(value))
        + label(text, -7, panel.py(value) + 4, text_anchor="end")
        for value, text in panel.y.ticks
    ]
    middle = panel.height / 2
    place = {"transform": f"translate(-48 {num(middle)}) rotate(-90)", "text_anchor": "middle"}
    return tag("g", *parts, label(title, 0, 0, int(panel.height / 5.5), class_="axis-title", **place) if title else "")


def _x_axis(panel: Panel, title: str, *, x_labels: bool) -> str:
    ticks = [
        tag(
            "g",
            tag("line", class_="ink", y2=5),
            label(text, 0, 18, text_anchor="middle") if x_labels else "",
            class_="tick",
            data_value=f"{value:.8g}",
            transform=f"translate({num(panel.px(value))} {num(panel.height)})",
        )
        for value, text in panel.x.ticks
    ]
    where = label(title, panel.width / 2, panel.height + 34, class_="axis-title", text_anchor="middle") if title else ""
    return tag("g", tag("g", *ticks, class_="ticks"), where)
