"""Memory over time in two numbers: planted slopes and what is left at rest (METHOD 12)."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from lab.analysis.trial.trial import summarise_trial
from lab.record.types import Phase, PhaseWindow, TrialResult
from tests.gate_records import CORES, MEASURE, RATE, arrivals, process_table, trial

SLOPE, IDLE = "memory.slope.per_1k", "memory.pss.idle"
MIB = 2**20
SETTLED = {Phase.COOLDOWN: PhaseWindow(start_s=20.0, end_s=52.0)}
LONG_S = [step / 2 for step in range(105)]


def values(result: TrialResult) -> dict[str, float | None]:
    found = summarise_trial(result).values
    return {key: found[key] for key in (SLOPE, IDLE)}


def with_pss(pss: pl.Expr, grid: list[float] | None = None) -> pl.DataFrame:
    """Four workers, each with this PSS at each reading; the shim has some of its own."""
    table = process_table(grid=grid) if grid else process_table()
    return table.with_columns(pss_bytes=pss.cast(pl.Int64))


def settled(processes: pl.DataFrame, settle_s: float = 30.0) -> TrialResult:
    result = trial(processes=processes, settle_s=settle_s)
    return replace(result, record=replace(result.record, phases={**result.record.phases, **SETTLED}))


@pytest.mark.parametrize("mib_a_second", [0.0, 0.5, -0.25])
def test_the_slope_is_of_all_processes_for_1000_requests(mib_a_second: float) -> None:
    """Four workers that grow by so much a second while 100 requests a second end: in ten seconds a thousand."""
    found = values(trial(processes=with_pss(100 * MIB + mib_a_second * MIB * pl.col("t_s"))))

    assert found[SLOPE] == pytest.approx(CORES * mib_a_second * MIB * 1000 / RATE, rel=1e-3, abs=1)


def test_one_step_is_no_slope() -> None:
    """Theil–Sen asks most pairs, where least squares would draw a line through a step near the end."""
    step = pl.when(pl.col("t_s") < 18.0).then(100 * MIB).otherwise(200 * MIB)

    assert values(trial(processes=with_pss(step)))[SLOPE] == pytest.approx(0.0)


def test_a_slope_needs_seconds_readings_and_requests() -> None:
    """None of a phase that is too short, of a process that was never read, and where no request ended."""
    short = PhaseWindow(start_s=10.0, end_s=15.0)
    result = trial(processes=with_pss(pl.lit(MIB)))
    shortened = replace(result, record=replace(result.record, phases={**result.record.phases, Phase.MEASURE: short}))
    unread = with_pss(pl.when(pl.col("service") == "app-0").then(None).otherwise(MIB))
    silent = [row for row in arrivals() if row["t_scheduled_s"] < MEASURE.start_s]

    assert values(result)[SLOPE] == pytest.approx(0.0)
    assert values(shortened)[SLOPE] is None
    assert values(trial(processes=unread)) == {SLOPE: None, IDLE: None}
    assert values(trial(silent, processes=with_pss(pl.lit(MIB))))[SLOPE] is None


def test_memory_after_rest_is_what_was_read_last() -> None:
    """It fell from 100 to 60 MiB ten seconds before the end; the shim is no part of it."""
    pss = pl.when(pl.col("t_s") < 42.0).then(100 * MIB).otherwise(60 * MIB)

    assert values(settled(with_pss(pss, LONG_S)))[IDLE] == pytest.approx(4 * 60 * MIB)


def test_a_process_that_ended_at_rest_counts_no_longer() -> None:
    """What is asked is what the arm has at the end."""
    table = with_pss(pl.lit(50 * MIB), LONG_S).filter((pl.col("service") != "app-0") | (pl.col("t_s") < 40))

    assert values(settled(table))[IDLE] == pytest.approx(3 * 50 * MIB)


def test_without_a_rest_nothing_is_said_of_it() -> None:
    """The cool-down alone is none."""
    assert values(settled(with_pss(pl.lit(50 * MIB), LONG_S), settle_s=0.0))[IDLE] is None
