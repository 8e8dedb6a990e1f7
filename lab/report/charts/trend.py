"""One metric over runs: what an arm measured in each, joined as far as the conditions are the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, isfinite

from lab.report.charts.axes import BOTTOM, LEFT, Panel, frame
from lab.report.charts.scales import Scale, linear
from lab.report.charts.svg import WIDTH, dot_class, drawing, hint, in_arm, label, legend, num, tag

HEIGHT = 260.0
HEAD = 22.0
MAX_DATES = 8  # as many as fit below the axis
ARMS = 4.5  # pixels of a cross, and of a bar, to each side
DODGE = 0.11  # of the way to the next run: arms stand beside each other


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """One arm in one run: its place, from 1, its value with the ends of a whisker, and all of it in words.

    A whisker with an infinite end leaves the plot. An infinite value is a cross at its upper edge.

    ``hollow``: the run is not valid. ``lost``: the value of some blocks is infinite, as it lies among failed requests.
    """

    arm: int
    place: int
    value: float
    low: float
    high: float
    text: str
    hollow: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendChange:
    """Conditions that are others from a place on; ``name`` stands above the line, ``text`` names them."""

    place: int
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Runs from left to right, the oldest first. ``dates`` has one for each."""

    title: str
    arms: tuple[str, ...]
    dates: tuple[str, ...]
    points: tuple[TrendPoint, ...]
    changes: tuple[TrendChange, ...]
    y_title: str

    def svg(self) -> str:
        """The drawing."""
        keys = legend(self.arms)
        ends = [end for point in self.points for end in (point.low, point.value, point.high) if isfinite(end)]
        panel = Panel(
            left=LEFT,
            top=keys.height + HEAD,
            width=WIDTH - LEFT - 16,
            height=HEIGHT,
            x=_places(self.dates),
            y=linear(ends),
        )
        borders = (_border(panel, change) for change in self.changes)
        marks = [*borders, *self._lines(panel), *(self._point(panel, point) for point in self.points)]
        names = [_name(panel, change) for change in self.changes]
        plot = frame(panel, *marks, x_title="run, oldest first", y_title=self.y_title)
        return drawing(self.title, keys.height + HEAD + HEIGHT + BOTTOM, keys.markup, *names, plot)

    def _at(self, panel: Panel, point: TrendPoint) -> float:
        return panel.px(point.place + DODGE * (point.arm - (len(self.arms) - 1) / 2))

    def _lines(self, panel: Panel) -> Iterator[str]:
        """From run to run of each arm, not across a change, nor to a run that failed or over it."""
        broken = {change.place for change in self.changes}
        for arm in range(len(self.arms)):
            own = sorted((point for point in self.points if point.arm == arm), key=lambda point: point.place)
            for one, other in pairwise(own):
                known = isfinite(one.value) and isfinite(other.value)
                if known and broken.isdisjoint(range(one.place + 1, other.place + 1)):
                    ends = {"x1": self._at(panel, one), "x2": self._at(panel, other)}
                    heights = {"y1": panel.py(one.value), "y2": panel.py(other.value)}
                    yield in_arm(arm, tag("line", class_="line", **ends, **heights))

    def _point(self, panel: Panel, point: TrendPoint) -> str:
        x = self._at(panel, point)
        ends = {"y1": panel.py(point.low), "y2": panel.py(point.high)}
        whisker = tag("line", class_="ink edge", x1=x, x2=x, **ends)
        bar = tag("line", class_="ink", x1=x - ARMS, x2=x + ARMS, y1=1, y2=1) if point.lost else ""
        return in_arm(point.arm, whisker, bar, _mark(point, x, panel.py(point.value)))


def _mark(point: TrendPoint, x: float, y: float) -> str:
    if isfinite(point.value):
        return tag("circle", hint(point.text), class_=dot_class(hollow=point.hollow), cx=x, cy=y, r=4.5)
    y += ARMS + 1  # all of it below the edge
    down, up = (f"M{num(x - ARMS)},{num(y - end)}L{num(x + ARMS)},{num(y + end)}" for end in (ARMS, -ARMS))
    return tag("path", hint(point.text), class_="line mark", d=f"{down}{up}")


def _places(dates: Sequence[str]) -> Scale:
    """Places from 1, some of them labelled with their dates, the last one always."""
    step = ceil(len(dates) / MAX_DATES) if dates else 1
    shown = range(len(dates), 0, -step)
    ticks = tuple((float(place), dates[place - 1]) for place in reversed(shown))
    return Scale(low=0.5, high=len(dates) + 0.5, ticks=ticks)


def _border(panel: Panel, change: TrendChange) -> str:
    x = panel.px(change.place - 0.5)
    return tag("line", hint(change.text), class_="guide", x1=x, x2=x, y2=HEIGHT)


def _name(panel: Panel, change: TrendChange) -> str:
    x, y = panel.left + panel.px(change.place - 0.5), panel.top - 6
    return label(change.name, x, y, 6, class_="strong", text_anchor="middle")
