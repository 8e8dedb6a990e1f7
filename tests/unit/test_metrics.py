"""The catalogue is the one place where a metric is declared: names, bound, and how many observations it takes."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.analysis.judge.eligibility import quantile_eligible
from lab.cli import app
from lab.metrics import CATALOGUE, METRICS, Metric
from lab.report.parts.effects import effect

ROOT = Path(__file__).parents[2]
SAYERS = [*(ROOT / "lab" / "report").rglob("*.py"), *(ROOT / "lab" / "cli").glob("*.py"), *(ROOT / "docs").glob("*.py")]


def texts_by_metric(source: str) -> Iterator[str]:
    """The metrics that a dictionary in this source gives a text to."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and key.value in METRICS
                    and isinstance(value, ast.Constant | ast.JoinedStr)
                ):
                    yield str(key.value)


def test_every_key_is_declared_once() -> None:
    """A second entry would hide the first."""
    assert len(METRICS) == len(CATALOGUE)


def test_nobody_else_keeps_names_of_metrics() -> None:
    """A sentence, a table and the documentation take them from the catalogue; a dictionary of its own is found."""
    assert list(texts_by_metric('NOUNS = {"memory.pss.total": "memory", "other": "x"}')) == ["memory.pss.total"]
    assert {path.name: found for path in SAYERS if (found := list(texts_by_metric(path.read_text())))} == {}


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.key)
def test_sentences_call_a_metric_as_the_catalogue_does(metric: Metric) -> None:
    """By its noun, or its title where it has none."""
    assert metric.called == (metric.noun or metric.title)
    assert metric.heading == (metric.called if metric.key != "errors" else "failed requests")
    assert f" {metric.called} " in f" {effect(metric, 'replicas', 'workers', 0.9)} "


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.key)
def test_least_counts_are_where_the_method_draws_its_lines(metric: Metric) -> None:
    """The first number that is shown, and the first that is judged (METHOD 6.5); nothing but percentiles has them."""
    shown, judged = metric.least_to_show, metric.least_to_judge
    if metric.quantile is None:
        assert (shown, judged) == (None, None)
        return
    assert shown is not None
    assert judged is not None
    assert [quantile_eligible(count, metric.quantile).printed for count in (shown - 1, shown)] == [False, True]
    assert [quantile_eligible(count, metric.quantile).judged for count in (judged - 1, judged)] == [False, True]


def test_the_command_prints_them() -> None:
    """In a line of its own, and as two keys for programs."""
    table = CliRunner().invoke(app, ["metrics"], env={"COLUMNS": "200"}).stdout
    listed = {entry["key"]: entry for entry in json.loads(CliRunner().invoke(app, ["metrics", "--json"]).stdout)}

    assert "shown / judged from 200 / 600 requests" in table
    assert (listed["p95"]["least_to_show"], listed["p95"]["least_to_judge"]) == (200, 600)
    assert (listed["boot"]["least_to_show"], listed["boot"]["least_to_judge"]) == (None, None)
    assert (listed["memory.pss.total"]["noun"], listed["boot"]["noun"]) == ("memory", "time until ready")
    assert set(listed) == set(METRICS)
