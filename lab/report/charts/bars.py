"""Bars from zero: stacked by part along x, and grouped by place along y; every block's value stands on them."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.report.charts.axes import BOTTOM, LEFT, Panel, frame
from lab.report.charts.scales import UNLABELLED, linear
from lab.report.charts.svg import (
    NAME_LIMIT,
    WIDTH,
    Key,
    beside_arm,
    dot_class,
    drawing,
    fill_key,
    hint,
    in_arm,
    label,
    legend,
    shades,
    tag,
)

NAMES = 200.0  # pixels of the arms' names
ROW = 34.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value on a bar: ``kind`` chooses its shape, ``text`` says what it is; ``faint`` ones stand back.

    ``hollow`` is of a block that does not count.
    """

    kind: int
    value: float
    text: str
    faint: bool = False
    hollow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedBar:
    """One arm: its parts as (part, value, text) from the axis outwards, and marks on it."""

    arm: int
    name: str
    parts: tuple[tuple[str, float, str], ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacked:
    """Horizontal bars, one for each arm, stacked by part. ``kinds`` name the shapes of the marks."""

    title: str
    axis: str
    parts: tuple[str, ...]
    kinds: tuple[str, ...]
    bars: tuple[StackedBar, ...]

    def svg(self) -> str:
        """The drawing."""
        opacity = dict(zip(self.parts, shades(len(self.parts)), strict=True))
        keys = legend(
            (), [*(fill_key(part, opacity[part]) for part in self.parts), *map(_shape_key, enumerate(self.kinds))]
        )
        ends = [sum(value for _, value, _ in bar.parts) for bar in self.bars]
        values = [*ends, *(mark.value for bar in self.bars for mark in bar.marks)]
        height = ROW * len(self.bars)
        panel = Panel(
            left=NAMES,
            top=keys.height,
            width=WIDTH - NAMES - 20,
            height=height,
            x=linear(values, zero=True, ticks=8),
            y=UNLABELLED,
        )
        rows = [_stack(panel, bar, place, opacity) for place, bar in enumerate(self.bars)]
        names = [
            label(bar.name, NAMES - 10, keys.height + ROW * (place + 0.5) + 4, NAME_LIMIT, text_anchor="end")
            for place, bar in enumerate(self.bars)
        ]
        grid = [tag("line", class_="ink grid", x1=panel.px(at), x2=panel.px(at), y2=height) for at, _ in panel.x.ticks]
        body = frame(panel, *grid, *rows, x_title=self.axis)
        return drawing(self.title, keys.height + height + BOTTOM, keys.markup, *names, body)


def _stack(panel: Panel, bar: StackedBar, place: int, opacity: dict[str, float]) -> str:
    top, pieces, start = ROW * place, [], 0.0
    for part, value, text in bar.parts:
        left, right = panel.px(start), panel.px(start + value)
        pieces.append(
            tag(
                "rect",
                hint(f"{bar.name}, {part}: {text}"),
                class_="bar mark",
                x=left,
                y=top + 6,
                width=right - left,
                height=ROW - 12,
                fill_opacity=f"{opacity[part]:.2f}",
            )
        )
        start += value
    marks = [_shape(mark, panel.px(mark.value), top + ROW / 2) for mark in bar.marks]
    return in_arm(bar.arm, *pieces) + beside_arm(bar.arm, *marks)


def _circle(x: float, y: float) -> tuple[str, Mapping[str, str | float]]:
    return "circle", {"cx": x, "cy": y, "r": 3.5}


def _triangle(x: float, y: float) -> tuple[str, Mapping[str, str | float]]:
    return "path", {"d": f"M{x:.1f},{y - 5:.1f}l5,9h-10z"}


def _diamond(x: float, y: float) -> tuple[str, Mapping[str, str | float]]:
    return "path", {"d": f"M{x:.1f},{y - 5:.1f}l5,5l-5,5l-5,-5z"}


SHAPES = (_circle, _triangle, _diamond)  # one block, another account of the same thing, a third one


def _shape(mark: Mark, x: float, y: float) -> str:
    name, where = SHAPES[mark.kind % len(SHAPES)](x, y)
    return tag(name, hint(mark.text), class_=dot_class(hollow=mark.hollow), **where)


def _shape_key(numbered: tuple[int, str]) -> Key:
    """In a legend a shape stands for nothing but itself."""
    place, name = numbered
    shape, where = SHAPES[place % len(SHAPES)](11, 5)
    return Key(name=name, mark=tag(shape, class_="dot", **where))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One arm: a bar for each place as (value, text), and marks as (place from 0, mark)."""

    arm: int
    name: str
    bars: tuple[tuple[float | None, str], ...]
    marks: tuple[tuple[int, Mark], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Vertical bars side by side, grouped by arm. ``even`` is a dashed line across; ``kinds`` name the marks."""

    title: str
    axis: str
    groups: tuple[Group, ...]
    kinds: tuple[str, ...]
    percent: bool = False
    even: float | None = None
    width: float = WIDTH
    height: float = 220.0

    def svg(self) -> str:
        """The drawing."""
        arms = [group.name for group in self.groups]
        keys = legend(arms, list(map(_shape_key, enumerate(self.kinds))), self.width)
        values = [value for group in self.groups for value, _ in group.bars]
        values += [mark.value for group in self.groups for _, mark in group.marks]
        panel = Panel(
            left=LEFT,
            top=keys.height + 6,
            width=self.width - LEFT - 20,
            height=self.height,
            x=UNLABELLED,
            y=linear([*values, self.even], zero=True, percent=self.percent),
        )
        cell = panel.width / max(1, len(self.groups))
        parts = [_group(panel, group, cell * place, cell) for place, group in enumerate(self.groups)]
        if self.even is not None:
            y = panel.py(self.even)
            parts.append(tag("line", class_="guide", x2=panel.width, y1=y, y2=y))
        names = [
            label(
                group.name,
                LEFT + cell * (place + 0.5),
                panel.top + panel.height + 18,
                max(6, int(cell / 7.2)),
                text_anchor="middle",
            )
            for place, group in enumerate(self.groups)
        ]
        body = frame(panel, *parts, y_title=self.axis)
        return drawing(self.title, panel.top + panel.height + 28, keys.markup, body, *names, width=self.width)


def _group(panel: Panel, group: Group, left: float, cell: float) -> str:
    step = cell * 0.86 / max(1, len(group.bars))
    start = left + cell * 0.07
    bars = [
        tag(
            "rect",
            hint(f"{group.name}, {text}"),
            class_="bar mark",
            fill_opacity="0.8",
            x=start + step * place + step * 0.06,
            width=step * 0.88,
            y=panel.py(value),
            height=panel.height - panel.py(value),
        )
        for place, (value, text) in enumerate(group.bars)
        if value is not None
    ]
    faint, strong = (
        [
            _shape(mark, start + step * (place + 0.5), panel.py(mark.value))
            for place, mark in group.marks
            if mark.faint is wanted
        ]
        for wanted in (True, False)
    )
    return in_arm(group.arm, *bars) + beside_arm(group.arm, tag("g", *faint, class_="faint") if faint else "", *strong)
