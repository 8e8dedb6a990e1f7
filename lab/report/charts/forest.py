"""The answer at a glance: the ratio of every primary, its interval, its blocks, and the band of equivalence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, isfinite, log2

from lab.report.charts.axes import Panel
from lab.report.charts.scales import UNLABELLED, Scale
from lab.report.charts.svg import beside_arm, cut, dot_class, drawing, hint, in_arm, label, num, tag

WIDTH = 400.0  # narrower than other figures: it stands beside the sentences, and fits a phone
SIDE = 16.0  # half a label of the axis
WORDS = 100.0  # of the widest verdict, set to the right
TEXT, PLOT, HEAD, AXIS = 18.0, 20.0, 24.0, 44.0
ROW = TEXT + PLOT  # the name and the verdict stand above the marks, and the size beside them
CLEAR = 8.0  # between marks and their size
BOLD = 8.0  # pixels of a wide character
NAME_LIMIT = 25
LINEAR_SPAN = 3.0  # ratios farther apart than this are labelled at powers of two
TICK_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
LABEL_ROOM = 38.0  # pixels from the middle of one label of the axis to the next
MAX_TICKS = 7
DOUBLE = 2.0  # from here on a multiple reads better than a change


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One contender in one metric. ``points`` are (block, ratio), hollow those of blocks that are not in ``valid``.

    ``band`` are the bounds of equivalence.

    ``estimate`` is the ratio that the sentence names, ``interval`` the one that decides, with an infinite end where
    nothing bounds it; ``word`` is the verdict, ``size`` the estimate in words.
    """

    metric: str
    arm: int
    name: str
    points: tuple[tuple[int, float], ...]
    valid: tuple[int, ...]
    estimate: float
    interval: tuple[float, float] | None
    band: tuple[float, float] | None
    word: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Rows by metric, arms in the order of the answers and controls last, on one log axis of ratios to the baseline."""

    title: str
    baseline: str
    rows: tuple[ForestRow, ...]

    def svg(self) -> str:
        """The drawing."""
        groups = [list(rows) for _, rows in groupby(self.rows, key=lambda row: row.metric)]
        height = sum(HEAD + ROW * len(rows) for rows in groups)
        values = [value for row in self.rows for value in _values(row)]
        panel = Panel(left=SIDE, top=4, width=WIDTH - 2 * SIDE, height=height, x=ratios(values), y=UNLABELLED)
        parts: list[str] = []
        y = panel.top
        for rows in groups:
            parts.append(label(rows[0].metric, 0, y + 16, 60, class_="strong"))
            y += HEAD
            for row in rows:
                parts.append(_grid(panel, row, y + TEXT) + _row(panel, row, y))
                y += ROW
        return drawing(self.title, y + AXIS, _axis(panel, y, self.baseline), *parts, width=WIDTH)


def _values(row: ForestRow) -> Iterator[float]:
    yield row.estimate
    yield from (ratio for _, ratio in row.points)
    yield from filter(isfinite, row.interval or ())


def _axis(panel: Panel, bottom: float, baseline: str) -> str:
    named = with_room([panel.px(at) for at, _ in panel.x.ticks], panel.px(1))
    ticks = [
        label(text, panel.px(at), bottom + 16, text_anchor="middle")
        for at, text in panel.x.ticks
        if panel.px(at) in named
    ]
    title = f"difference from {cut(baseline, NAME_LIMIT)} (log axis)"
    where = label(title, panel.width / 2, bottom + 36, class_="axis-title", text_anchor="middle")
    return tag("g", *ticks, where, transform=f"translate({num(panel.left)} 0)")


def _grid(panel: Panel, row: ForestRow, top: float) -> str:
    """The lines behind the marks of a row; none runs through the texts above them, nor through the size beside them."""
    low, high = _beside(panel, row) or (0.0, 0.0)
    lines = [
        tag("line", class_="guide" if at == 1 else "ink grid", x1=x, x2=x, y1=top, y2=top + PLOT)
        for at, _ in panel.x.ticks
        if not low - 2 < (x := panel.px(at)) < high + 2
    ]
    return tag("g", *lines, transform=f"translate({num(panel.left)} 0)")


def _beside(panel: Panel, row: ForestRow) -> tuple[float, float] | None:
    """From where to where the size stands beside the marks, on the side away from none; None where no side has room."""
    marks = [panel.px(value) for value in (*_values(row), *(row.interval or ()))]
    width = BOLD * len(row.size)
    sides = [(max(marks) + CLEAR, max(marks) + CLEAR + width), (min(marks) - CLEAR - width, min(marks) - CLEAR)]
    ordered = sides if row.estimate >= 1 else sides[::-1]
    return next(((low, high) for low, high in ordered if low >= 0 and high <= panel.width), None)


def with_room(places: Sequence[float], first: float) -> set[float]:
    """Those of the ``places``, in pixels, at which a label touches no other: from that nearest ``first`` outwards."""
    nearest = min(places, key=lambda place: abs(place - first))
    named = {nearest}
    for place in sorted(places, key=lambda place: abs(place - nearest)):
        if all(abs(place - other) >= LABEL_ROOM for other in named):
            named.add(place)
    return named


def _row(panel: Panel, row: ForestRow, top: float) -> str:
    middle, line = top + TEXT + PLOT / 2, top + TEXT - 3
    marks = [_band(panel, row, top), *_interval(panel, row, middle)]
    for block, ratio in row.points:
        dot = hint(f"{row.metric}, {row.name}, block {block}: {_change(ratio)}")
        shape = dot_class(hollow=block not in row.valid)
        marks.append(tag("circle", dot, class_=shape, cx=panel.px(ratio), cy=middle, r=3.2))
    x = panel.px(row.estimate)
    tick = hint(f"{row.metric}, {row.name}: {row.size}")
    marks.append(tag("rect", tick, class_="bar mark", x=x - 1.5, width=3, y=middle - 8, height=16))
    coloured = in_arm(row.arm, *marks, transform=f"translate({num(panel.left)} 0)")
    name = label(row.name, SIDE, line, NAME_LIMIT)
    side = _beside(panel, row)
    if side is None:
        found = label(row.size, WIDTH - WORDS, line, text_anchor="end")
    elif side[0] > x:
        found = label(row.size, SIDE + side[0], middle + 4)
    else:
        found = label(row.size, SIDE + side[1], middle + 4, text_anchor="end")
    word = label(row.word, WIDTH, line, class_="strong", text_anchor="end")
    return coloured + beside_arm(row.arm, name, found, word)


def _band(panel: Panel, row: ForestRow, top: float) -> str:
    if row.band is None:
        return ""
    low, high = (panel.px(end) for end in row.band)
    inside = hint(f"equivalent inside {_change(row.band[0])} to {_change(row.band[1])}")
    return tag("rect", inside, class_="equivalence mark", x=low, width=high - low, y=top + TEXT, height=PLOT)


def _interval(panel: Panel, row: ForestRow, middle: float) -> Iterator[str]:
    if row.interval is None:
        return
    known = [end for end in row.interval if isfinite(end)]
    told = " to ".join(map(_change, known)) if len(known) > 1 else f"{_change(*known)} or farther from none"
    left, right = map(panel.px, row.interval)
    said = hint(f"{row.metric}, {row.name}: interval {told}")
    yield tag("line", said, class_="whisker mark", x1=left, x2=right, y1=middle, y2=middle)
    for end in known:
        x = panel.px(end)
        yield tag("line", class_="whisker", x1=x, x2=x, y1=middle - 4, y2=middle + 4)


def ratios(values: Sequence[float]) -> Scale:
    """Ratios on a log axis that shows 1."""
    places = ratio_ticks(values)
    low, high = min(*values, places[0]) / 1.005, max(*values, places[-1]) * 1.005
    return Scale(low=low, high=high, ticks=tuple((place, _change(place)) for place in places), kind="log")


def _change(ratio: float) -> str:
    """A labelled place: 0.95 → ``"−5%"``, 1 → ``"0"``, from double on ``"×4"``."""
    if ratio >= DOUBLE:
        return f"×{ratio:g}"
    percent = round((ratio - 1) * 100, 2)
    return f"{percent:+g}%".replace("-", "−") if percent else "0"


def ratio_ticks(values: Sequence[float]) -> list[float]:
    """Round ratios to label on a log axis that shows 1 and all ``values``: about eight, with 1 among them."""
    low, high = min(*values, 0.95), max(*values, 1.05)
    if high / low > LINEAR_SPAN:
        powers = range(floor(log2(low)), ceil(log2(high)) + 1)
        step = ceil(len(powers) / (MAX_TICKS + 4))
        return [2.0**power for power in powers if power % step == 0 or power in (powers[0], powers[-1])]
    step_size = next(step for step in TICK_STEPS if (high - low) / step <= MAX_TICKS)
    first, last = floor((low - 1) / step_size), ceil((high - 1) / step_size)
    return [round(1 + place * step_size, 3) for place in range(first, last + 1)]
