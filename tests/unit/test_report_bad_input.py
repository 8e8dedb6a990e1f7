"""Whatever a run was, its report is a page that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import polars as pl
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.summary import summarise
from lab.record.types import Finding, TrialResult
from lab.report.build import build_content
from lab.report.content import Content
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_markdown, render_summary
from lab.report.renderers.terminal import render_terminal
from lab.scenario.model import Scenario
from tests.builders import make_run, make_scenario, make_trials, with_record, with_tables
from tests.snapshots import LOAD, RUNS

SCENARIO = make_scenario(load=LOAD, trials={"blocks": 1, "seed": 7})
TRIALS = list(make_trials(SCENARIO))
LONG = "n" * 500
READABLE_BYTES = 1_000_000


def content_of(trials: Iterable[TrialResult], scenario: Scenario = SCENARIO, **run: Any) -> Content:
    """A run judged, as `lab report` does it."""
    info = make_run(scenario, **run)
    summary = summarise(info, trials)
    return build_content(info, summary, compare_run(summary))


def with_requests(trial: TrialResult, *columns: pl.Expr) -> TrialResult:
    """The trial with other columns in its requests."""
    return with_tables(trial, requests=trial.tables.requests.with_columns(*columns))


def nothing_but_failures() -> Content:
    return content_of(with_requests(trial, pl.lit("refused").alias("error")) for trial in TRIALS)


def many_errors() -> Content:
    """Ten thousand rows, each with an error of its own that is 500 characters long."""
    trial = TRIALS[0]
    rows = trial.tables.requests
    rows = pl.concat([rows] * (10_000 // rows.height + 1)).with_row_index()
    rows = rows.with_columns(error=pl.lit(LONG) + pl.col("index").cast(pl.String)).drop("index")
    return content_of([with_tables(trial, requests=rows), *TRIALS[1:]])


def long_names() -> Content:
    """Servers, requests, commands, versions, sentences and image names of 500 characters."""
    trials = [
        with_tables(
            with_record(
                trial,
                findings=(Finding(key="load.capacity", value=0.5, limit=0.0, subject=LONG),),
            ),
            requests=trial.tables.requests.with_columns(
                name=pl.lit(LONG), served_by=pl.lit(LONG) + pl.col("served_by")
            ),
            processes=trial.tables.processes.with_columns(command=pl.lit(LONG)),
        )
        for trial in TRIALS
    ]
    scenario = make_scenario(load=LOAD, trials={"blocks": 1, "seed": 7}, question=LONG * 4)
    images = {"app": {"name": LONG, "digest": LONG, "origin": LONG}}
    return content_of(trials, scenario, run_id=LONG, cut=LONG, images=images)


def nothing_was_read() -> Content:
    """No process, no container, no host: the sampler found nothing."""
    return content_of(
        with_tables(
            trial,
            processes=trial.tables.processes.clear(),
            cgroups=trial.tables.cgroups.clear(),
            host=trial.tables.host.clear(),
        )
        for trial in TRIALS
    )


MADE = {**RUNS, **{make.__name__: make for make in (nothing_but_failures, many_errors, long_names, nothing_was_read)}}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_it_is_still_a_readable_page(make: Any) -> None:
    """Question, status and sections in every form; not a megabyte of errors; no "None", no "nan"."""
    content = make()
    html = render_html(content)
    visible = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)

    assert len(html.encode()) < READABLE_BYTES
    assert not re.search(r"\b(None|nan|inf)\b", visible)
    assert not re.search(r'="[^"]*\bnan\b', html)
    for text in (render_markdown(content), render_summary(content), render_terminal(content, 80)):
        assert content.question[:60] in text
        assert not re.search(r"\b(None|nan|inf)\b", text)
    assert {"belief", "limits", "again"} <= {section.key for section in content.sections}
