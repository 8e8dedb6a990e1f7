"""What a report says: sentences made from the data, caveats never hidden, and a readable page whatever happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

import polars as pl
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.conclusion import arms_in_order
from lab.analysis.summary import RunSummary, summarise, summarise_done
from lab.metric_types import Reading
from lab.metrics import METRICS, Group
from lab.record.types import Environment, TrialResult
from lab.report.build import build_content
from lab.report.charts.forest import LABEL_ROOM, Forest, ratio_ticks, with_room
from lab.report.content import Content, Figure, Section
from lab.report.first_screen import Group as Grouped
from lab.report.parts.caveats import WHOLE, Caveats
from lab.report.parts.facts import budget_text, cores_text, facts_line
from lab.report.parts.gate_sentences import gate_sentence
from lab.report.parts.storage import platform_answer
from lab.report.sections.answer import status
from lab.report.sections.answer_sentences import verdict_answers
from lab.report.sections.details import metric_table, sensitivity
from lab.report.sections.latency_servers import server_figure
from lab.report.sections.trust import trust_section
from lab.report.sections.validity import MAX_CAVEATS, error_table, few, gate_tables, validity_section
from lab.report.sections.why_shares import share_figure
from lab.scenario.model import Scenario
from tests import judged_runs
from tests.builders import (
    REPLICAS,
    WORKERS,
    WORKERS_NGINX,
    make_gate,
    make_run,
    make_scenario,
    make_summaries,
    make_trials,
    with_record,
    with_tables,
)
from tests.builders import told as sentences

LOAD = {"locustfile": "x.py", "rate": 100, "lanes": 8, "warmup": "2s", "measure": "4s"}
SCENARIO = make_scenario(load=LOAD)
TRIALS = list(make_trials(SCENARIO))


def summary_of(trials: Iterable[TrialResult] = TRIALS, scenario: Scenario = SCENARIO) -> RunSummary:
    """The summary of a run, without the cost of drawing figures."""
    return summarise(make_run(scenario), trials)


def section(content: Content, key: str) -> Section:
    """One section by its key."""
    return next(section for section in content.sections if section.key == key)


@pytest.fixture(scope="module")
def content() -> Content:
    """The synthetic run: three arms, two blocks."""
    return build_content(make_run(SCENARIO), summary_of())


def test_figures_count_valid_blocks_and_draw_the_others_hollow(content: Content) -> None:
    """Two of four blocks are invalid and have twice the memory: the caption says what the table says."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 4, "seed": 7})
    trials = [
        with_tables(with_record(trial, gates=(make_gate("invalid"),)), processes=_twice_as_large(trial))
        if trial.record.block <= 2
        else trial
        for trial in make_trials(scenario)
    ]
    found = build_content(make_run(scenario), summary_of(trials, scenario))
    figures = [part for section in found.sections for part in section.parts if isinstance(part, Figure)]
    shown = {figure.key: figure for figure in [*figures, *found.figures]}

    row = next(row for row in found.headline.rows if row[0].text == "memory (PSS), steady")
    assert f"workers {row[2].text}" in shown["memory"].sentence
    for key in ("ratios", "memory", "cpu", "shares", "servers", "order"):
        assert shown[key].sentence.count("ollow marks are blocks that do not count") == 1
        assert all(f'class="{shape} mark"' in shown[key].svg for shape in ("ring", "dot")), key
    whole = [part for section in content.sections for part in section.parts if isinstance(part, Figure)]
    assert not any("ollow" in figure.sentence or 'class="ring' in figure.svg for figure in whole)


def test_the_caption_of_the_ratios_says_when_it_leaves_controls_aside() -> None:
    """As a control the arm that differs most is not the answer, and a caption must not deny what is drawn."""
    both = _ratios_of(WORKERS, REPLICAS, WORKERS_NGINX)
    most = both.sentence.removeprefix("Largest difference: ").split(",")[0]
    (judged,) = {"replicas", "workers-nginx"} - {most}
    arms = [{**arm, "control": arm["name"] == most} for arm in (WORKERS, REPLICAS, WORKERS_NGINX)]

    assert both.sentence.startswith(f"Largest difference: {most}, p50")
    assert _ratios_of(*arms).sentence.startswith(f"Largest difference, controls aside: {judged}, p50")
    titles = [column.title for column in _report_of(arms).headline.shown.columns]
    assert titles[:3] == ["metric", "workers", judged]


def _ratios_of(*arms: Mapping[str, object]) -> Figure:
    (figure,) = (figure for figure in _report_of(arms).figures if figure.key == "ratios")
    return figure


def _report_of(arms: Sequence[Mapping[str, object]]) -> Content:
    scenario = make_scenario(arms, load=LOAD, trials={"blocks": 8, "seed": 7})
    summary = summary_of(make_trials(scenario), scenario)
    return build_content(make_run(scenario), summary, compare_run(summary))


@pytest.mark.parametrize(("cores", "told"), [(1, "1 core"), (2, "2 cores"), (None, "")])
def test_one_core_is_one(cores: int | None, told: str) -> None:
    """A machine that did not tell has none to tell of."""
    run = make_run(SCENARIO)
    facts = {**run.environment.facts, "cpu_count": cores}
    assert cores_text(replace(run, environment=Environment(facts=facts))) == told


def test_a_short_warm_up_is_a_caveat_and_its_length_is_printed(content: Content) -> None:
    """2 s were run here; the length is that of the trials, not what the scenario asks for."""
    assert "A trial warmed up for 2 s only" in " ".join(sentences(section(content, "belief").caveats))
    assert "after 2 s of warm-up" in " ".join(section(content, "limits").sentences)


def _twice_as_large(trial: TrialResult) -> pl.DataFrame:
    return trial.tables.processes.with_columns(2 * pl.col("pss_bytes"))


def test_enough_blocks_are_not_called_smoke() -> None:
    """What a verdict takes grows with the judged intervals: two primaries of two judged arms need eight blocks."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 8, "seed": 1})
    fewer = make_scenario(load=LOAD, trials={"blocks": 7, "seed": 1})

    assert "smoke" not in status(summary_of(make_trials(scenario), scenario))
    assert "8 valid blocks" in status(summary_of(make_trials(fewer), fewer))


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
    assert all("worse" in cell.text or "numbers only" in cell.text for cell in table.rows[0][2:])
    assert sensitivity(None) is None


def test_a_failed_gate_is_on_the_page_and_takes_the_block_out() -> None:
    """Sentence, table row, mark in the column head."""
    bad = make_gate("invalid")
    summary = summary_of([with_record(TRIALS[0], gates=(bad,)), *TRIALS[1:]])

    assert gate_sentence(bad) in " ".join(sentences(validity_section(make_run(SCENARIO), summary).caveats))
    assert gate_tables(summary)[0].rows[0][1].text == "invalid"
    assert "block 1 (not valid)" in [column.title for column in metric_table(summary, Group.LATENCY).columns]


def test_ten_thousand_kinds_of_errors_are_cut_with_a_count() -> None:
    """The table stays readable."""
    requests = TRIALS[0].tables.requests
    errors = requests.with_columns(error="error " + requests.with_row_index()["index"].cast(str))
    shown = error_table(summary_of([with_tables(TRIALS[0], requests=errors), *TRIALS[1:]]))

    assert len(shown.rows) == 10
    assert "further ones" in shown.note


def test_unattributed_requests_have_no_shares() -> None:
    """Shares that are not known are not shown as even."""
    nobody = pl.lit(None, pl.String).alias("served_by")
    hidden = [with_tables(trial, requests=trial.tables.requests.with_columns(nobody)) for trial in TRIALS]

    assert share_figure(summary_of(hidden)) is None
    assert server_figure(summary_of(hidden)) is None
    one = [hidden[n] if trial.record.arm == "workers" else trial for n, trial in enumerate(TRIALS)]
    shown = share_figure(summary_of(one))
    assert shown
    assert "Of workers it is not known which process answered." in shown.sentence


def test_commands_and_configuration_are_listed(content: Content) -> None:
    """Every container's full command, and nginx.conf of the arms that have one."""
    listings = {part.key: getattr(part, "text", "") for part in section(content, "details").parts}

    assert "--workers" in listings["commands-workers"]
    assert "upstream" in listings["file-replicas-nginx"]


def test_facts_that_the_machine_did_not_tell_are_left_out() -> None:
    """The grey line has no empty places and no None."""
    facts = facts_line(make_run(SCENARIO, environment=Environment(facts={"cpu_model": None})), summary_of())

    assert all(facts)
    assert "None" not in " ".join(facts)


@pytest.mark.parametrize("ratios", [[0.999, 1.001], [0.9, 1.16], [0.5, 1.4], [0.1, 8.0], [1.0], [3.0]])
def test_ratio_axis_has_one_and_a_handful_of_labels(ratios: list[float]) -> None:
    """Whatever the ratios, the axis is labelled at 1 and on both sides of the data."""
    ticks = ratio_ticks(ratios)

    assert 1 in ticks
    assert 3 <= len(ticks) <= 12
    assert ticks[0] <= min(ratios)
    assert ticks[-1] >= max(ratios)


def test_labels_of_an_axis_do_not_touch() -> None:
    """A saving of 60% on a log axis: its places crowd near 1, which is labelled whatever else is."""
    places = [0.0, 120.0, 200.0, 262.0, 294.0, 322.0, 346.0, 368.0, 386.0]
    named = sorted(with_room(places, first=368.5))

    assert named == [0.0, 120.0, 200.0, 262.0, 322.0, 368.0]
    assert all(after - before >= LABEL_ROOM for before, after in pairwise(named))


@pytest.mark.parametrize("judged", [False, True])
def test_a_driver_that_shares_no_file_pages_is_in_the_sentence_on_memory(judged: bool) -> None:
    """N containers pay N times for the image's files there: said with the memory that is not affected."""
    told, answers = {}, {}
    for driver in ("overlay2", "fuse-overlayfs"):
        scenario = make_scenario()
        run = make_run(scenario)
        run = replace(run, environment=Environment(facts={**run.environment.facts, "storage_driver": driver}))
        summary = summarise_done(run, make_summaries(scenario))
        content = build_content(run, summary, compare_run(summary) if judged else None)
        told[driver] = " ".join(caveat for section in content.sections for caveat in sentences(section.caveats))
        answers[driver] = ["fuse-overlayfs every container of “replicas”" in a.besides for a in content.answers]

    assert "fuse-overlayfs every container has its own copy" in told["fuse-overlayfs"]
    assert "Anonymous memory does not depend on the driver: workers" in told["fuse-overlayfs"]
    assert answers["fuse-overlayfs"] == [False, False, True, False] if judged else [False, True, False, False], (
        "not where both arms are one container, nor p50"
    )
    assert not any(answers["overlay2"])
    assert "own copy" not in told["overlay2"]
    assert "file pages" not in told["overlay2"]


def test_a_comparison_is_on_the_page_with_the_intervals_that_decide() -> None:
    """Eight blocks: the answers are the comparison's, the forest plot has its interval, the table the same one."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 8, "seed": 1})
    summary = summary_of(make_trials(scenario), scenario)
    comparison = compare_run(summary)
    content = build_content(make_run(scenario), summary, comparison)

    assert content.answers == verdict_answers(comparison, partial(platform_answer, summary), arms_in_order(summary))
    contest = next(contest for contest in comparison.primaries if contest.judgement.interval)
    interval = contest.judgement.interval
    assert interval is not None
    (chart,) = (figure.chart for figure in content.figures if isinstance(figure.chart, Forest))
    row = next(row for row in chart.rows if row.name == contest.arm and row.interval)
    assert row.interval == (interval.low, interval.high)
    assert row.estimate == contest.judgement.estimate
    assert row.word in chart.svg()
    judgements = {Reading(contest.metric, contest.arm): contest.judgement}
    table = metric_table(summary, METRICS[contest.metric].group, judgements)
    place = [column.title for column in table.columns].index("against the baseline")
    assert (interval.low, contest.judgement.estimate, interval.high) in [row[place].span for row in table.rows]


def test_caveats_that_are_not_shown_are_said_to_be_where_they_are() -> None:
    """The section of a run of several points has no tables: the reports of the points have them."""
    many = Grouped(about=WHOLE, sentences=tuple(f"Caveat {number}." for number in range(MAX_CAVEATS + 1)))
    (of_points,) = trust_section(Caveats(judged=(many,), others=(many,)))
    shown = (*of_points.caveats, *of_points.asides)

    assert few(many).sentences[MAX_CAVEATS:] == ("… and 1 further caveat, see the tables.",)
    assert not of_points.parts
    assert [group.sentences[MAX_CAVEATS:] for group in shown] == [
        ("… and 1 further caveat, see the reports of the points.",)
    ] * 2


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ({"cpus": "split:1", "cpuset": "3"}, "1 CPU split, no memory limit, pinned to core 3"),
        (
            {"cpus": "pooled:2", "memory": "split:1GiB", "cpuset": "0-1"},
            "2 CPUs pooled, 1.0 GiB split, pinned to cores 0-1",
        ),
    ],
)
def test_a_budget_is_told_with_one_cpu_as_one(budget: dict[str, object], told: str) -> None:
    """As in the title of a point of a sweep."""
    assert (
        budget_text(judged_runs.summary(judged_runs.scenario(blocks=1, budget={"processes": 2} | budget), {})) == told
    )
