"""The grid of instants, what happens to late ones, and how close they lie for what a reading costs."""

from __future__ import annotations

import pytest

from lab.sampling.grid import (
    FASTEST_S,
    LOOK_STEP_S,
    LOOKS_FLOOR,
    MOST_BUDGET,
    SLOW_TICK_S,
    SLOWEST_S,
    TICK_S,
    Cost,
    Grid,
    pace_of,
)

ORIGIN = 1000.0


def make_grid(start_s: float = ORIGIN) -> Grid:
    return Grid(origin_s=ORIGIN, start_s=start_s, step_s=TICK_S)


def run(grid: Grid, until_s: float) -> list[float]:
    """Take every reading exactly when it is due; instants relative to the origin."""
    taken = []
    while (now := grid.next_s) <= until_s + 1e-9:
        assert grid.take(now)
        taken.append(round(now - ORIGIN, 6))
    return taken


def test_instants_are_absolute_and_do_not_drift() -> None:
    """After an hour the readings are still on the half seconds of the trial's clock."""
    taken = run(make_grid(start_s=ORIGIN + 0.31), ORIGIN + 3600)

    assert taken[0] == 0.5
    assert taken[-1] == 3600.0
    assert len(taken) == 7200


def test_late_readings_are_skipped_not_bunched() -> None:
    """A stall of three seconds costs five readings; one is taken at once, the next at its own instant."""
    grid = make_grid()
    run(grid, ORIGIN + 1.0)

    assert grid.take(ORIGIN + 4.2)
    assert not grid.take(ORIGIN + 4.2)
    assert grid.next_s == ORIGIN + 4.5
    assert (grid.planned, grid.achieved) == (8, 3)


def test_another_step_plans_nothing_for_the_past() -> None:
    """The instants are multiples of the new step from the same origin; the same step again changes nothing."""
    grid = make_grid()
    run(grid, ORIGIN + 1.0)
    grid.set_step(0.3, ORIGIN + 1.1)

    assert grid.next_s == pytest.approx(ORIGIN + 1.2)
    assert (grid.planned, grid.achieved) == (2, 2)
    grid.set_step(0.3, ORIGIN + 1.25)
    assert grid.next_s == pytest.approx(ORIGIN + 1.2), "still due"


@pytest.mark.parametrize(("processes", "percent"), [(1, 1.0), (8, 1.0), (12, 1.5), (16, 2.0), (200, 2.0)])
def test_the_budget_grows_with_the_processes_up_to_the_limit_of_the_gate(processes: int, percent: float) -> None:
    """METHOD 4.4: 1% of a core for 8 processes, 2% for 16 and more."""
    assert Cost(0.0, 0.0, processes).budget == pytest.approx(percent / 100)


@pytest.mark.parametrize(
    ("measure_s", "look_s"), [(6.0, FASTEST_S), (15.0, 2.5), (30.0, SLOWEST_S), (3600.0, SLOWEST_S), (1.5, 0.5)]
)
def test_where_looking_is_cheap_a_phase_has_enough_looks_and_no_more(measure_s: float, look_s: float) -> None:
    """Six looks at each process, at most one a second, at least one in five seconds; a short phase has three."""
    assert pace_of(Cost(0.0005, 0.001, 8), measure_s) == (TICK_S, look_s)


@pytest.mark.parametrize(
    ("processes", "look_s", "round_s"), [(8, 0.0007, 0.001), (8, 0.0012, 0.002), (16, 0.0012, 0.003)]
)
def test_a_pace_keeps_within_the_budget(processes: int, look_s: float, round_s: float) -> None:
    """Whatever rounds and looks cost, together they use what METHOD 4.4 allows."""
    cost = Cost(round_s, processes * look_s, processes)
    pace = pace_of(cost, 6.0)

    used = cost.round_s / pace.tick_s + cost.looks_s / pace.look_s
    assert used <= cost.budget


def test_rounds_come_once_a_second_where_looks_do_not_fit_otherwise() -> None:
    """The gates live with readings a second apart; three looks in 6 s cost 1.2%, and 2% is the budget."""
    looks_s = 16 * 0.0015

    assert pace_of(Cost(0.0025, looks_s, 16), 6.0) == (TICK_S, 2.0)
    assert pace_of(Cost(0.0035, looks_s, 16), 6.0) == (SLOW_TICK_S, 1.75)
    assert pace_of(Cost(0.0035, looks_s, 16), 6.0, watching=True).tick_s == TICK_S, "connections come and go"
    assert pace_of(Cost(0.0025, looks_s, 16, platform=0.002), 6.0).tick_s == SLOW_TICK_S, "what is fixed counts too"


def test_a_beginning_a_middle_and_an_end_come_whatever_they_cost() -> None:
    """On a machine that is ten times slower a short phase still has its PSS; a long one is looked at less often."""
    dear = Cost(0.01, 16 * 0.020, 16)

    assert pace_of(dear, 6.0).look_s == 6.0 / LOOKS_FLOOR
    long = pace_of(dear, 600.0)
    assert dear.looks_s / long.look_s <= MOST_BUDGET
    assert long.look_s % LOOK_STEP_S == 0
