"""An arm that fails requests, from its rows to every form of the report: it cannot win by failing (METHOD 1.8, 7)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it carries no types
import polars as pl
import pytest

from lab.analysis.comparison import Comparison, compare_run, exit_code
from lab.analysis.expectations import Outcome
from lab.analysis.summary import RunSummary, summarise
from lab.record.types import CGROUPS, TrialResult
from lab.report.build import build_content, files_of
from lab.report.content import Content
from lab.report.parts.failures import next_step
from lab.report.parts.values import THIN
from lab.report.renderers.json_document import comparison_document, comparison_schema
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.answer_sentences import verdict_answers
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_trials, table_of, with_tables

PLAN = make_scenario(
    (WORKERS, REPLICAS),
    load={"locustfile": "x.py", "rate": 200, "lanes": 8, "warmup": "5s", "measure": "5s"},
    trials={"blocks": 8, "seed": 7},
    compare={"baseline": "workers", "primary": ["p95", "memory.pss.total"]},
    expect=[{"that": "p95(replicas) <= 1.1 * p95(workers)"}],
)


def failing(trial: TrialResult, slowest: float) -> TrialResult:
    """The same requests of an arm, of which the slowest part are answered with 503."""
    table = trial.tables.requests
    taken = pl.col("t_done_s") - pl.col("t_sent_s")
    bad = taken >= taken.quantile(1 - slowest)
    error = pl.when(bad).then(pl.lit("HTTP 503")).otherwise(pl.col("error"))
    return with_tables(trial, requests=table.with_columns(error.alias("error")))


@cache
def run(slowest: float) -> tuple[RunSummary, Comparison, Content]:
    """Eight blocks in which the slowest part of the replicas' requests failed."""
    trials = (
        failing(trial, slowest) if trial.record.arm == "replicas" and slowest else trial for trial in make_trials(PLAN)
    )
    summary = summarise(make_run(PLAN), trials)
    comparison = compare_run(summary)
    return summary, comparison, build_content(make_run(PLAN), summary, comparison)


def document(slowest: float) -> Any:
    summary, comparison, _ = run(slowest)
    return json.loads(json.dumps(comparison_document(make_run(PLAN), summary, comparison), allow_nan=False))


def test_the_slowest_third_as_503_is_worse_not_better() -> None:
    """The p95 of what is left is lower by a third; the verdict is worse, and what failed is said first."""
    _, comparison, content = run(0.3)

    p95, memory = comparison.primaries
    assert p95.judgement.verdict == "worse"
    assert memory.judgement.verdict is not None, "memory needs no answered request"
    assert content.answers[0].sentence.startswith("“replicas” failed 30")
    assert content.answers[0].word == "worse"
    assert comparison.conditions[0].result.outcome is Outcome.VIOLATED
    assert exit_code(comparison) == 1
    headline = {row[0].text.removesuffix(f" ({THIN})"): row for row in content.headline.rows}
    assert "failed" in {cell.text for cell in headline["p99 response time"]} or "p99 response time" not in headline
    assert "failed" in {cell.text for cell in headline["p95 response time"]}


def test_an_arm_without_any_success_is_said_first() -> None:
    """364 of 364 failed: no word on its memory, and no exit code 0."""
    _, comparison, content = run(1.0)

    said = content.answers[0].sentence
    assert said.startswith("No request of “replicas” succeeded in blocks 1, 2, 3")
    assert re.search(r"compared\. [\d,]+ failures: HTTP 503\. See the logs .*\[\[sidecars\]\]", said)
    assert {answer.word for answer in content.answers} == {"", "violated"}
    assert exit_code(comparison) == 1


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("HTTP 400", "app.env"),
        ("HTTP 401", "load.args"),
        ("HTTP 404", "paths"),
        ("HTTP 413", 'profile = "stock"'),
        ("HTTP 502", "timeout of the front"),
        ("HTTP 500", "[[sidecars]]"),
        ("SSLError: HTTPSConnectionPool(host='127.0.0.1', port=20000): wrong version number", "tls = true"),
        ("the app redirects to https://localhost, which is not the arm: not followed", "tls = true"),
        ("the app redirects to http://www.shop.org, which is not the arm: not followed", "Host"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "app.restart"),
        ("RemoteDisconnected: Remote end closed connection without response", "app.restart"),
        ("no response before the trial ended", "load.measure"),
        ("dropped: the queue was full", "load.rate"),
        ("total is 3, expected 4", ""),
    ],
)
def test_what_all_requests_failed_with_leads_to_the_next_step(cause: str, said: str) -> None:
    """A check of the locustfile's own has none: it says itself what it wanted."""
    assert said in next_step(cause)
    assert bool(next_step(cause)) == bool(said)


@pytest.mark.parametrize(
    ("cause", "short"),
    [
        ("no response before the trial ended", True),
        ("ConnectTimeout: timed out", True),
        ("dropped: the queue was full", True),
        ("HTTP 504", True),
        ("RemoteDisconnected: Remote end closed connection without response", True),
        ("HTTP 500", False),
        ("HTTP 404", False),
        ("total is 3, expected 4", False),
    ],
)
def test_memory_is_the_next_step_only_where_the_app_answers_nothing(cause: str, short: bool) -> None:
    """Files in memory meet a limit of an app that is well, too: an answer has another reason."""
    met = "the limit was met in 99.0% of the readings"

    assert (next_step(cause, met) == f"Memory was short ({met}): raise budget.memory.") is short
    assert next_step(cause, "" if short else met) == next_step(cause)


def hanging(trial: TrialResult, hits: Sequence[int]) -> TrialResult:
    """The same trial, in which nothing was answered and the limit had been met so often at each reading."""
    table = trial.tables.requests.with_columns(pl.lit("ReadTimeout: timed out").alias("error"))
    window = trial.record.measure
    rows = [
        {
            "t_s": window.start_s + place * window.length_s / len(hits),
            "service": "app",
            "container": "c1",
            "limit_hits": n,
        }
        for place, n in enumerate(hits)
    ]
    return with_tables(trial, requests=table, cgroups=table_of(CGROUPS, rows))


@pytest.mark.parametrize(
    ("budget", "hits", "said"),
    [
        ({"memory": "split:64MiB"}, range(0, 100, 10), "the limit was met in 100.0% of the readings"),
        ({"memory": "split:64MiB"}, [5] * 10, "raise load.measure"),
        ({}, range(0, 100, 10), "raise load.measure"),
    ],
)
def test_an_arm_that_thrashes_is_told_to_have_too_little_memory(
    budget: dict[str, str], hits: Sequence[int], said: str
) -> None:
    """Only where it has a limit, and that was met again and again."""
    plan = make_scenario((WORKERS, REPLICAS), budget={"processes": 4, **budget})
    trials = (hanging(trial, hits) if trial.record.arm == "replicas" else trial for trial in make_trials(plan))
    summary = summarise(make_run(plan), trials)

    first, *others = verdict_answers(compare_run(summary))

    assert first.sentence.startswith("No request of “replicas” succeeded")
    assert said in first.sentence
    assert not any("Memory was short" in answer.sentence for answer in others)


@pytest.mark.parametrize("slowest", [0.0, 0.3, 1.0])
def test_no_form_of_the_report_has_an_infinite_number(slowest: float) -> None:
    """JSON says null and names the blocks that failed, pages say failed; only a CSV has inf, which programs read."""
    _, _, content = run(slowest)

    found = document(slowest)
    jsonschema.validate(found, comparison_schema())
    p95 = next(one for one in found["metrics"] if (one["metric"], one["arm"]) == ("p95", "replicas"))
    assert (p95["median"] is None) == (slowest > 0)
    assert p95["failed"] == (list(range(1, 9)) if slowest else [])
    files = {**files_of(content), "terminal": render_terminal(content, 100)}
    for name, text in files.items():
        if not name.endswith(".csv"):
            visible = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
            assert not re.search(r"\b(inf|nan|Infinity|NaN)\b", visible), name
    assert ("inf" in files["tables/quantiles.csv"]) == (slowest > 0)
