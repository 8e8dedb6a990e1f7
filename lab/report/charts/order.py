"""Values in the order of the run, one low panel for each: what all arms share in them is the machine's."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.report.charts.axes import BOTTOM, LEFT, Panel, frame
from lab.report.charts.scales import linear, span
from lab.report.charts.svg import WIDTH, dot_class, drawing, hint, in_arm, legend, tag

HEIGHT = 110.0
HEAD = 24.0
MAX_TICKS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPoint:
    """One trial: its place in the run, from 1, and what it stands for in words; ``hollow``: it does not count."""

    arm: int
    place: int
    value: float
    text: str
    hollow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPanel:
    """One quantity. ``zero``: its axis starts there, as that of a fraction does."""

    heading: str
    points: tuple[OrderPoint, ...]
    percent: bool = False
    zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Panels one below the other over the same places. ``blocks`` are the places, from 1, at which blocks begin."""

    title: str
    arms: Sequence[str]
    trials: int
    panels: tuple[OrderPanel, ...]
    blocks: tuple[int, ...] = ()

    def svg(self) -> str:
        """The drawing."""
        keys = legend(self.arms)
        x = span(0.5, self.trials + 0.5, min(MAX_TICKS, self.trials))
        y, parts = keys.height, [keys.markup]
        for place, own in enumerate(self.panels):
            last = place == len(self.panels) - 1
            values = [point.value for point in own.points]
            panel = Panel(
                left=LEFT,
                top=y + HEAD,
                width=WIDTH - LEFT - 16,
                height=HEIGHT,
                x=x,
                y=linear(values, zero=own.zero, ticks=3, percent=own.percent),
            )
            title = "place in the run" if last else ""
            edges = [panel.px(place - 0.5) for place in self.blocks if place > 1]  # the next trial begins a block
            borders = (tag("line", class_="ink grid", x1=x, x2=x, y2=HEIGHT) for x in edges)
            marks = [*borders, *(_point(panel, point) for point in own.points)]
            parts.append(frame(panel, *marks, heading=own.heading, x_title=title, x_labels=last))
            y += HEAD + HEIGHT + 14
        return drawing(self.title, y + BOTTOM - 8, *parts)


def _point(panel: Panel, point: OrderPoint) -> str:
    shape = dot_class(hollow=point.hollow)
    dot = tag("circle", hint(point.text), class_=shape, cx=panel.px(point.place), cy=panel.py(point.value), r=4)
    return in_arm(point.arm, dot)
