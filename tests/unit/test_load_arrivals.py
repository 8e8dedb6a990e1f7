"""The schedule of the open model."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.load.arrivals import Agenda, Arrival, Timetable, lane_classes, offsets


def timetable(**changes: object) -> Timetable:
    values: dict[str, object] = {"rate": 50.0, "schedule": "poisson", "seed": 1, "lanes": 6, "measure_s": 4.0}
    return Timetable(**(values | changes))  # type: ignore[arg-type]  # each value has its field's type


def drain(agenda: Agenda) -> list[Arrival]:
    """All arrivals that are left."""
    arrivals = []
    while agenda.head:
        arrivals.append(agenda.head)
        agenda.pop()
    return arrivals


def test_the_same_seed_gives_the_same_arrivals_at_any_start() -> None:
    """Arms begin at different times and still get the same offsets, slots and task seeds."""
    early = list(timetable().measure(0.0))
    late = list(timetable().measure(1000.0))

    assert [a.due_s for a in early] == pytest.approx([a.due_s - 1000.0 for a in late])
    assert [(a.slot, a.seed) for a in early] == [(a.slot, a.seed) for a in late]


def test_every_arrival_has_its_own_seed() -> None:
    """Two arrivals never make the same random choices because of their seed."""
    seeds = [a.seed for a in islice(timetable().warmup(0.0, 30.0), 500)] + [a.seed for a in timetable().measure(0.0)]

    assert len(set(seeds)) == len(seeds)


def test_poisson_arrivals_have_the_rate_and_exponential_gaps() -> None:
    """Mean gap 1/rate, and a share of 1 - 1/e of the gaps is shorter than the mean."""
    instants = list(islice(offsets(200.0, "poisson", "seed"), 20_000))
    gaps = [b - a for a, b in pairwise([0.0, *instants])]

    assert sum(gaps) / len(gaps) == pytest.approx(1 / 200, rel=0.03)
    assert sum(gap < 1 / 200 for gap in gaps) / len(gaps) == pytest.approx(0.632, abs=0.02)


def test_uniform_arrivals_are_evenly_spaced() -> None:
    """rate × measure arrivals exactly, each half a gap away from the edges."""
    instants = [a.due_s for a in timetable(schedule="uniform").measure(10.0)]

    assert len(instants) == 200
    assert instants[0] == pytest.approx(10.01)
    assert instants[-1] == pytest.approx(13.99)


@given(start_s=st.floats(0.5, 30.0), later_s=st.floats(0.0, 20.0))
def test_a_longer_warm_up_does_not_change_what_is_measured(start_s: float, later_s: float) -> None:
    """The measure stream is the same after a warm-up of any length."""
    measured = []
    for measure_start_s in (start_s, start_s + later_s):
        agenda = Agenda(timetable(), range(6), 0.0, measure_start_s)
        measured.append([(a.slot, a.seed) for a in drain(agenda) if a.measured])

    assert measured[0] == measured[1] == [(a.slot, a.seed) for a in timetable().measure(0.0)]


@given(processes=st.integers(1, 6), start_s=st.floats(0.1, 5.0))
def test_load_processes_together_follow_one_schedule(processes: int, start_s: float) -> None:
    """However many load processes there are: one stream, in which the warm-up ends where the measure phase starts."""
    union: list[Arrival] = []
    for process in range(processes):
        union += drain(Agenda(timetable(), range(process, 6, processes), 0.0, start_s))

    alone = drain(Agenda(timetable(), range(6), 0.0, start_s))
    assert sorted(union, key=lambda a: a.due_s) == alone
    assert all(arrival.measured == (arrival.due_s >= start_s) for arrival in alone)
    assert len(union) == timetable().count(0.0, start_s)


@given(processes=st.integers(1, 5), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_lanes_of_each_class_are_dealt_evenly(processes: int, sizes: list[int]) -> None:
    """Every load process gets its share of every user class, give or take one lane."""
    classes = lane_classes({f"class{number}": size for number, size in enumerate(sizes)})

    dealt = [Counter(classes[process::processes]) for process in range(processes)]
    for number, size in enumerate(sizes):
        shares = [counts[f"class{number}"] for counts in dealt]
        assert sum(shares) == size
        assert max(shares) - min(shares) <= 1
