"""One plot with its two axes, ready for the page's script: it says in its attributes how places become values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.report.charts.draw import label, num, path, tag
from lab.report.charts.phases import NAMES_HEIGHT, Stretch, names_of
from lab.report.charts.scales import Scale
from lab.report.charts.style import WIDTH

BOTTOM = 40.0  # pixels of the horizontal axis with its title
LEFT = 62.0  # pixels of the vertical axis with its title
GAP = 16.0


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
        """Pixels from the left edge of the plot."""
        return self.width * self.x.at(value)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where small multiples go: ``columns`` side by side below ``top``, each plot ``height`` pixels high."""

    columns: int
    top: float
    height: float
    extra: float = 26.0  # pixels for the heading above each plot
    left: float = LEFT

    def place(self, number: int) -> tuple[float, float, float]:
        """(left, top, width) of the plot with this number, from 0."""
        cell = WIDTH / self.columns
        row, column = divmod(number, self.columns)
        top = self.top + self.extra + row * (self.height + self.extra + BOTTOM + GAP)
        return column * cell + self.left, top, cell - self.left - GAP

    def bottom(self, count: int) -> float:
        """The lower end of so many plots."""
        rows = -(-count // self.columns)
        return self.top + rows * (self.height + self.extra + BOTTOM + GAP) - GAP
