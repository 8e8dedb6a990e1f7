"""Lines and areas over an axis that runs (time, the tail): one plot, or small multiples on the same axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.report.charts.draw import area, hint, tag
from lab.report.charts.panel import Grid, Panel, frame
from lab.report.charts.scales import Scale
from lab.report.charts.style import DASHES, Key, drawing, fill_key, in_arm, legend

Track = Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: ``name`` says what it is. ``low`` and ``high``, where given, bound an area of that ``opacity``."""

    arm: int
    name: str
    xs: Sequence[float]
    ys: Track
    faint: bool = False
    dash: int = 0
    low: Track = ()
    high: Track = ()
    opacity: float = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One panel; with ``arm`` it belongs to that arm alone and ``heading`` names it."""

    series: tuple[Series, ...]
    heading: str = ""
    arm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Panels on the same axes. ``shaded`` is a stretch of x that is not measured, with its name in the legend."""

    title: str
    arms: tuple[str, ...]
    plots: tuple[Plot, ...]
    x: Scale
    y: Scale
    x_title: str
    y_title: str
    keys: tuple[Key, ...] = ()
    shaded: tuple[float, float] | None = None
    shaded_name: str = "warm-up"
    columns: int = 1
    height: float = 230.0

    def svg(self) -> str:
        """The drawing."""
        keys = [*self.keys, *([fill_key(self.shaded_name, 0.12)] if self.shaded else [])]
        top = legend(self.arms, keys)
        grid = Grid(columns=self.columns, top=top.height, height=self.height, extra=26.0 if self._headed else 6.0)
        panels = [self._panel(grid, number, plot) for number, plot in enumerate(self.plots)]
        return drawing(self.title, grid.bottom(len(panels)), top.markup, *panels)

    @property
    def _headed(self) -> bool:
        return any(plot.heading for plot in self.plots)

    def _panel(self, grid: Grid, number: int, plot: Plot) -> str:
        left, top, width = grid.place(number)
        panel = Panel(left=left, top=top, width=width, height=self.height, x=self.x, y=self.y)
        ordered = sorted(plot.series, key=lambda series: not series.faint)
        marks = [*self._phase(panel), *_uprights(panel), *(_drawn(panel, series) for series in ordered)]
        return frame(
            panel,
            *marks,
            x_title=self.x_title,
            y_title=self.y_title if number % grid.columns == 0 else "",
            heading=plot.heading,
            zoom=True,
            arm=plot.arm,
        )

    def _phase(self, panel: Panel) -> Iterator[str]:
        if self.shaded is None:
            return
        left, right = (panel.px(end) for end in self.shaded)
        yield tag("rect", class_="phase", x=left, width=right - left, height=panel.height)
        yield tag("line", class_="guide", x1=right, x2=right, y2=panel.height)


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
        looks = "line faint" if series.faint else "line"
        dash = DASHES[series.dash % len(DASHES)] or None
        parts.append(tag("path", hint(series.name), class_=looks, d=line, stroke_dasharray=dash))
    return in_arm(series.arm, *parts)


def columns_for(panels: int) -> int:
    """Side by side up to three."""
    return min(3, max(1, panels)) if panels != 4 else 2
