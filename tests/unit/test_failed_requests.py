"""An arm that fails requests, from its rows to every form of the report: it cannot win by failing (METHOD 1.8, 7)."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it carries no types
import polars as pl
import pytest

from lab.analysis.comparison import Comparison, compare_run, exit_code
from lab.analysis.expectations import Outcome
from lab.analysis.summary import RunSummary, summarise
from lab.record.types import TrialResult
from lab.report.build import build_content, files_of
from lab.report.content import Content
from lab.report.parts.failures import next_step
from lab.report.renderers.json_document import comparison_document, comparison_schema
from lab.report.renderers.terminal import render_terminal
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_trials, with_tables

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
    assert content.answers[0].sentence.startswith("replicas failed 30")
    assert content.answers[0].word == "worse"
    assert comparison.conditions[0].result.outcome is Outcome.VIOLATED
    assert exit_code(comparison) == 1
    headline = {row[0].text: row for row in content.headline.rows}
    assert "failed" in {cell.text for cell in headline["p99 response time"]} or "p99 response time" not in headline
    assert "failed" in {cell.text for cell in headline["p95 response time"]}


def test_an_arm_without_any_success_is_said_first() -> None:
    """364 of 364 failed: no word on its memory, and no exit code 0."""
    _, comparison, content = run(1.0)

    said = content.answers[0].sentence
    assert said.startswith("No request of replicas succeeded in blocks 1, 2, 3")
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
