"""When a drill's load is given up: the arm has served so badly for so long that nothing more is learnt (METHOD 9.6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import floor
from typing import Any

from lab.record.schema import HOPELESS, HOPELESS_S


@dataclass(slots=True, kw_only=True)
class Fates:
    """What became of a load process's measured arrivals, by the whole CLOCK_MONOTONIC second in which they were due.

    ``good``: answered well within ``limit_s`` of when they were due; 0: nobody asks, and nothing is counted.
    """

    limit_s: float = 0.0
    due: dict[int, int] = field(default_factory=dict)
    good: dict[int, int] = field(default_factory=dict)

    def arrived(self, due_s: float) -> None:
        """An arrival of the measure phase is due."""
        if self.limit_s:
            _count(self.due, due_s)

    def answered(self, due_s: float, done_s: float) -> None:
        """One that succeeded has its answer; what belongs to the warm-up is found in no second of ``due``."""
        if self.limit_s and done_s - due_s <= self.limit_s:
            _count(self.good, due_s)


def _count(counts: dict[int, int], instant_s: float) -> None:
    second = floor(instant_s)
    if second not in counts:  # what is long decided is forgotten: all of it is written down four times a second
        for old in [each for each in counts if each < second - 2 * HOPELESS_S]:
            del counts[old]
    counts[second] = counts.get(second, 0) + 1


def read_fates(tally: Mapping[str, Any]) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Due and good of another load process, as its status tells them; empty where it has not told any."""
    due, good = ({int(second): told for second, told in counts.items()} for counts in tally.get("fates", ({}, {})))
    return due, good


def hopeless(fates: Iterable[tuple[Mapping[int, int], Mapping[int, int]]], now_s: float, limit_s: float) -> bool:
    """Whether more than HOPELESS of what was due was bad in each of the last HOPELESS_S seconds that are decided.

    ``fates``: due and good of every load process. A second is decided when all that was due in it is later than
    ``limit_s``; one without an arrival says nothing, and breaks the row.
    """
    due, good = Counter[int](), Counter[int]()
    for arrived, answered in fates:
        due.update(arrived)
        good.update(answered)
    last = floor(now_s - limit_s) - 1
    row = range(last - HOPELESS_S + 1, last + 1)
    return all(due[second] and due[second] - good[second] > HOPELESS * due[second] for second in row)


def behind(fates: tuple[Mapping[int, int], Mapping[int, int]], ahead_s: float) -> tuple[dict[int, int], dict[int, int]]:
    """Due and good by the seconds of another clock, which theirs is ``ahead_s`` of; each where most of it lies."""
    due, good = ({floor(second - ahead_s + 0.5): told for second, told in counts.items()} for counts in fates)
    return due, good
