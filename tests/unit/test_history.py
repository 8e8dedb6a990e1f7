"""`lab compare` of more than two runs: every metric over them with its interval, changed conditions marked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.analysis.history import between
from lab.analysis.medians import span_of
from lab.cli import app
from lab.errors import UsageError
from lab.record.types import Environment
from tests.builders import make_run, make_scenario
from tests.served_runs import CUT, FIRST, MOVED, OTHER, REBUILT, SECOND, SPOILED, serve_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one scenario, conditions of which change twice, and one of another."""
    return serve_folder(tmp_path_factory.mktemp("history"))


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def test_a_folder_is_shown_over_time(folder: Path) -> None:
    """Every finished run of the scenario, what changed before which, and what is left out."""
    result = compare(folder, "--scenario", "quickstart")
    told = " ".join(result.stdout.split())

    assert result.exit_code == 0, result.exception
    assert "How did quickstart come out over 5 runs?" in told
    assert f"Changed at 1, before {MOVED}: kernel: 6.1.0 → 6.12.3; storage driver: overlay2 → fuse-overlayfs." in told
    assert f"Changed at 2, before {REBUILT}: image app: sha256:abababababab… → sha256:cdcdcdcdcdcd…." in told
    assert "Runs of other scenarios are left out (--scenario shows them): churn." in told
    assert f"Not finished, or without a report, and left out: {CUT}." in told


def test_a_page_has_a_figure_of_each_metric(folder: Path, tmp_path: Path) -> None:
    """The judged one first; a file is not replaced unless it is said so."""
    page = tmp_path / "trend.html"
    compare(folder, "--scenario", "quickstart", "--out", page)
    text = page.read_text()

    assert text.index('id="trend-memory.pss.total"') < text.index('id="trend-p50"')
    assert 'id="trend-cpu.per_1k"' in text
    assert "exists already" in str(compare(folder, "--out", page).exception)
    assert compare(folder, "--scenario", "quickstart", "--out", page, "--force").exit_code == 0


def test_more_than_two_runs_are_a_trend_too(folder: Path) -> None:
    """In the order of time, with stored values for programs."""
    runs = [folder / name for name in (REBUILT, FIRST, SECOND)]
    document = json.loads(compare(*runs, "--json").stdout)
    pss = document["metrics"]["memory.pss.total"]["workers"]

    assert [run["run"] for run in document["runs"]] == [FIRST, SECOND, REBUILT]
    assert [bool(run["changed"]) for run in document["runs"]] == [False, False, True]
    assert pss[2]["median"] == pytest.approx(1.5 * pss[0]["median"])
    assert all(value["low"] <= value["median"] <= value["high"] for value in pss)
    assert SPOILED not in str(document)


def test_the_scenario_is_that_of_the_newest_run(folder: Path) -> None:
    """Unless another one is named, which must be there."""
    assert "How did churn come out over 1 run?" in compare(folder).stdout
    assert "unknown scenario 'quickstar'" in str(compare(folder, "--scenario", "quickstar").exception)
    assert OTHER in compare(folder).stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--arm", "workers"], "are for a comparison, and this is a trend"),
        (["--studied", "lab_version"], "are for a comparison, and this is a trend"),
        (["--out", "trend.pdf"], "a trend is written as .html or .md"),
    ],
)
def test_options_that_do_not_belong_are_refused(folder: Path, options: list[str], said: str) -> None:
    """With what it is."""
    refused = compare(folder, *options).exception

    assert isinstance(refused, UsageError)
    assert said in str(refused)


def test_two_runs_are_no_trend(folder: Path) -> None:
    """Their comparison has no page; one run alone is neither."""
    refused = compare(folder / FIRST, folder / SECOND, "--scenario", "quickstart").exception

    assert "are for a trend" in str(refused)
    assert "two runs are compared" in str(compare(folder / FIRST).exception)


def test_the_span_is_an_interval_where_blocks_allow_one() -> None:
    """Of few it is the range; of six the exact interval, which here is the whole range of pair means."""
    assert span_of([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert span_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == (1.0, 6.0)
    low, high = span_of([float(number) for number in range(12)])
    assert 0.0 < low < high < 11.0
    assert span_of([1.0, float("inf"), 2.0, 3.0, 4.0, 5.0, 6.0]) == (1.0, float("inf"))


def test_another_image_is_one_change() -> None:
    """The environment has its digest once more."""
    given = make_scenario()
    first, second = (
        replace(
            make_run(given),
            images={"app": {"digest": digest}},
            environment=Environment(facts={**make_run(given).environment.facts, "image_digest": digest}),
        )
        for digest in ("sha256:one", "sha256:two")
    )

    assert [difference.key for difference in between(first, second)] == ["images.app.digest"]
