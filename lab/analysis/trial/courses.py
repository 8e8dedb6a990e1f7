"""Quantities that are read now and then, such as each process's PSS: means and sums over time (METHOD 4.4). Pure.

Processes are not looked at all at once, so a sum at one instant has to know each of them between its readings: there
its course is the straight line, and beyond its first and last reading it stays. Outside its owner's life it is zero.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.counters import numbers, rows_of
from lab.record.types import PhaseWindow

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]

ROUND_S = 1.1  # who has not been seen for so long while others were has ended: a round each second, 0.1 s late


class Course(NamedTuple):
    """One quantity of one owner: shapes (n,), n ≥ 1, ``t_s`` in order; it lived from ``came_s`` to ``gone_s``."""

    t_s: Floats
    values: Floats
    came_s: float
    gone_s: float

    def at(self, instants_s: Floats) -> Floats:
        """Its value at each instant."""
        lives = (instants_s >= self.came_s) & (instants_s <= self.gone_s)
        found: Floats = np.where(lives, np.interp(instants_s, self.t_s, self.values), 0.0)
        return found

    def within(self, window: PhaseWindow) -> Floats:
        """The instants at which its line bends inside the part of the window in which it lived, and that part's ends.

        Empty when it did not live then.
        """
        start, end = max(window.start_s, self.came_s), min(window.end_s, self.gone_s)
        if end < start:
            return np.array([])
        return np.concatenate(([start], self.t_s[(self.t_s > start) & (self.t_s < end)], [end]))

    def readings(self, window: PhaseWindow) -> Floats:
        """The instants of its readings inside the half-open window."""
        return self.t_s[(self.t_s >= window.start_s) & (self.t_s < window.end_s)]

    def mean(self, window: PhaseWindow) -> float:
        """Weighted with time over the part of the window in which it lived, which must not be nothing."""
        knots = self.within(window)
        length_s = float(knots[-1] - knots[0])
        return self.integral(window) / length_s if length_s else float(self.at(knots)[0])

    def peak(self, window: PhaseWindow) -> float:
        """Its largest reading in the window; its mean where it has none."""
        instants = self.readings(window)
        return float(self.at(instants).max()) if len(instants) else self.mean(window)

    def integral(self, window: PhaseWindow) -> float:
        """Value × seconds over the window."""
        knots = self.within(window)
        return float(np.trapezoid(self.at(knots), knots))


class Total(NamedTuple):
    """A sum over owners: its mean, weighted with time, and its largest value at an instant of a reading."""

    mean: float
    peak: float


def life(own_s: Floats, all_s: Span) -> Span:
    """From when to when an owner lived: ``own_s`` are its readings, in order, ``all_s`` the ends of everybody's."""
    came_s = -np.inf if own_s[0] <= all_s[0] + ROUND_S else float(own_s[0])
    gone_s = np.inf if own_s[-1] >= all_s[1] - ROUND_S else float(own_s[-1])
    return came_s, gone_s


def ends(instants_s: Floats) -> Span:
    """The first and the last of them; nothing lies between the ends of none."""
    return float(instants_s.min(initial=np.inf)), float(instants_s.max(initial=-np.inf))


def course(t_s: Floats, values: Floats, lived: Span) -> Course | None:
    """The course through the readings that are no NaN; None when there is none."""
    read = ~np.isnan(values)
    return Course(t_s[read], values[read], *lived) if read.any() else None


def courses(table: pl.DataFrame, keys: Sequence[str], column: str, window: PhaseWindow) -> Iterator[Course | None]:
    """The course of each owner that lived in the window."""
    t_s, values = numbers(table["t_s"]), numbers(table[column])
    all_s = ends(t_s)
    for rows in rows_of(table, keys).values():
        lived = life(t_s[rows], all_s)
        if lived[0] < window.end_s and lived[1] >= window.start_s:
            yield course(t_s[rows], values[rows], lived)


def total(owners: Iterable[Course | None], window: PhaseWindow) -> Total | None:
    """The sum of all; None of nothing, or when one was never read: never a partial sum."""
    parts = list(owners)
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    instants = np.unique(np.concatenate([part.readings(window) for part in known]))
    instants = instants if len(instants) else np.array([window.start_s, window.end_s])
    peak = sum_at(known, instants).max()
    return Total(sum(part.integral(window) for part in known) / window.length_s, float(peak))


def sum_at(owners: Iterable[Course], instants_s: Floats) -> Floats:
    """The sum of all at each instant."""
    return sum((owner.at(instants_s) for owner in owners), np.zeros(len(instants_s)))
