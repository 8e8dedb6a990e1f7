"""The parts of a metric: unit, direction, group, names, bound, and how many observations a percentile takes."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import NamedTuple

PRINT_BEYOND = 10  # observations beyond a percentile before it is printed (METHOD 6.5)
JUDGE_BEYOND = 30  # observations beyond a percentile before it is judged (METHOD 6.5)


class Unit(StrEnum):
    """The unit in which a metric's value is stored."""

    BYTES = "bytes"
    SECONDS = "seconds"
    COUNT = "count"
    PER_SECOND = "per second"
    FRACTION = "fraction"
    RATIO = "ratio"


class Better(StrEnum):
    """The direction that is an improvement."""

    LOWER = "lower"
    HIGHER = "higher"


class Family(StrEnum):
    """Metrics that the same faults of instrument and machine spoil (METHOD 2)."""

    MEMORY = "memory"
    CPU = "CPU"
    TIME = "time"  # latency, throughput, shares, start-up: all that a disturbed machine moves


class Reading(NamedTuple):
    """One metric of one arm."""

    metric: str
    arm: str


class Group(StrEnum):
    """The group of a metric in tables."""

    LATENCY = "latency"
    CAPACITY = "capacity"
    MEMORY = "memory"
    CPU = "CPU"
    BALANCE = "balance"
    START = "start"
    DRILL = "drill"

    @property
    def family(self) -> Family:
        """By which gates its metrics are judged."""
        return {Group.MEMORY: Family.MEMORY, Group.CPU: Family.CPU}.get(self, Family.TIME)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one trial.

    ``title`` heads tables; ``noun`` is what a sentence says instead, where that reads better. ``bound`` is the default
    bound of practical equivalence as a fraction (METHOD 7), None where no verdict is given. ``quantile`` marks a
    percentile: it exists only with enough observations beyond it (METHOD 6.5). ``shares``: it is judged as the paired
    difference of its shares of all requests, and ``bound`` is in that unit (0.001: 0.1 points). ``differences``: as the
    paired difference of its values, and ``bound`` is in its own unit: zeros are common, or it may be infinite.
    """

    key: str
    unit: Unit
    better: Better
    group: Group
    title: str
    definition: str
    noun: str = ""
    bound: float | None = None
    quantile: float | None = None
    shares: bool = False
    differences: bool = False

    @property
    def paired_difference(self) -> bool:
        """Whether differences are judged instead of ratios."""
        return self.shares or self.differences

    @property
    def in_points(self) -> bool:
        """Whether its differences are those of two shares, in points."""
        return self.shares or (self.differences and self.unit is Unit.FRACTION)

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        return self.noun or self.title

    @property
    def heading(self) -> str:
        """Its name over values of it: of failed requests these are numbers, though what is judged is their share."""
        return self.title if self.shares else self.called

    @property
    def least_to_show(self) -> int | None:
        """Observations in a trial before a percentile is shown (METHOD 6.5); None: no percentile, one is enough."""
        return None if self.quantile is None else least_count(self.quantile, PRINT_BEYOND)

    @property
    def least_to_judge(self) -> int | None:
        """Observations in a trial before a percentile is judged (METHOD 6.5); None as above."""
        return None if self.quantile is None else least_count(self.quantile, JUDGE_BEYOND)


def least_count(quantile: float, beyond: int) -> int:
    """The fewest observations of which ``beyond`` are expected past this quantile: 600 for p95 and 30."""
    return ceil(round(beyond / (1 - quantile), 6))  # 1 − 0.95 is not exact either
