"""What a report says: sentences made from the data, doubts never hidden, and a readable page whatever happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.summary import RunSummary, summarise
from lab.metric_types import Reading
from lab.metrics import METRICS, Group
from lab.record.types import Environment, TrialResult, TrialState
from lab.report.build import build_content
from lab.report.charts.forest import Forest, ratio_ticks
from lab.report.content import Content, Figure, Section
from lab.report.parts.facts import facts_line
from lab.report.parts.gate_words import gate_sentence
from lab.report.sections.answer import status
from lab.report.sections.answer_sentences import verdict_answers
from lab.report.sections.details import metric_table, sensitivity
from lab.report.sections.latency import server_figure
from lab.report.sections.limits import limits
from lab.report.sections.validity import belief, error_table, gate_table
from lab.report.sections.why_shares import share_figure
from lab.scenario.model import Scenario
from tests import judged_runs
from tests.builders import REPLICAS, make_gate, make_run, make_scenario, make_trials, with_record, with_tables

LOAD = {"locustfile": "x.py", "rate": 100, "lanes": 8, "warmup": "2s", "measure": "4s"}
SCENARIO = make_scenario(load=LOAD)
TRIALS = list(make_trials(SCENARIO))


def summary_of(trials: Iterable[TrialResult] = TRIALS, scenario: Scenario = SCENARIO) -> RunSummary:
    """The summary of a run, without the cost of drawing figures."""
    return summarise(make_run(scenario), trials)


def content_of(trials: Iterable[TrialResult] = TRIALS, scenario: Scenario = SCENARIO, **run: Any) -> Content:
    """The whole content of a run."""
    return build_content(make_run(scenario, **run), summary_of(trials, scenario))


def section(content: Content, key: str) -> Section:
    """One section by its key."""
    return next(section for section in content.sections if section.key == key)


def limits_of(scenario: Scenario = SCENARIO, **facts: Any) -> str:
    """What a run of TRIALS does not show, on a machine with these facts."""
    run = make_run(scenario, environment=Environment(facts=facts))
    return " ".join(limits(run, summary_of(TRIALS if scenario is SCENARIO else (), scenario)).sentences)


@pytest.fixture(scope="module")
def content() -> Content:
    """The synthetic run: three arms, two blocks."""
    return content_of()


def test_sections_follow_the_readers_questions(content: Content) -> None:
    """In the order in which a reader asks: may I believe it, why, how much, when, how to repeat it."""
    keys = ["belief", "why", "latency", "time", "order", "details", "limits", "again"]

    assert [section.key for section in content.sections] == keys


def test_every_primary_has_a_sentence_for_every_contender(content: Content) -> None:
    """Two primaries, two contenders, with the median ratio and both values."""
    assert len(content.answers) == 4
    memory = content.answers[1].sentence
    assert memory.startswith("memory (PSS), steady: replicas 11.0 % less than workers (146.")
    assert all(answer.word == "" for answer in content.answers)


def test_few_blocks_are_called_smoke(content: Content) -> None:
    """Below six blocks the page says that it gives no verdict."""
    assert "2 blocks: a smoke test" in content.status
    assert "A verdict: 2 valid blocks are too few" in " ".join(section(content, "limits").sentences)


def test_enough_blocks_are_not_called_smoke() -> None:
    """What a verdict takes grows with the judged intervals: two primaries of two judged arms need eight blocks."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 8, "seed": 1})
    fewer = make_scenario(load=LOAD, trials={"blocks": 7, "seed": 1})

    assert status(summary_of(make_trials(scenario), scenario)) == "8 blocks, all valid."
    assert "takes at least 8 valid blocks here" in status(summary_of(make_trials(fewer), fewer))


def test_the_choice_of_blocks_is_laid_open() -> None:
    """A replaced block: the verdict with and without the replacement, and as if no gate existed."""
    judged = judged_runs.scenario(blocks=8)
    values = {
        ("memory.pss.total", "workers"): judged_runs.series(100e6, blocks=9),
        ("memory.pss.total", "replicas"): judged_runs.series(100e6, 1.2, blocks=9),
    }
    bad = {"b02-replicas": (make_gate("invalid"),)}
    table = sensitivity(compare_run(judged_runs.summary(judged, values, gates=bad, blocks=9)))

    assert table is not None
    assert [column.title for column in table.columns[2:]] == [
        "valid blocks",
        "valid without replacements",
        "as if no gate existed",
    ]
    assert all("worse" in cell.text or "numbers only" in cell.text for cell in table.rows[0][2:])
    assert sensitivity(None) is None


def test_a_failed_gate_is_on_the_page_and_takes_the_block_out() -> None:
    """Sentence, table row, mark in the column head, and the status."""
    bad = make_gate("invalid")
    summary = summary_of([with_record(TRIALS[0], gates=(bad,)), *TRIALS[1:]])

    assert status(summary).startswith("1 of 2 blocks valid: a smoke test.")
    assert gate_sentence(bad) in " ".join(belief(make_run(SCENARIO), summary).doubts)
    assert gate_table(summary).rows[0][1].text == "invalid"
    assert "block 1 (not valid)" in [column.title for column in metric_table(summary, Group.LATENCY).columns]


def test_no_valid_block_still_shows_numbers_and_says_what_they_are_worth() -> None:
    """The headline table falls back to all blocks, openly."""
    content = content_of(with_record(trial, gates=(make_gate("invalid"),)) for trial in TRIALS)

    assert "say nothing about the arms" in content.status
    assert "none of which is valid" in content.headline.note
    assert content.headline.rows


def test_a_run_cut_short_says_so() -> None:
    """Why it ended, and what is missing."""
    states = {trial.record.trial_id: TrialState.DONE for trial in TRIALS[:4]}
    states |= {trial.record.trial_id: TrialState.PLANNED for trial in TRIALS[4:]}
    doubts = belief(make_run(SCENARIO, cut="Ctrl-C", states=states), summary_of(TRIALS[:4])).doubts

    assert "The run ended early: Ctrl-C." in doubts
    assert any("2 of 6 planned trials were not finished" in doubt for doubt in doubts)
    assert any(doubt.startswith("Block 2 is incomplete") for doubt in doubts)


def test_nothing_finished_is_still_a_page() -> None:
    """No trial at all: a sentence instead of figures."""
    content = content_of([], cut="the image could not be had")

    assert content.status == "No trial was finished: there is nothing to compare."
    assert content.figure is None


def test_one_arm_alone_has_no_answers_but_all_its_numbers() -> None:
    """A scenario with one arm compares nothing."""
    scenario = make_scenario([REPLICAS], load=LOAD)
    content = content_of(make_trials(scenario), scenario)

    assert content.answers == ()
    assert content.figure is None
    assert content.headline.rows


def test_no_requests_at_all_are_still_a_page() -> None:
    """An app that never answered: figures without anything to show are left out."""
    silent = [with_tables(trial, requests=trial.tables.requests.clear()) for trial in TRIALS]
    content = content_of(silent)

    assert "cannot be compared, a value is missing" in content.answers[2].sentence
    figures = [part.key for part in section(content, "latency").parts if isinstance(part, Figure)]
    assert figures == []


def test_ten_thousand_kinds_of_errors_are_cut_with_a_count() -> None:
    """The table stays readable."""
    requests = TRIALS[0].tables.requests
    errors = requests.with_columns(error="error " + requests.with_row_index()["index"].cast(str))
    shown = error_table(summary_of([with_tables(TRIALS[0], requests=errors), *TRIALS[1:]]))

    assert len(shown.rows) == 10
    assert "further ones" in shown.note


def test_unattributed_requests_are_a_doubt() -> None:
    """Shares that are not known are not shown as even."""
    nobody = pl.lit(None, pl.String).alias("served_by")
    hidden = [with_tables(trial, requests=trial.tables.requests.with_columns(nobody)) for trial in TRIALS]
    doubts = belief(make_run(SCENARIO), summary_of(hidden)).doubts

    assert any("could be attributed" in doubt for doubt in doubts)
    assert share_figure(summary_of(hidden)) is None
    assert server_figure(summary_of(hidden)) is None


def test_limits_come_from_the_facts() -> None:
    """More processes than cores, open or closed model, engine and storage driver are said only when true."""
    small = limits_of(cpu_count=2, engine="docker", storage_driver="overlay2")
    large = limits_of(cpu_count=16, engine="process", storage_driver=None)
    closed = limits_of(make_scenario(load={"locustfile": "x.py", "measure": "2s"}))

    assert "4 processes share 2 cores" in small
    assert "overlay2" in small
    assert "share 16 cores" not in large
    assert "the engine was process" in large
    assert "storage driver" not in large
    assert "Capacity:" in small
    assert "Capacity:" not in closed
    assert "closed model" in closed


def test_commands_and_configuration_are_listed(content: Content) -> None:
    """Every container's full command, and nginx.conf of the arms that have one."""
    listings = {part.key: getattr(part, "text", "") for part in section(content, "details").parts}

    assert "--workers" in listings["commands-workers"]
    assert "upstream" in listings["file-replicas-nginx"]


def test_the_hop_is_said_in_words(content: Content) -> None:
    """workers against workers-nginx."""
    said = section(content, "why").sentences[0]

    assert said.startswith("Putting workers behind the proxy (workers-nginx) changes p50 by +")


def test_facts_that_the_machine_did_not_tell_are_left_out() -> None:
    """The grey line has no empty places and no None."""
    facts = facts_line(make_run(SCENARIO, environment=Environment(facts={"cpu_model": None})), summary_of())

    assert all(facts)
    assert "None" not in " ".join(facts)


def test_building_twice_gives_the_same_content(content: Content) -> None:
    """A report can be rebuilt bit for bit."""
    assert content_of() == content


@pytest.mark.parametrize("ratios", [[0.999, 1.001], [0.9, 1.16], [0.5, 1.4], [0.1, 8.0], [1.0], [3.0]])
def test_ratio_axis_has_one_and_a_handful_of_labels(ratios: list[float]) -> None:
    """Whatever the ratios, the axis is labelled at 1 and on both sides of the data."""
    ticks = ratio_ticks(ratios)

    assert 1 in ticks
    assert 3 <= len(ticks) <= 12
    assert ticks[0] <= min(ratios)
    assert ticks[-1] >= max(ratios)


def test_a_driver_that_shares_no_file_pages_is_a_doubt_beside_memory() -> None:
    """N containers pay N times for the image's files there: said with the memory that is not affected."""
    told = {}
    for driver in ("overlay2", "fuse-overlayfs"):
        scenario = make_scenario()
        run = make_run(scenario)
        run = replace(run, environment=Environment(facts={**run.environment.facts, "storage_driver": driver}))
        content = build_content(run, summarise(run, make_trials(scenario)))
        told[driver] = " ".join([content.status, *(doubt for section in content.sections for doubt in section.doubts)])

    assert "fuse-overlayfs every container has its own copy" in told["fuse-overlayfs"]
    assert "Anonymous memory does not depend on the driver: workers" in told["fuse-overlayfs"]
    assert "fuse-overlayfs shares no file pages" in told["fuse-overlayfs"], "already on the first screen"
    assert "own copy" not in told["overlay2"]
    assert "file pages" not in told["overlay2"]


def test_a_comparison_is_on_the_page_with_the_intervals_that_decide() -> None:
    """Eight blocks: the answers are the comparison's, the forest plot has its interval, the table the same one."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 8, "seed": 1})
    summary = summary_of(make_trials(scenario), scenario)
    comparison = compare_run(summary)
    content = build_content(make_run(scenario), summary, comparison)

    assert content.answers == verdict_answers(comparison)
    assert content.figure is not None
    contest = next(contest for contest in comparison.primaries if contest.judgement.interval)
    interval = contest.judgement.interval
    assert interval is not None
    assert isinstance(content.figure.chart, Forest)
    row = next(row for row in content.figure.chart.rows if row.name == contest.arm and row.interval)
    assert row.interval == (interval.low, interval.high)
    assert row.estimate == contest.judgement.estimate
    assert row.word in content.figure.chart.svg()
    judgements = {Reading(contest.metric, contest.arm): contest.judgement}
    table = metric_table(summary, METRICS[contest.metric].group, judgements)
    place = [column.title for column in table.columns].index("interval")
    assert f"{interval.low:.3f}–{interval.high:.3f}" in [row[place].text for row in table.rows]
