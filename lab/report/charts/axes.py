"""Axes: one plot with two scales, and phases along time.

A plot says in its attributes how places become values, for the page's script.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.report.charts.scales import Scale
from lab.report.charts.svg import CHARACTER, label, num, path, tag

BOTTOM = 40.0  # pixels of the horizontal axis with its title
LEFT = 62.0  # pixels of the vertical axis with its title
GAP = 16.0
LONGEST_HEADING, BOLD_CHARACTER = 40, 7.5  # characters, and pixels of an average one
NAMES_HEIGHT = 14.0  # pixels of the names, between a plot and its heading


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
    return tag(
        "g",
        label(heading, 0, -8 - (NAMES_HEIGHT if phases else 0), _room(panel), class_="heading") if heading else "",
        names_of(phases, panel.x, panel.width),
        _y_axis(panel, y_title),
        tag("rect", class_="ink edge", width=panel.width, height=panel.height),
        _plot(panel, marks),
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


def _room(panel: Panel) -> int:
    """Characters of a heading that end where the panel does, or sooner where it is wide."""
    return min(LONGEST_HEADING, int(panel.width / BOLD_CHARACTER))


def _plot(panel: Panel, marks: Iterable[str]) -> str:
    return tag(
        "svg",
        *marks,
        class_="plot",
        width=panel.width,
        height=panel.height,
        viewBox=f"0 0 {num(panel.width)} {num(panel.height)}",
        preserveAspectRatio="none",
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
