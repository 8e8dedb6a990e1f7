"""A metric over runs: dots where they belong, and every change of conditions marked and named."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.analysis.across import Difference
from lab.analysis.history import between
from lab.metric_types import Reading
from lab.report.charts.trend import Trend, TrendChange, TrendPoint
from lab.report.sections.history import history_document
from lab.report.sections.overview import Entry, Validity, validity_of
from lab.report.sections.trend import changed_words, trend_of
from lab.report.told import Told, read_told
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


Told8 = tuple[list[float | None], list[int], float | None]


def p99_of(tmp_path: Path, values: list[float | None], failed: list[int], median: float | None) -> Told:
    """What a report of eight blocks says of the p99 of workers, as comparison.json has it."""
    blocks = dict(enumerate(values, 1))
    metric = {"metric": "p99", "arm": "workers", "median": median, "blocks": blocks, "failed": failed}
    told: dict[str, Any] = {
        "arms": ["workers"],
        "blocks": {"planned": 8, "valid": [*blocks]},
        "verdicts": [{"metric": "p99"}],
        "metrics": [metric],
    }
    (tmp_path / "comparison.json").write_text(json.dumps(told))
    found = read_told(tmp_path)
    assert found is not None
    return found


SOME: Told8 = ([0.010, 0.011, 0.012, 0.013, 0.014, None, None, None], [6, 7, 8], 0.0135)
MOST: Told8 = ([0.010, 0.011, None, None, None, None, None, None], [3, 4, 5, 6, 7, 8], None)
ALL: Told8 = ([None] * 8, [1, 2, 3, 4, 5, 6, 7, 8], None)
NONE: Told8 = ([0.010, 0.011, 0.012, 0.013, 0.014, None, None, None], [], 0.012)  # three blocks are not known


@pytest.mark.parametrize(
    ("blocks", "ends", "word", "span"),
    [
        (SOME, (0.010, math.inf), "13.5 ms", "10.0 ms or more; failed in 3 of 8 blocks"),
        (MOST, (0.010, math.inf), "failed", "10.0 ms or more; failed in 6 of 8 blocks"),
        (ALL, (math.inf, math.inf), "failed", "failed in 8 of 8 blocks"),
        (NONE, (0.010, 0.014), "12.0 ms", "10.0 ms to 14.0 ms"),
    ],
)
def test_blocks_that_failed_are_seen_in_a_trend(
    tmp_path: Path, blocks: Told8, ends: tuple[float, float], word: str, span: str
) -> None:
    """They rank above any number, in the whisker, in the table and in JSON; where most failed, so does the run."""
    values, failed, _ = blocks
    told = p99_of(tmp_path, *blocks)
    value = told.values[Reading("p99", "workers")]
    entry = Entry(name="one", info=make_run(make_scenario((WORKERS,))), told=told)
    trend = trend_of([entry], entry.info.scenario_name if entry.info else "", "p99")
    assert trend is not None

    known = len(failed) + sum(each is not None for each in values)
    assert (value.low, value.high, value.blocks, value.failed) == (*ends, known, len(failed))
    assert (trend.rows[0].values, trend.rows[0].spans) == ((word,), (span,))
    document = history_document([entry], [trend])["metrics"]["p99"]["workers"][0]
    assert document["failed"] == len(failed)
    assert json.dumps(document, allow_nan=False)
    assert trend.figure is not None
    assert ("A bar at the upper edge" in trend.figure.sentence) == bool(failed)
    assert "inf" not in trend.figure.chart.svg()
    assert "nan" not in trend.figure.chart.svg()


def test_no_line_leads_over_a_run_that_failed() -> None:
    """It has a cross, with words; its neighbours are not joined as if it were not there."""
    values = (1.0, 2.0, math.inf, 2.0, 1.0)
    points = tuple(
        TrendPoint(arm=0, place=place, value=value, low=1.0, high=value, text=f"run {place}", lost=value == math.inf)
        for place, value in enumerate(values, 1)
    )
    chart = Trend(title="p99", arms=("workers",), dates=("2026-11-29",) * 5, points=points, changes=(), y_title="ms")
    drawn = ElementTree.fromstring(chart.svg())
    crosses = [each for each in drawn.iter("path") if each.get("class") == "line mark"]

    assert len([each for each in drawn.iter("line") if each.get("class") == "line"]) == 2
    assert [next(each.iter("title")).text for each in crosses] == ["run 3"]
    assert len(list(drawn.iter("circle"))) == 4
