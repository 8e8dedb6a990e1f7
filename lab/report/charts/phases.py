"""The phases of a trial along an axis of time: borders between them, shade on what is not measured, names above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.report.charts.draw import CHARACTER, label, tag
from lab.report.charts.scales import Scale

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
            left, right = _ends(phase, x, width)
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
