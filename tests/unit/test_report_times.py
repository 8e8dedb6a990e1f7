"""Figures over time: which phases and which block they show, and what their captions say of what they leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.analysis.summary import RunSummary, summarise_done
from lab.analysis.trial.trial import TrialSummary
from lab.record.types import Phase, PhaseWindow
from lab.report.charts.axes import Stretch
from lab.report.charts.bars import Grouped
from lab.report.charts.curves import Curves
from lab.report.charts.heat import Heat
from lab.report.parts.time_axis import phases_of_readings, phases_of_requests
from lab.report.sections.latency_servers import server_figure
from lab.report.sections.time import latency_figures, throughput_figure
from lab.report.sections.time_processes import process_figures
from lab.report.sections.why_memory import memory_over_time
from lab.report.sections.why_shares import share_map
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_summaries

SCENARIO = make_scenario((WORKERS, REPLICAS), load={"locustfile": "x.py", "rate": 300, "warmup": "2s", "measure": "4s"})


@pytest.fixture(scope="module")
def summary() -> RunSummary:
    """Two blocks of two arms, 300 requests a second."""
    return summarise_done(make_run(SCENARIO), make_summaries(SCENARIO))


def with_phases(trial: TrialSummary, bins: range, **starts_s: float) -> TrialSummary:
    """A trial with phases from these instants, each up to the next one; ``END`` is where the last one ends.

    ``bins`` are the seconds, from the start of the measure phase, of which there are requests and readings.
    """
    windows = zip(starts_s.items(), list(starts_s.values())[1:], strict=False)
    phases = {Phase[name]: PhaseWindow(start_s=low, end_s=high) for (name, low), high in windows}
    starts = tuple(map(float, bins))
    timeline = replace(trial.timeline, start_s=starts, sampled_s=starts)
    return replace(trial, record=replace(trial.record, phases=phases), timeline=timeline)


def stretches(phases: Sequence[Stretch]) -> list[tuple[str, float, float]]:
    """Names and ends."""
    return [(phase.name, phase.low, phase.high) for phase in phases]


def test_phases_are_those_that_the_bins_reach(summary: RunSummary) -> None:
    """Relative to the measure phase. The first one begins with its bin; one that fills no half bin is not there."""
    trial = with_phases(summary.trials[0], range(-7, 11), BOOT=0, IDLE=2.3, WARMUP=4, MEASURE=9, COOLDOWN=19, END=19.6)

    assert stretches(phases_of_readings(trial)) == [
        ("idle", -7, -5),
        ("warm-up", -5, 0),
        ("measure", 0, 10),
        ("cool-down", 10, pytest.approx(10.6)),
    ]
    shorter = replace(trial, timeline=replace(trial.timeline, start_s=trial.timeline.start_s[2:-1]))
    assert stretches(phases_of_requests([shorter])) == [("warm-up", -5, 0), ("measure", 0, 10)]
    assert [phase.measured for phase in phases_of_requests([shorter])] == [False, True]


def test_phases_of_several_trials_do_not_overlap(summary: RunSummary) -> None:
    """One was warmed up for 3 s longer than the other: the longer warm-up counts, and idle ends before it."""
    short = with_phases(summary.trials[0], range(-6, 1), IDLE=2, WARMUP=4, MEASURE=9, END=10)
    long = with_phases(summary.trials[1], range(-9, 1), IDLE=2, WARMUP=4, MEASURE=12, END=13)

    assert stretches(phases_of_requests([short, long])) == [("idle", -9, -8), ("warm-up", -8, 0), ("measure", 0, 1)]


def test_the_warm_up_is_not_on_the_axis_at_first(summary: RunSummary) -> None:
    """The axis begins with what was measured, and what it has room for is that; a slow start stays reachable."""
    slow = [
        replace(trial, timeline=replace(trial.timeline, slowest=(9.0, *trial.timeline.slowest[1:])))
        for trial in summary.trials
    ]
    assert slow[0].timeline.start_s[0] < 0
    charts = [figure.chart for figure in latency_figures(replace(summary, trials=tuple(slow))) if figure]
    slowest = charts[-1]

    assert isinstance(slowest, Curves)
    assert slowest.x.low == 0
    assert slowest.x.least == slow[0].timeline.start_s[0]
    assert slowest.y.high < 9000


def test_every_figure_over_time_marks_the_phases(summary: RunSummary) -> None:
    """Every panel of every one of them."""
    figures = (
        throughput_figure(summary),
        *latency_figures(summary),
        share_map(summary),
        memory_over_time(summary),
        *process_figures(summary),
    )
    charts = [figure.chart for figure in figures if figure]
    panels = [
        panel
        for chart in charts
        for panel in (chart.plots if isinstance(chart, Curves) else chart.panels if isinstance(chart, Heat) else ())
    ]

    assert len(charts) == 8
    assert len(panels) == 4 + 2 + 2 + 2 + 2
    assert all({"warm-up", "measure"} <= {phase.name for phase in panel.phases} for panel in panels)


def test_the_caption_says_why_p99_is_not_drawn(summary: RunSummary) -> None:
    """300 requests a second carry p95 in a bin of a second; with 5 there is none, and the slowest one says so."""
    figures = {figure.key: figure.sentence for figure in latency_figures(summary) if figure}
    slow = make_scenario((REPLICAS,), load={"locustfile": "x.py", "rate": 5, "warmup": "1s", "measure": "4s"})
    few = {
        figure.key: figure.sentence
        for figure in latency_figures(summarise_done(make_run(slow), make_summaries(slow)))
        if figure
    }

    assert list(figures) == ["time-p50", "time-p95", "time-slowest"]
    assert [key for key, sentence in figures.items() if "p99 needs" in sentence] == ["time-p95"]
    assert list(few) == ["time-slowest"]
    assert "p99 needs 1,000 requests" in few["time-slowest"]


def test_nothing_is_missing_where_p99_is_drawn() -> None:
    """2,000 requests a second."""
    fast = make_scenario((REPLICAS,), load={"locustfile": "x.py", "rate": 2000, "warmup": "1s", "measure": "2s"})
    figures = {
        figure.key: figure for figure in latency_figures(summarise_done(make_run(fast), make_summaries(fast))) if figure
    }

    assert "time-p99" in figures
    assert not any("needs" in figure.sentence for figure in figures.values())


def test_latency_by_process_has_every_block(summary: RunSummary) -> None:
    """Both quantiles of four processes in two blocks, faint, beside one strong mark for each median."""
    figure = server_figure(summary)

    assert figure is not None
    assert isinstance(figure.chart, Grouped)
    marks = [mark for group in figure.chart.groups if group.name == "replicas" for _, mark in group.marks]
    faint = [mark for mark in marks if mark.faint]
    assert len(marks) - len(faint) == 4
    assert len(faint) == 2 * 4 * 2
    assert sum(mark.text.startswith("replicas, block 2, process ") for mark in faint) == 8
    values = sorted(mark.value for mark in faint if mark.kind == 0)
    assert values[0] <= figure.chart.groups[1].bars[0][0] <= values[-1]  # type: ignore[operator]
