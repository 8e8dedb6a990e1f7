"""The seeded schedule of the open model. Pure: the same seed gives the same arrivals in every arm (METHOD 1.1)."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count, takewhile
from math import inf
from random import Random


@dataclass(frozen=True, slots=True)
class Arrival:
    """One scheduled task start.

    ``due_s`` is a CLOCK_MONOTONIC instant. ``slot`` is drawn evenly from all lanes of all load processes and says which
    user class and which load process it is for. ``seed`` seeds every random choice that its task makes.
    ``stretch``: the number of that of the measure phase, from 1; 0 where it has none.
    """

    due_s: float
    slot: int
    seed: str
    measured: bool
    stretch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """All arrivals of a run: ``rate`` a second, ``schedule`` "poisson" or "uniform", spread over ``lanes`` slots.

    Warm-up and measure are separate streams, so that a longer warm-up does not change what is measured. ``stretches``
    (start, end, rate), in seconds from the start of the measure phase, are its parts at rates of their own, with no
    arrival between them; empty: all of it at ``rate``.
    """

    rate: float
    schedule: str
    seed: int
    lanes: int
    measure_s: float
    stretches: tuple[tuple[float, float, float], ...] = ()

    def warmup(self, start_s: float, end_s: float) -> Iterator[Arrival]:
        """The arrivals due in [start_s, end_s)."""
        return _before(end_s, self._stream("warmup", start_s, measured=False))

    def measure(self, start_s: float) -> Iterator[Arrival]:
        """The arrivals due in [start_s, start_s + measure_s)."""
        if not self.stretches:
            return _before(start_s + self.measure_s, self._stream("measure", start_s, measured=True))
        return chain.from_iterable(
            _before(start_s + end_s, self._stretch(number, start_s + begin_s, rate))
            for number, (begin_s, end_s, rate) in enumerate(self.stretches, start=1)
        )

    def count(self, warmup_start_s: float, measure_start_s: float, end_s: float = inf) -> int:
        """Tell how many arrivals a run with these two instants has, up to the one at which it was cut."""
        both = chain(self.warmup(warmup_start_s, measure_start_s), self.measure(measure_start_s))
        return sum(1 for _ in _before(end_s, both))

    def _stretch(self, number: int, start_s: float, rate: float) -> Iterator[Arrival]:
        return self._stream(f"measure/{number}", start_s, measured=True, rate=rate, stretch=number)

    def _stream(
        self, name: str, start_s: float, *, measured: bool, rate: float = 0.0, stretch: int = 0
    ) -> Iterator[Arrival]:
        """Without end; ``rate`` 0: the timetable's own."""
        seed = f"{self.seed}/{name}"
        slots = Random(f"{seed}/slots")
        for index, offset_s in enumerate(offsets(rate or self.rate, self.schedule, f"{seed}/instants")):
            yield Arrival(start_s + offset_s, slots.randrange(self.lanes), f"{seed}/{index}", measured, stretch)


def _before(end_s: float, arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
    return takewhile(lambda arrival: arrival.due_s < end_s, arrivals)


def offsets(rate: float, schedule: str, seed: str) -> Iterator[float]:
    """Seconds after the start of a phase, ascending, without end.

    "poisson": exponential gaps with mean 1/rate. "uniform": gaps of exactly 1/rate, the first instant half a gap in.
    """
    if schedule == "uniform":
        yield from ((index + 0.5) / rate for index in count())
    gaps = Random(seed)
    offset_s = 0.0
    while True:
        offset_s += gaps.expovariate(rate)
        yield offset_s


def lane_classes(lanes: Mapping[str, int]) -> tuple[str, ...]:
    """The user class of every slot, from the number of lanes of each class. Slot ``s`` is in load process ``s % K``.

    Grouped by class, so that the modulo deals the lanes of each class evenly to the load processes.
    """
    return tuple(chain.from_iterable([name] * lanes[name] for name in sorted(lanes)))


class Agenda:
    """The arrivals of one load process in order: those of the warm-up, then those of the measure phase."""

    def __init__(
        self, timetable: Timetable, slots: Container[int], warmup_start_s: float, measure_start_s: float
    ) -> None:
        everybodys = chain(timetable.warmup(warmup_start_s, measure_start_s), timetable.measure(measure_start_s))
        self._coming: Iterator[Arrival] = (arrival for arrival in everybodys if arrival.slot in slots)
        self.head: Arrival | None = next(self._coming, None)
        """The next arrival; None when the measure phase has no more."""

    def pop(self) -> None:
        """Go on to the next arrival."""
        self.head = next(self._coming, None)

    def cut(self, end_s: float) -> None:
        """End before ``end_s``."""
        self._coming = _before(end_s, self._coming)
        if self.head and self.head.due_s >= end_s:
            self.head = None
