"""Tables for two kinds of readers: words with their intervals on the page, plain numbers with their unit in CSV."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from math import inf

import polars as pl
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.judge.intervals import Interval
from lab.analysis.judge.verdict import Judgement, Reason, Verdict
from lab.analysis.summary import RunSummary, summarise, summarise_done
from lab.metric_types import Reading
from lab.metrics import METRICS, Group, Unit
from lab.plan.kinds import Role
from lab.report.build import build_content
from lab.report.content import Audience, Content, Table
from lab.report.parts.cells import NEVER, UNKNOWN, compared_cells, quantity
from lab.report.parts.effects import signed_change, signed_interval, size_of_difference
from lab.report.parts.values import THIN_NOTE, Judgements, ratio_note
from lab.report.renderers.csv_tables import all_tables, render_csv
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_markdown
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.details import metric_table
from lab.report.sections.headline import headline
from lab.report.sections.latency import quantile_ratios, quantile_table, tail_figure
from lab.report.sections.validity import gate_tables
from lab.report.sections.why import cpu_figure, cpu_table
from lab.scenario.compare import Expect
from lab.scenario.drills import Drill, Verb
from tests.builders import (
    REPLICAS,
    WORKERS,
    make_gate,
    make_run,
    make_scenario,
    make_summaries,
    make_trials,
    with_record,
    with_tables,
)

LOAD = {"locustfile": "x.py", "rate": 100, "lanes": 8, "warmup": "2s", "measure": "4s"}
SCENARIO = make_scenario(load=LOAD, trials={"blocks": 8, "seed": 7})  # four judged intervals: at 98.75%
RATIO = r"[−+]\d+\.\d% \([−+]\d+\.\d…[−+]\d+\.\d%\)"


@pytest.fixture(scope="module")
def summary() -> RunSummary:
    """Eight blocks of three arms, all valid."""
    return summarise_done(make_run(SCENARIO), make_summaries(SCENARIO))


@pytest.fixture(scope="module")
def judgements(summary: RunSummary) -> Judgements:
    """What was found of every metric and contender."""
    comparison = compare_run(summary)
    contests = (*comparison.primaries, *comparison.exploratory)
    return {Reading(contest.metric, contest.arm): contest.judgement for contest in contests}


@pytest.fixture(scope="module")
def content(summary: RunSummary) -> Content:
    """The whole report."""
    return build_content(make_run(SCENARIO), summary, compare_run(summary))


@pytest.fixture(scope="module")
def rows(content: Content) -> dict[str, list[dict[str, str]]]:
    """The CSV files of the report, read."""
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in render_csv(content).items()}


def values_of(table: Table, title: str) -> list[float | None]:
    """The stored values of the columns whose title has ``title`` in it, column by column."""
    places = [place for place, column in enumerate(table.columns) if title in column.title and column.numeric]
    return [row[place].value for place in places for row in table.rows]


def interval_of(judgements: Judgements, metric: str, arm: str) -> Interval:
    """The interval that there must be."""
    interval = judgements[Reading(metric, arm)].interval
    assert interval is not None
    return interval


def test_every_number_on_the_page_is_in_the_csv(content: Content) -> None:
    """No numeric column is wholly empty there while people see values in it."""
    for table in all_tables(content):
        shown, stored = table.shown, table.of(Audience.PROGRAMS)
        for place, column in enumerate(stored.columns):
            cells = [row[place] for row in stored.rows if row[place].text != UNKNOWN]
            assert not column.numeric or all(cell.value is not None for cell in cells), (table.key, column.title)
        for place, column in enumerate(shown.columns):
            seen = [row[place].text for row in shown.rows if row[place].text != UNKNOWN]
            if column.numeric and seen:
                titles = ["ratio", "difference"] if column.title.startswith("against") else [column.title]
                found = [value for title in titles for value in values_of(stored, title) if value is not None]
                assert len(found) >= len(seen), (table.key, column.title)


def test_columns_of_a_csv_can_be_told_apart(content: Content) -> None:
    """Each has a name of its own, though people read three columns that are called ratio."""
    for name, text in render_csv(content).items():
        titles = next(csv.reader(io.StringIO(text)))
        assert len(set(titles)) == len(titles), name


def test_intervals_and_units_of_metrics_are_in_the_csv(
    rows: dict[str, list[dict[str, str]]], judgements: Judgements
) -> None:
    """Two ratios and the unit that the medians are stored in."""
    title = METRICS["memory.pss.total"].title
    row = next(row for row in rows["metrics-memory.csv"] if row["arm"] == "replicas" and row["metric"] == title)
    interval = interval_of(judgements, "memory.pss.total", "replicas")

    assert (float(row["interval low"]), float(row["interval high"])) == (interval.low, interval.high)
    assert float(row["ratio"]) == interval.estimate
    assert (row["unit"], row["kind"]) == ("bytes", "primary")
    assert float(row["median"]) > 100_000_000
    assert "interval" not in row
    assert {row["unit"] for row in rows["metrics-latency.csv"]} == {"seconds"}


def test_what_is_for_programs_is_on_no_page(content: Content) -> None:
    """The unit stands in the cells there, and the interval is one text."""
    for text in (render_html(content), render_markdown(content), render_terminal(content, 200)):
        assert "interval low" not in text
        assert "ratio low" not in text


def test_metrics_say_whether_they_are_primary(summary: RunSummary) -> None:
    """What was declared before the run decides, everything else is exploratory."""
    kinds = {row[0].text: row[2].text for group in Group for row in metric_table(summary, group).rows}

    assert {title for title, kind in kinds.items() if kind == "primary"} == {
        METRICS["memory.pss.total"].title,
        METRICS["p50"].title,
    }
    assert set(kinds.values()) == {"primary", "exploratory"}


def test_a_ratio_of_the_first_table_has_its_interval_beside_it(
    summary: RunSummary, judgements: Judgements, rows: dict[str, list[dict[str, str]]]
) -> None:
    """One text for people, three numbers for programs, and the levels in the note."""
    table = headline(summary, judgements)
    memory = next(row for row in table.shown.rows if row[0].text == METRICS["memory.pss.total"].title)
    stored = next(row for row in rows["headline.csv"] if row["metric"] == METRICS["memory.pss.total"].title)
    interval = interval_of(judgements, "memory.pss.total", "replicas")

    assert [column.title for column in table.shown.columns][-2:] == ["replicas", "against workers"]
    assert re.fullmatch(RATIO, memory[-1].text)
    assert memory[-1].text == told_of(interval)
    names = ("replicas ratio", "replicas ratio low", "replicas ratio high")
    assert [float(stored[name]) for name in names] == [interval.estimate, interval.low, interval.high]
    assert stored["unit"] == "bytes"
    assert "98.33–98.75%" in table.note


def test_the_first_table_speaks_of_the_narrower_interval_of_its_own_rows(
    summary: RunSummary, judgements: Judgements
) -> None:
    """Not of that of another metric, nor of a difference, of which it shows no interval."""
    alike = replace(judgements[Reading("p50", "replicas")], verdict=Verdict.EQUIVALENT)
    difference = replace(alike, interval=None, difference=alike.interval)
    cases = {"p50": alike, "cpu.throttled": alike, "errors": difference}
    notes = [headline(summary, {Reading(key, "replicas"): found}).note for key, found in cases.items()]

    assert ["decided by a narrower interval" in note for note in notes] == [True, False, False]


@pytest.mark.parametrize("primary", ["memory.pss.idle", "memory.pss.total"])
def test_growth_stands_beside_the_memory_that_stays(summary: RunSummary, primary: str) -> None:
    """It cannot be judged, and a scenario that asks for the one is about the other."""
    slope, idle = METRICS["memory.slope.per_1k"], METRICS["memory.pss.idle"]
    known = {
        Reading(metric.key, arm.name): replace(summary.metrics[Reading(metric.key, arm.name)], median=1e5)
        for metric in (slope, idle)
        for arm in summary.arms
    }
    asked = replace(summary.scenario, compare=replace(summary.scenario.compare, primary=(primary,), bounds={}))
    found = headline(replace(summary, scenario=asked, metrics={**summary.metrics, **known}), {})
    titles = [row[0].text for row in found.rows]

    assert titles[:2] == [idle.title, slope.title] if primary == idle.key else slope.title not in titles


def test_what_is_expected_stands_in_the_first_table(summary: RunSummary) -> None:
    """Behind what is judged, each metric once, whatever else that table has."""
    expect = (Expect(that="cpu.cores(workers) <= 8"), Expect(that="p95(replicas) <= 2 * p95(workers)"))
    known = {
        Reading(key, arm.name): replace(summary.metrics[Reading(key, arm.name)], median=0.1)
        for key in ("p95", "cpu.cores")
        for arm in summary.arms
    }
    asked = replace(summary.scenario, expect=expect)
    found = headline(replace(summary, scenario=asked, metrics={**summary.metrics, **known}), {})
    titles, judged = [row[0].text for row in found.rows], len(asked.compare.primary)

    assert titles[judged : judged + 2] == [METRICS["cpu.cores"].title, "p95 response time (too few requests)"]
    assert len(set(titles)) == len(titles)


def test_what_has_no_end_in_the_trial_has_failed_nowhere(summary: RunSummary) -> None:
    """A dash beside it: a change to no end is no number, and no request of it has failed."""
    metric = METRICS["drill.recovery"]
    known = {
        Reading(metric.key, arm): replace(
            summary.metrics[Reading("p50", arm)], median=value, ratio=value / 2.0, ratio_all=value / 2.0
        )
        for arm, value in (("workers", 2.0), ("replicas", inf))
    }
    compare = replace(summary.scenario.compare, primary=(metric.key,), bounds={})
    asked = replace(summary.scenario, compare=compare, drills=(Drill(verb=Verb.KILL),))
    row = headline(replace(summary, scenario=asked, metrics={**summary.metrics, **known}), {}).rows[0]
    told = [cell.text for cell in row[2:]]

    assert told[0] == "2.00 s"
    assert told[told.index(NEVER) + 1] == UNKNOWN
    assert not [text for text in told if "fail" in text]


def told_of(interval: Interval) -> str:
    """An estimate with its ends, as changes."""
    return f"{signed_change(interval.estimate)} ({signed_interval(interval.low, interval.high)})"


@pytest.mark.parametrize(("ratio", "told"), [(0.00042, "−99.96%"), (0.9, "−10.0%"), (0.0, "−100.0%"), (4.2, "×4.2")])
def test_next_to_nothing_is_not_told_as_nothing(ratio: float, told: str) -> None:
    """4 s against 2 ms leave something: a change of 100% would not."""
    assert signed_change(ratio) == told


@pytest.mark.parametrize(
    ("metric", "ends", "told"),
    [
        ("errors", (0.0, 0.0, 0.0), "±0 points (95% CI 0 to 0)"),
        ("errors", (0.3, 0.29, 0.31), "+30 points (95% CI 29 to 31)"),
        ("drill.lost", (0.0, -1.0, 0.0), "±0 (95% CI −1 to ±0)"),
        ("drill.harm", (-0.12, -1.2, 0.3), "−120 ms (95% CI −1.20 s to +300 ms)"),
    ],
)
def test_a_difference_is_told_with_its_interval(metric: str, ends: tuple[float, float, float], told: str) -> None:
    """Of shares too, where none of it is none."""
    estimate, low, high = ends

    assert size_of_difference(METRICS[metric], Interval(estimate=estimate, low=low, high=high, level=0.95, n=6)) == told


def test_ratios_without_judgements_stand_alone(summary: RunSummary) -> None:
    """Nothing in brackets."""
    assert not [cell.text for row in headline(summary, {}).rows for cell in row[1:] if "(" in cell.text]


def test_a_ratio_that_is_no_estimate_is_called_what_it_is(summary: RunSummary, judgements: Judgements) -> None:
    """A block lacks the value: nothing is estimated, and the note says what the number is instead."""
    key = Reading("p50", "replicas")
    lacking = {**judgements, key: replace(judgements[key], estimate=None, interval=None, reason=Reason.MISSING)}

    for found, said in ((lacking, True), (judgements, False)):
        for table in (headline(summary, found), metric_table(summary, Group.LATENCY, found)):
            assert ("of the other blocks" in table.note) is said


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1.1234, 1.2134, "+12.3…+21.3%"),
        (0.9312, 0.9338, "−6.9…−6.6%"),
        (0.9812, 0.99998, "−1.9…−0.002%"),
        (1.0, 1.25, "±0…+25.0%"),
        (1.0361, 1.0364, "+3.61…+3.64%"),
        (1.5, 12.345, "+50.0%…×12.3"),
        (1.02, 1.02, "+2.0%"),
    ],
)
def test_an_interval_is_short_and_hides_nothing(low: float, high: float, text: str) -> None:
    """Neither how wide it is, nor on which side of no difference it ends."""
    assert signed_interval(low, high) == text


def test_quantiles_have_ratios_with_intervals(summary: RunSummary, judgements: Judgements) -> None:
    """Of contenders only, response and service time; a quantile for which no arm has the requests is left out."""
    table = quantile_ratios(summary, judgements)
    seen = {(row[0].text, row[1].text): row for row in table.shown.rows}
    interval = interval_of(judgements, "service.p95", "replicas")

    assert [column.title for column in table.shown.columns] == ["arm", "time", "p50", "p95"]
    assert set(seen) == {(arm, kind) for arm in ("workers-nginx", "replicas") for kind in ("response", "service")}
    assert seen["replicas", "service"][3].text == f"{told_of(interval)} †", "of 400 requests no p95 is judged"
    assert seen["replicas", "service"][2].text == told_of(interval_of(judgements, "service.p50", "replicas"))
    assert table.note.endswith(THIN_NOTE)
    alone = {key: judged for key, judged in judgements.items() if key != ("service.p95", "replicas")}
    assert quantile_ratios(summary, alone).shown.rows[-1][3].text == UNKNOWN
    assert interval.low in values_of(table.of(Audience.PROGRAMS), "p95 ratio low")
    assert quantile_ratios(summary, {}).rows == ()


@pytest.mark.parametrize(("measure", "thin"), [("12s", True), ("40s", False)])
def test_a_percentile_of_too_few_requests_says_so_wherever_it_stands(measure: str, *, thin: bool) -> None:
    """1,200 requests show a p99 and do not judge it, 4,000 do: in the main table, of quantiles, a figure, details."""
    scenario = make_scenario((WORKERS, REPLICAS), load=LOAD | {"measure": measure}, trials={"blocks": 2, "seed": 7})
    summary = summarise(make_run(scenario), make_trials(scenario))
    comparison = compare_run(summary)
    judgements = {Reading(each.metric, each.arm): each.judgement for each in comparison.exploratory}

    rows = {row[0].text for row in headline(summary, judgements).rows}
    assert ("p99 response time (too few requests)" in rows) is thin
    assert ("p99 response time" in rows) is not thin
    for table in (quantile_table(summary), quantile_ratios(summary, judgements)):
        place = [column.title for column in table.shown.columns].index("p99")
        assert all(("†" in row[place].text) is thin for row in table.shown.rows)
        assert table.note.endswith(THIN_NOTE) is thin
    marked = [row[0].text for row in metric_table(summary, Group.LATENCY, judgements).shown.rows if "†" in row[4].text]
    assert ("p99 response time" in marked) is thin
    assert "p50 response time" not in marked
    caption = tail_figure(summary)
    assert caption is not None
    assert ("(too few requests to judge by)" in caption.sentence) is thin


def test_gates_show_the_worst_value_and_its_limit() -> None:
    """In the gate's unit, with the side on which a pass lies; what was not checked has no value."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 1, "seed": 7})
    first, *others = make_trials(scenario)
    gates = (
        make_gate("invalid", key="load.cpu", value=0.95, limit=0.90),
        make_gate("pass", key="load.arrivals", value=1.0, limit=0.99),
        make_gate("caveat", key="load.lag", value=None, limit=0.002),
        make_gate("caveat", key="of an older lab", value=3.5, limit=None),
        make_gate("caveat", key="keepalive", value=0.044, limit=0.03),
    )
    *_, table = gate_tables(summarise(make_run(scenario), [with_record(first, gates=gates), *others]))
    titles = [column.title for column in table.columns]
    cells = {row[0].text: dict(zip(titles, row, strict=True)) for row in table.rows}

    busiest = cells["CPU of the busiest load process"]
    assert [busiest[name].text for name in ("worst value", "limit", "unit")] == ["95.0%", "≤ 90.0%", "fraction"]
    assert (busiest["worst value"].value, busiest["limit"].value) == (0.95, 0.90)
    assert cells["arrivals sent"]["limit"].text == "≥ 99.0%"
    assert cells["dispatcher lag, p99"]["worst value"].text == UNKNOWN
    assert cells["dispatcher lag, p99"]["limit"].text == "≤ 2.00 ms"
    assert cells["of an older lab"]["worst value"].value == 3.5
    assert [cells["keepalive"][name].text for name in ("worst value", "limit")] == ["44.0 ms", "30.0 ms"]


def test_cpu_is_divided_by_role_and_adds_up(rows: dict[str, list[dict[str, str]]]) -> None:
    """Supervisor and helper are what workers add; the parts of the app are together what its containers used."""
    table = {row["arm"]: row for row in rows["cpu-by-part.csv"]}
    roles = [Role.WORKER.value, Role.SUPERVISOR.value, Role.HELPER.value]

    assert sum(float(table["workers"][role]) for role in roles) == pytest.approx(float(table["workers"]["app"]))
    assert float(table["workers"]["worker"]) > 10 * float(table["workers"]["supervisor"]) > 0
    assert table["replicas"]["supervisor"] == ""
    assert float(table["replicas"]["proxy"]) > 0
    assert "other" not in table["workers"]


def test_cpu_counts_the_same_blocks_in_every_table_and_caption() -> None:
    """An invalid block that cost twice as much moves neither the first table nor what is said below it."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 2, "seed": 7})
    good, bad = ([t for t in make_trials(scenario) if t.record.block == block] for block in (1, 2))
    dear = [
        with_record(
            with_tables(trial, cgroups=trial.tables.cgroups.with_columns(cpu_s=2 * pl.col("cpu_s"))),
            gates=(make_gate("invalid"),),
        )
        for trial in bad
    ]
    found = summarise(make_run(scenario), [*good, *dear])
    figure, table = cpu_figure(found), cpu_table(found)
    places = [column.title for column in table.columns]
    together = table.rows[0][places.index("together")]

    assert figure is not None
    assert together.value == found.metrics[Reading("cpu.per_1k", "workers")].median
    assert f"workers {together.text}," in figure.sentence
    assert "supervisor" in figure.svg
    assert "helper" not in figure.svg, "it used nothing"


def test_a_table_whose_rows_do_not_fit_its_columns_is_refused(content: Content) -> None:
    """A cell that nobody's column holds would move all the others."""
    table = replace(content.headline, columns=content.headline.columns[:-1])

    with pytest.raises(ValueError, match="shorter"):
        _ = table.shown


def test_large_rates_have_no_decimals() -> None:
    """And a minus is as typeset."""
    assert [quantity(Unit.PER_SECOND, value) for value in (301.52, 6494.02)] == ["301.5/s", "6,494/s"]
    assert quantity(Unit.SECONDS, -0.1281) == "−128 ms"


def test_a_narrow_terminal_loses_nothing() -> None:
    """A cell that is too wide goes on in the next line."""
    scenario = make_scenario()
    summary = summarise_done(make_run(scenario), make_summaries(scenario))
    content = build_content(make_run(scenario), summary, compare_run(summary))

    assert "…)" not in render_terminal(content, 60).replace(" ", "")
    assert all(len(line) <= 60 for line in render_terminal(content, 60).splitlines())


def test_what_is_judged_as_a_difference_has_no_ratio() -> None:
    """Of nothing against nothing a ratio of one block was −100%."""
    metric = METRICS["drill.harm"]
    more = Interval(estimate=0.0, low=-0.005, high=0.3, level=0.95, n=8)
    found = Judgement(
        metric="drill.harm",
        verdict=Verdict.EQUIVALENT,
        reason=Reason.INSIDE,
        n=8,
        blocks_needed=8,
        level=0.95,
        difference=more,
    )
    shown, *stored = compared_cells(metric, found, 0.0)

    assert shown.text == "±0 s (−5.00 ms…+300 ms)"
    assert shown.strong
    assert [each.value for each in stored] == [None, None, None, 0.0, -0.005, 0.3]
    few = replace(found, difference=None, shift=1.2, verdict=None)
    assert compared_cells(metric, few, 0.0)[0].text == "+1.20 s"
    assert compared_cells(metric, replace(few, shift=None), 0.0)[0].text == UNKNOWN
    assert compared_cells(metric, None, 0.0)[0].text == UNKNOWN
    assert "ratio, or difference where that is judged, of a block" in ratio_note({Reading("drill.harm", "b"): found})
