"""A metric over runs: dots where they belong, and every change of conditions marked and named."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.analysis.across import Difference
from lab.analysis.history import between
from lab.report.charts.trend import Trend, TrendChange, TrendPoint
from lab.report.sections.overview import Entry, Validity, validity_of
from lab.report.sections.trend import changed_words, trend_of
from lab.report.told import read_told
from lab.serve.runs import Runs
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario
from tests.served_runs import MOVED, REBUILT, SPOILED, finished, serve_folder

HOSTILE = '</svg><script>alert(1)</script>" onload="x" \x1b[31m' + "n" * 500


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """The runs of a folder in which the conditions change twice."""
    return Runs(serve_folder(tmp_path_factory.mktemp("trend"))).entries()


def test_changes_are_numbered_and_named(entries: list[Entry]) -> None:
    """Machine and driver before one run, the image before the next, nothing before the others."""
    content = trend_of(entries, "quickstart", "memory.pss.total")
    assert content is not None
    found = {row.row.name: (row.mark, row.changed) for row in content.rows if row.changed}

    assert found == {
        MOVED: ("1", ("kernel: 6.1.0 → 6.12.3", "storage driver: overlay2 → fuse-overlayfs")),
        REBUILT: ("2", ("image app: sha256:abababababab… → sha256:cdcdcdcdcdcd…",)),
    }
    assert content.figure is not None
    assert "changed 2 times" in content.figure.sentence
    assert [each.place for each in content.figure.chart.changes] == [3, 4]  # type: ignore[attr-defined]


def test_dots_are_medians_and_hollow_where_the_run_is_not_valid(entries: list[Entry]) -> None:
    """One for each arm and run, oldest first, with whiskers over the valid blocks."""
    content = trend_of(entries, "quickstart", "memory.pss.total")
    assert content is not None
    assert content.figure is not None
    points = content.figure.chart.points  # type: ignore[attr-defined]
    workers = [point for point in points if point.arm == 0]

    assert [point.place for point in workers] == [1, 2, 3, 4, 5]
    assert [point.hollow for point in workers] == [False] * 4 + [True]
    assert workers[3].value == pytest.approx(1.5 * workers[0].value)
    assert all(point.low <= point.value <= point.high for point in points)
    assert content.rows[0].row.name == SPOILED


def test_a_metric_that_is_not_asked_for_is_the_first_that_was_judged(entries: list[Entry]) -> None:
    """Also where the one that is asked for is none; and without runs there is no trend."""
    for key in ("", "nonsense"):
        content = trend_of(entries, "quickstart", key)
        assert content is not None
        assert content.metric.key == "memory.pss.total"
    assert trend_of(entries, "nope", "p50") is None


def test_a_change_of_the_scenario_or_of_the_arms_is_one_too() -> None:
    """Load, arms and what an arm is: not only the machine."""
    before = make_run(make_scenario((WORKERS, REPLICAS)))
    louder = make_scenario((WORKERS, REPLICAS), load={"locustfile": "x.py", "rate": 900})
    assert "scenario.load.rate" in {found.key for found in between(before, make_run(louder))}
    fewer = between(before, make_run(make_scenario((WORKERS,))))
    assert fewer == (Difference(key="arms", first="workers, replicas", second="workers"),)
    assert between(before, before) == ()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("environment.cpu_count", "number of usable cores: 2 → 4"),
        ("images.nginx.digest", "image nginx: 2 → 4"),
        ("inputs.locustfile", "content of locustfile: 2 → 4"),
        ("scenario.load.rate", "load.rate: 2 → 4"),
        ("lab_version", "version of the lab: 2 → 4"),
    ],
)
def test_a_change_is_told_in_words(key: str, words: str) -> None:
    """Not by the key of a document."""
    assert changed_words(Difference(key=key, first="2", second="4")) == words


def test_a_long_value_is_cut() -> None:
    """A configuration file may be one."""
    assert len(changed_words(Difference(key="arm.front.config", first="x" * 9000, second="y" * 9000))) < 200


@pytest.mark.parametrize("runs", [1, 2, 7, 300])
def test_a_trend_is_drawn_for_any_number_of_runs(runs: int) -> None:
    """With hostile names; dates do not crowd, and lines do not cross a change."""
    points = tuple(
        TrendPoint(arm=arm, place=place, value=place, low=0, high=2.0 * place, text=HOSTILE, hollow=place == 1)
        for place in range(1, runs + 1)
        for arm in (0, 1)
    )
    chart = Trend(
        title=HOSTILE,
        arms=(HOSTILE, "b"),
        dates=tuple(f"2026-11-{place % 28 + 1:02d}" for place in range(runs)),
        points=points,
        changes=(TrendChange(place=2, name="1", text=HOSTILE),) if runs > 1 else (),
        y_title="ms",
    )
    drawn = ElementTree.fromstring(chart.svg())

    assert len(list(drawn.iter("circle"))) == 2 * runs
    lines = [each for each in drawn.iter("line") if each.get("class") == "line"]
    assert len(lines) == 2 * max(0, runs - 2)
    assert len([each for each in drawn.iter("g") if each.get("class") == "tick"]) <= 8


def test_points_of_a_run_are_told_apart(tmp_path: Path) -> None:
    """Each arm once a point, answers with their points; valid only where all points are."""
    whole = json.loads((finished() / "comparison.json").read_text())
    spoiled = whole | {"blocks": whole["blocks"] | {"valid": [], "invalid": [1, 2], "valid_for": {}}}
    (tmp_path / "comparison.json").write_text(json.dumps({"points": {"n-2": whole, "n-4": whole}}))
    found = read_told(tmp_path)
    assert found is not None
    assert found.arms == ("workers at n-2", "replicas at n-2", "workers at n-4", "replicas at n-4")
    assert (found.valid, found.planned, found.is_valid) == (4, 4, True)
    assert {reading.arm for reading in found.values} == set(found.arms)
    assert found.answers[0].sentence.startswith("n-2: ")
    (tmp_path / "comparison.json").write_text(json.dumps({"points": {"n-2": whole, "n-4": spoiled}}))
    found = read_told(tmp_path)
    assert found is not None
    assert not found.is_valid


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"points": {}}', '{"arms": 1, "blocks": {}}', "\x00"])
def test_a_document_that_is_none_tells_nothing(tmp_path: Path, text: str) -> None:
    """As if no report had been drawn."""
    (tmp_path / "comparison.json").write_text(text)
    assert read_told(tmp_path) is None
    assert read_told(tmp_path / "gone") is None


def test_a_run_without_a_report_or_end_is_told_apart(entries: list[Entry], tmp_path: Path) -> None:
    """Unfinished, by hand, without a report, unreadable."""
    info = make_run(make_scenario())
    cases = {
        Validity.NO_REPORT: Entry(name="x", info=info),
        Validity.BY_HAND: Entry(name="x", info=make_run(make_scenario(), exploratory=True)),
        Validity.UNFINISHED: Entry(name="x", info=make_run(make_scenario(), cut="interrupted")),
        Validity.UNREADABLE: Entry(name="x", problem="damaged"),
    }
    assert {validity_of(entry): entry for entry in cases.values()} == cases
