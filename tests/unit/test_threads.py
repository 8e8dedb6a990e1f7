"""What the threads of an arm used and served, and the table that tells it."""

from typing import Any

import pytest

from lab.analysis.summary import summarise
from lab.analysis.trial.shares import Share, ThreadLine, thread_lines
from lab.record.types import THREADS, TrialResult
from lab.report.sections.why_shares import thread_table
from tests.builders import make_run, make_scenario, make_trials, table_of, with_tables


def read(trial: TrialResult, *rows: tuple[int, int, str, float, float]) -> TrialResult:
    """With readings of threads at the edges of the measure phase: (tid, own tid, name, CPU before, CPU after)."""
    window = trial.record.measure
    found: list[dict[str, Any]] = []
    for tid, own_tid, name, before_s, after_s in rows:
        for t_s, cpu_s in ((window.start_s, before_s), (window.end_s, after_s)):
            found.append({"t_s": t_s, "tid": tid, "own_tid": own_tid, "name": name, "cpu_s": cpu_s})
    return with_tables(trial, threads=table_of(THREADS, found, pid=700, started_s=1.0, node=""))


@pytest.fixture
def trial() -> TrialResult:
    """Any."""
    return next(make_trials(make_scenario()))


def test_threads_are_told_by_what_they_used_and_served(trial: TrialResult) -> None:
    """The busiest first; one that did nothing is left out, one that served nothing has no share."""
    served = (
        Share(served_by="1-abc:12", requests=75, fraction=0.75),
        Share(served_by="1-abc:13", requests=25, fraction=0.25),
    )
    lines = thread_lines(
        read(
            trial,
            (700, 1, "main", 4.0, 4.0),
            (701, 12, "loop", 1.0, 2.5),
            (702, 13, "loop", 0.5, 1.0),
            (703, 14, "io", 0, 0.75),
        ),
        served,
    )
    assert lines == (
        ThreadLine(name="loop", cpu_s=1.5, fraction=0.75),
        ThreadLine(name="io", cpu_s=0.75, fraction=None),
        ThreadLine(name="loop", cpu_s=0.5, fraction=0.25),
    )


def test_no_thread_was_read(trial: TrialResult) -> None:
    """Where processes serve nobody asks for threads."""
    assert thread_lines(trial, ()) == ()


def test_the_report_tells_cores_by_thread() -> None:
    """CPU time by the length of the measure phase; an arm whose processes serve has no rows."""
    scenario = make_scenario()
    first, *rest = make_trials(scenario)
    length_s = first.record.measure.length_s
    summary = summarise(make_run(scenario), [read(first, (700, 1, "loop", 0.0, length_s / 4)), *rest])
    table = thread_table(summary)

    assert [[cell.text for cell in row] for row in table.rows] == [[first.record.arm, "1", "loop", "0.250", "–"]]
    assert table.rows[0][3].value == pytest.approx(0.25)
