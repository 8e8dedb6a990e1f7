"""Lines and areas over an axis that runs (time, the tail): one plot, or small multiples on the same axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.report.charts.axes import BOTTOM, GAP, LEFT, NAMES_HEIGHT, Panel, Stretch, borders_of, frame, shades_of
from lab.report.charts.scales import Scale
from lab.report.charts.svg import DASHES, WIDTH, Key, area, drawing, fill_key, hint, in_arm, legend, path, tag

Track = Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: ``name`` says what it is. ``low`` and ``high``, where given, bound an area of that ``opacity``.

    ``faint``: one of many, below the others and left out by the arrow keys; ``border``: as thin, but the upper border
    of an area, which is read like any line. ``points``: a dot at each value, for a line between few measured places.
    """

    arm: int
    name: str
    xs: Sequence[float]
    ys: Track
    faint: bool = False
    border: bool = False
    dash: int = 0
    low: Track = ()
    high: Track = ()
    opacity: float = 0.15
    points: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One panel; with ``arm`` it belongs to that arm alone and ``heading`` names it. ``phases`` are in its range."""

    series: tuple[Series, ...]
    heading: str = ""
    arm: int | None = None
    phases: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Panels on the same axes. ``shade``: what the legend says of phases that are not measured."""

    title: str
    arms: tuple[str, ...]
    plots: tuple[Plot, ...]
    x: Scale
    y: Scale
    x_title: str
    y_title: str
    keys: tuple[Key, ...] = ()
    columns: int = 1
    height: float = 230.0
    shade: str = "not measured"

    def svg(self) -> str:
        """The drawing."""
        phases = [phase for plot in self.plots for phase in plot.phases]
        shaded = any(not phase.measured for phase in phases)
        top = legend(self.arms, [*self.keys, *([fill_key(self.shade, 0.12)] if shaded else [])])
        extra = (26.0 if self._headed else 6.0) + (NAMES_HEIGHT if phases else 0.0)
        grid = _Grid(columns=self.columns, top=top.height, height=self.height, extra=extra)
        panels = [self._panel(grid, number, plot) for number, plot in enumerate(self.plots)]
        return drawing(self.title, grid.bottom(len(panels)), top.markup, *panels)

    @property
    def _headed(self) -> bool:
        return any(plot.heading for plot in self.plots)

    def _panel(self, grid: _Grid, number: int, plot: Plot) -> str:
        left, top, width = grid.place(number)
        panel = Panel(left=left, top=top, width=width, height=self.height, x=self.x, y=self.y)
        ordered = sorted(plot.series, key=lambda series: not series.faint)
        ground = [
            *shades_of(plot.phases, panel.x, panel.width, panel.height),
            *borders_of(plot.phases, panel.x, panel.width, panel.height),
            *_uprights(panel),
        ]
        return frame(
            panel,
            *ground,
            *(_drawn(panel, series) for series in ordered),
            x_title=self.x_title,
            y_title=self.y_title if number % grid.columns == 0 else "",
            heading=plot.heading,
            zoom=True,
            arm=plot.arm,
            phases=plot.phases,
        )


def _uprights(panel: Panel) -> Iterator[str]:
    """Quantiles are read off at their own lines; time needs none."""
    for value, _ in panel.x.ticks if panel.x.kind == "nines" else ():
        yield tag("line", class_="ink grid thin", x1=panel.px(value), x2=panel.px(value), y2=panel.height)


def _drawn(panel: Panel, series: Series) -> str:
    parts: list[str] = []
    if series.low and series.high:
        shape = area(panel.points(series.xs, series.high), panel.points(series.xs, series.low))
        parts.append(tag("path", class_="band", d=shape, fill_opacity=f"{series.opacity:.2f}"))
    line = panel.line(series.xs, series.ys)
    if line:
        looks = "line faint" if series.faint else "line border" if series.border else "line"
        dash = DASHES[series.dash % len(DASHES)] or None
        parts.append(tag("path", hint(series.name), class_=looks, d=line, stroke_dasharray=dash))
    if series.points and line:  # strokes of no length: a circle would be stretched by zooming
        alone = (place for x, y in panel.points(series.xs, series.ys) for place in ((x, y), (x, None)))
        parts.append(tag("path", class_="points", d=path(alone)))
    return in_arm(series.arm, *parts)


def columns_for(panels: int) -> int:
    """Side by side up to three."""
    return min(3, max(1, panels)) if panels != 4 else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The grid of small multiples: ``columns`` side by side below ``top``, each plot ``height`` pixels high."""

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
