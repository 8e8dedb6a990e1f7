"""The grid: which readings are due when, and what happens to late ones."""

from __future__ import annotations

import pytest

from lab.sampling.grid import Due, Grid, footprint_ticks

ORIGIN = 1000.0


def make_grid(*, start_s: float = ORIGIN, expected_s: float = 20.0, cost_s: float = 0.02) -> Grid:
    return Grid(origin_s=ORIGIN, start_s=start_s, footprint_ticks=footprint_ticks(expected_s, cost_s))


def run(grid: Grid, until_s: float) -> list[tuple[float, Due]]:
    """Take every reading exactly when it is due; instants relative to the origin."""
    taken = []
    while (now := grid.next_s) <= until_s + 1e-9:
        due = grid.take(now)
        assert due is not None
        taken.append((round(now - ORIGIN, 6), due))
    return taken


def test_instants_are_absolute_and_do_not_drift() -> None:
    """After an hour the readings are still on the half seconds of the trial's clock."""
    taken = run(make_grid(start_s=ORIGIN + 0.31), ORIGIN + 3600)

    assert taken[0][0] == 0.5
    assert taken[-1][0] == 3600.0
    assert len(taken) == 7200


@pytest.mark.parametrize(("expected_s", "interval_s"), [(60.0, 1.0), (60.5, 5.0)])
def test_pss_is_read_each_second_in_short_trials_and_every_five_in_long_ones(
    expected_s: float, interval_s: float
) -> None:
    """METHOD 4.4: 1 Hz up to 60 s, 0.2 Hz beyond."""
    instants = [at_s for at_s, due in run(make_grid(expected_s=expected_s), ORIGIN + 30) if due.footprints]

    assert instants == [interval_s * n for n in range(1, int(30 / interval_s) + 1)]


def test_platform_is_read_every_five_seconds() -> None:
    """Its CPU and what processes are called; its memory changes too little for that."""
    for expected_s in (10.0, 100.0):
        platform = [(at_s, due) for at_s, due in run(make_grid(expected_s=expected_s), ORIGIN + 20) if due.platform]

        assert [at_s for at_s, _ in platform] == [5.0, 10.0, 15.0, 20.0]
        assert all(due.footprints and not due.burst for _, due in platform)


def test_hundreds_of_processes_are_read_less_often_rather_than_late() -> None:
    """When one reading of PSS costs 0.8 s it comes every 8 s (10 % of a core), platform with it."""
    taken = run(make_grid(cost_s=0.8), ORIGIN + 30)

    assert [at_s for at_s, due in taken if due.footprints] == [8.0, 16.0, 24.0]
    assert [at_s for at_s, due in taken if due.platform] == [8.0, 16.0, 24.0]
    assert len(taken) == 60


def test_late_readings_are_skipped_not_bunched() -> None:
    """A stall of three seconds costs five readings; one is taken at once, the next at its own instant."""
    grid = make_grid()
    run(grid, ORIGIN + 1.0)

    assert grid.take(ORIGIN + 4.2) is not None
    assert grid.take(ORIGIN + 4.2) is None
    assert grid.next_s == ORIGIN + 4.5
    assert (grid.planned, grid.achieved) == (8, 3)


def test_a_burst_is_five_readings_a_fifth_of_a_second_apart() -> None:
    """They come on top of the ticks, with PSS and its anonymous part."""
    grid = make_grid()
    grid.burst_at(ORIGIN + 2.05)

    bursts = [(at_s, due.platform) for at_s, due in run(grid, ORIGIN + 4) if due.burst]

    assert [at_s for at_s, _ in bursts] == pytest.approx([2.05, 2.25, 2.45, 2.65, 2.85])
    assert [platform for _, platform in bursts] == [False] * 4 + [True], "the last one has the platform's memory"
    assert grid.planned == grid.achieved == 8 + 5


def test_the_engine_is_read_with_pss_and_once_in_a_burst() -> None:
    """Its processes are many, and what they use changes little."""
    grid = make_grid()
    grid.burst_at(ORIGIN + 2.05)

    assert [at_s for at_s, due in run(grid, ORIGIN + 4) if due.engine] == pytest.approx([1.0, 2.0, 2.85, 3.0, 4.0])


def test_one_reading_serves_a_tick_and_a_burst_that_coincide() -> None:
    """A reading at the same instant is not taken twice, and none counts as missed."""
    grid = make_grid()
    grid.burst_at(ORIGIN + 1.0)

    taken = run(grid, ORIGIN + 1.0)

    assert [(at_s, due.burst) for at_s, due in taken] == [(0.5, False), (1.0, True)]
    assert grid.planned == grid.achieved == 3


def test_a_burst_ordered_too_late_begins_at_once() -> None:
    """What lies in the past is missed and counted as such."""
    grid = make_grid(start_s=ORIGIN + 10.0)
    grid.burst_at(ORIGIN + 9.75)

    due = grid.take(ORIGIN + 10.01)

    assert due == Due(footprints=True, burst=True)
    assert (grid.planned, grid.achieved) == (2, 1)
    assert grid.next_s == pytest.approx(ORIGIN + 10.15)
