"""The percentile at parts of an arm's own capacity: what was measured there, drawn and in a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.analysis.summary import RunSummary, summarise_done
from lab.analysis.trial.ladder import Climb, Edge, Held, RungResult, crossing
from lab.report.charts.curves import Curves
from lab.report.content import Figure, Section
from lab.report.sections.capacity import capacity_section
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


def test_a_capacity_that_failures_set_has_the_percentile_that_was_measured() -> None:
    """p95 was 20, 25 and 30 ms, and 2% of the requests failed at the third rung: 250 ms never occurred."""
    climb = climbed((0.020, 0.025, 0.030), bad=0.02)
    assert climb.capacity is not None
    part = math.log(climb.capacity / 150) / math.log(200 / 150)
    line = course(capacity_section(ladder_run(climb), {}))

    assert 150 < climb.capacity < 200
    assert line == pytest.approx(
        [
            (100 * 100 / climb.capacity, 20.0),
            (100 * 150 / climb.capacity, 25.0),
            (100.0, 25.0 * (30 / 25) ** part),
        ]
    )


def test_a_capacity_that_the_percentile_set_ends_at_the_limit() -> None:
    """Interpolated as the capacity itself."""
    line = course(capacity_section(ladder_run(climbed((0.1, 0.2, 0.4))), {}))

    assert line[-1] == pytest.approx((100.0, 250.0))


def test_a_line_ends_where_the_next_rung_has_its_percentile_among_failures() -> None:
    """Nobody knows it from there on."""
    climb = climbed((0.020, 0.025, math.inf), bad=0.5, held=Held.UNDRAINED)
    assert climb.edge is Edge.NONE
    line = course(capacity_section(ladder_run(climb), {}))

    assert [ms for _, ms in line] == pytest.approx([20.0, 25.0])
    assert line[-1][0] < 100
