"""The percentile at parts of an arm's own capacity: what was measured there, drawn and in a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.analysis.headroom import headroom
from lab.analysis.summary import RunSummary, summarise_done
from lab.analysis.trial.ladder import Climb, Edge, Held, RungResult, crossing
from lab.record.types import Calibration
from lab.report.charts.curves import Curves
from lab.report.content import Figure, Section, Table
from lab.report.sections.capacity import capacity_section
from lab.report.sections.limits import limits
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_summaries

RATES = (100.0, 150.0, 200.0)
SLO = "p95 <= 250ms and errors <= 0.1%"
LIMIT_S, SHARE = 0.25, 0.001


def climbed(times_s: Sequence[float], bad: float = 0.0, held: Held = Held.BAD) -> Climb:
    """Three rungs with these percentiles, the last with so many bad requests."""
    margins = [math.log(time / LIMIT_S) if math.isfinite(time) else 3.0 for time in times_s]
    margins[-1] = max(margins[-1], math.log(bad / SHARE) if bad else -math.inf)
    rungs = tuple(
        RungResult(rate=rate, held=Held.GOOD if margin <= 0 else held, quantile_s=time, margin=margin)
        for rate, time, margin in zip(RATES, times_s, margins, strict=True)
    )
    rungs = (*rungs[:-1], replace(rungs[-1], bad_share=bad))
    capacity, edge = crossing(RATES, margins)
    return Climb(slo=SLO, rungs=rungs, capacity=capacity, edge=edge)


def ladder_run(climb: Climb) -> RunSummary:
    """Every trial of both arms climbed like this."""
    asked = make_scenario(
        (WORKERS, REPLICAS),
        trials={"blocks": 2},
        compare={"baseline": "workers", "primary": ["capacity.rate"]},
        capacity={"slo": SLO, "rates": list(RATES)},
    )
    run = summarise_done(make_run(asked), make_summaries(asked))
    return replace(run, trials=tuple(replace(trial, climb=climb) for trial in run.trials))


def course(found: Section) -> list[tuple[float, float | None]]:
    """The line of the first arm: (% of its capacity, percentile in ms)."""
    figure = next(part for part in found.parts if part.key == "utilisation-course")
    assert isinstance(figure, Figure)
    assert isinstance(figure.chart, Curves)
    line = figure.chart.plots[0].series[0]
    return list(zip(line.xs, line.ys, strict=True))


def test_what_a_ladder_does_not_show_is_no_capacity() -> None:
    """It was asked for all that the arms can serve, and the generator for its highest rung."""
    run = ladder_run(climbed((0.1, 0.2, 0.4)))
    info = make_run(
        run.scenario, calibration=Calibration(ceiling_per_s=1000, load_processes=1, lanes=1, measured_at="")
    )
    told, room = " ".join(limits(info, run).sentences), headroom(info, run)

    assert "as many as they can serve" not in told
    assert "went through a ladder" in told
    assert room is not None
    assert room.driven_per_s == RATES[-1]


def test_a_capacity_that_failures_set_has_the_percentile_that_was_measured() -> None:
    """p95 was 20, 25 and 30 ms, and 2% of the requests failed at the third rung: 250 ms never occurred."""
    climb = climbed((0.020, 0.025, 0.030), bad=0.02)
    assert climb.capacity is not None
    part = math.log(climb.capacity / 150) / math.log(200 / 150)
    line = course(capacity_section(ladder_run(climb), {}))

    assert 150 < climb.capacity < 200
    assert line[-1] == pytest.approx((100.0, 25.0 * (30 / 25) ** part))
    assert line[0][0] == pytest.approx(5 * math.ceil(20 * 100 / climb.capacity)), "it begins above the lowest rung"
    assert all(20.0 < (ms or 0.0) < 30.0 for _, ms in line)


def test_a_capacity_that_the_percentile_set_ends_at_the_limit() -> None:
    """Interpolated as the capacity itself."""
    line = course(capacity_section(ladder_run(climbed((0.1, 0.2, 0.4))), {}))

    assert line[-1] == pytest.approx((100.0, 250.0))


def test_a_line_ends_where_the_next_rung_has_its_percentile_among_failures() -> None:
    """Nobody knows it from there on."""
    climb = climbed((0.020, 0.025, math.inf), bad=0.5, held=Held.UNDRAINED)
    assert climb.edge is Edge.NONE
    line = course(capacity_section(ladder_run(climb), {}))

    assert all(20.0 < (ms or 0.0) < 25.0 for _, ms in line)
    assert line[-1][0] < 100


def test_below_the_ladder_the_pilot_tells_and_is_marked() -> None:
    """Up to the lowest rung only, dashed and in the table; an arm of which it says nothing has nothing there."""
    piloted = {"workers": [(40.0, 0.05), (80.0, 0.08), (120.0, 0.5)]}
    found = capacity_section(ladder_run(climbed((0.1, 0.2, 0.4))), {}, piloted)
    figure, table = (
        next(part for part in found.parts if part.key == key) for key in ("utilisation-course", "utilisation")
    )
    assert isinstance(figure, Figure)
    assert isinstance(figure.chart, Curves)
    assert isinstance(table, Table)
    ladder = figure.chart.plots[0].series[0]
    (dashed,) = (series for series in figure.chart.plots[0].series if series.dash)
    workers, replicas = ({c.title: one for c, one in zip(table.columns, row, strict=True)} for row in table.rows)

    assert dashed.name == "workers, pilot"
    assert dashed.ys == pytest.approx([50, 80, ladder.ys[0]])
    assert [title for title, one in workers.items() if "pilot" in one.text] == ["30%", "50%"]
    assert workers["30%"].value == pytest.approx(0.057, abs=0.002)
    assert replicas["30%"].value is None
    assert replicas["70%"].value == workers["70%"].value is not None


def test_below_all_of_a_capacity_the_objective_is_held_however_blocks_differ() -> None:
    """One block holds up to the second rung and one to the third: the medians of their rungs alone would break it."""
    run = ladder_run(climbed((0.1, 0.2, 0.3)))
    other = climbed((0.1, 0.9, 1.5))
    trials = tuple(replace(one, climb=other) if one.record.block == 1 else one for one in run.trials)
    line = course(capacity_section(replace(run, trials=trials), {}))

    assert line[-1] == pytest.approx((100.0, 250.0))
    assert all((ms or 0.0) < 250.0 for _, ms in line[:-1])
