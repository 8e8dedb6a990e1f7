"""Points of a run: each setting has a comparison of its own, in seeded order, and the run tells of all of them."""

from __future__ import annotations

import json
import pickle
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest

from lab.analysis.points import judge_points, parts_of
from lab.analysis.selfcheck import against_itself
from lab.analysis.sweep import curve, demands, lines_of
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.cli.live.estimates import estimates
from lab.engines.process.refusals import check_plain
from lab.errors import ScenarioError
from lab.metrics import METRICS
from lab.plan.axes import AXES
from lab.plan.blocks import build_plan, with_scenario
from lab.plan.points import listed_blocks, points_of
from lab.record.checks import record_problem, run_problem
from lab.record.types import DrillRecord, Event, Finding
from lab.report.build import write_reports
from lab.report.charts.curves import Curves
from lab.report.charts.glance import icon
from lab.report.content import Figure, Table
from lab.report.first_screen import Answer
from lab.report.overview import overview
from lab.report.renderers.html_page import render_html
from lab.report.sections.lead import NUMBERS_ONLY, lead_of
from lab.report.sections.overview import Entry, answers_of, cut_words
from lab.report.sections.points import points_table
from lab.report.sections.sweep import demand_sentence, sweep_section
from lab.report.told import Told, read_told
from lab.run.by_hand import by_hand
from lab.scenario.file import scenario_from_json, scenario_to_json
from lab.scenario.model import Scenario
from lab.scenario.runnable import check_runnable
from lab.scenario.slo import of_arm
from lab.units import MIB
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

PAIR = (WORKERS, REPLICAS)
NUMBERS = (1, 2, 4)
LADDER = {"slo": "p99 <= 50ms", "rates": [10, 20, 30]}


def swept(**changes: object) -> Scenario:
    return make_scenario(PAIR, sweep={"processes": list(NUMBERS)}, trials={"blocks": 4, "seed": 7}, **changes)


def test_every_block_has_every_arm_at_every_point() -> None:
    """Points come in another order in every block, arms stay together inside a point and do identical work there."""
    plan = build_plan(swept())
    first = [trial.point.key for trial in plan.trials if trial.block == 1][::2]

    assert Counter((trial.block, trial.point.key) for trial in plan.trials) == Counter(
        {(block, f"n{number}"): 2 for block in range(1, 5) for number in NUMBERS}
    )
    assert {tuple(t.point.key for t in plan.trials if t.block == block)[::2] for block in range(1, 5)} != {tuple(first)}
    for left, right in zip(plan.trials[::2], plan.trials[1::2], strict=True):
        assert (left.point.key, left.schedule_seed) == (right.point.key, right.schedule_seed)


def test_the_table_of_all_points_has_what_is_expected() -> None:
    """Behind what is judged, at each point: a reader looks there for the number that the sentence is about."""
    given = swept(expect=[{"that": "boot(workers) <= 10s"}])
    table = points_table(judge_points(make_run(given), map(summarise_trial, make_trials(given))))
    asked = [*given.compare.primary, "boot"]

    assert [row[1].text for row in table.rows] == [METRICS[key].title for key in asked] * len(NUMBERS)


def test_a_trial_has_the_setting_of_its_point() -> None:
    """N and rate are those of the point, for whatever looks at the trial."""
    plan = build_plan(make_scenario(PAIR, sweep={"processes": [1, 2], "rate": [50, 100.5]}))

    assert {(t.point.key, t.scenario.budget.processes, t.scenario.load.rate) for t in plan.trials} == {
        ("n1-r50", 1, 50),
        ("n1-r100-5", 1, 100.5),
        ("n2-r50", 2, 50),
        ("n2-r100-5", 2, 100.5),
    }
    assert all(not trial.scenario.sweep for trial in plan.trials)


def test_quotas_are_swept_beside_processes_and_rate() -> None:
    """In the form of the budget, every value with every other; run.json gives the same points again."""
    asked = {"processes": [1, 2], "cpus": ["split:0.5"], "memory": ["pooled:512MiB", "split:512MiB"]}
    given = make_scenario(PAIR, sweep=asked)
    found = {point.key: point.scenario.budget for point in points_of(given)}

    assert list(found) == ["n1-s0-5cpu-p512mib", "n1-s0-5cpu-s512mib", "n2-s0-5cpu-p512mib", "n2-s0-5cpu-s512mib"]
    assert {(b.cpus.mode, b.cpus.amount, b.memory.amount) for b in found.values()} == {("split", 0.5, 512 * MIB)}
    assert [b.memory.mode for b in found.values()] == ["pooled", "split"] * 2
    assert points_of(scenario_from_json(scenario_to_json(given))) == points_of(given)
    assert points_of(given)[1].title == "N = 1, 0.5 CPUs split, 512.0 MiB split"


def test_plain_processes_have_no_limits_to_sweep() -> None:
    """Refused with the key."""
    with pytest.raises(ScenarioError, match=r"sweep\.memory: a limit takes cgroups"):
        check_plain(make_scenario(PAIR, engine="process", sweep={"memory": ["split:1GiB"]}))


def test_a_run_without_points_has_names_as_before() -> None:
    """Its only point has no name."""
    plan = build_plan(make_scenario(PAIR))

    assert {trial.id for trial in plan.trials} == {"b01-workers", "b01-replicas", "b02-workers", "b02-replicas"}


def test_further_blocks_of_one_point_are_those_that_a_longer_plan_has() -> None:
    """A replacement is what the same seed would have planned."""
    plan, longer = build_plan(swept()), build_plan(swept(), 5)
    extra = plan.extension("n2", range(5, 6))

    assert extra == tuple(trial for trial in longer.trials if trial.block == 5 and trial.point.key == "n2")
    assert listed_blocks([t.id for t in (*plan.trials, *extra)], plan.scenario, "n2") == 5
    assert listed_blocks([t.id for t in (*plan.trials, *extra)], plan.scenario, "n4") == 4


def test_secrets_reach_the_trials_of_every_point() -> None:
    """The scenario of each trial is made anew."""
    plan = build_plan(swept())
    renamed = replace(plan.scenario, question="Another?")

    assert {trial.scenario.question for trial in with_scenario(plan, renamed).trials} == {"Another?"}


LONG = {"locustfile": "f.py", "rate": 100, "measure": "30s"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sweep": {"processes": [1, 1]}}, "each value once"),
        ({"sweep": {"cpus": ["split:1.0", "split:1.0"]}}, "each value once"),
        ({"sweep": {"cpus": ["none", "split:1.0"]}}, "has no amount to go by"),
        ({"sweep": {"memory": ["512MiB"]}}, "pooled:1GiB"),
        ({"sweep": {"memory": ["split:1GiB"], "slo": "p95 <= 1s"}}, "two or more values of processes, cpus or memory"),
        ({"sweep": {"processes": [1]}, "drills": [{"verb": "kill"}]}, "a run has one or the other"),
        ({"drills": [{"verb": "kill"}, {"verb": "kill"}], "load": LONG}, 'two are called "kill"'),
        ({"drills": [{"verb": "block", "request": "/slow"}], "load": LONG}, "request"),
        ({"sweep": {"rate": [10, 20], "slo": "p95 <= 1s"}}, "two or more values of processes, cpus or memory"),
        ({"drills": [{"verb": "kill"}], "load": {"locustfile": "f.py", "measure": "30s"}}, "load.rate is needed"),
        ({"drills": [{"verb": "explode"}]}, "verb"),
        ({"drills": [{"verb": "kill", "after": "1s"}]}, "after"),
        ({"sweep": {"processes": [1]}, "trials": {"looks": [7, 9]}}, "fixed number of blocks"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], said: str) -> None:
    """With the key."""
    with pytest.raises(ScenarioError, match=said):
        make_scenario(PAIR, **changes)


def test_a_drill_to_be_run_ends_while_there_is_load() -> None:
    """6 s until the action, 2 s over which it is drawn, what is held, twice 3 s to recover."""
    with pytest.raises(ValueError, match='the drill "hang" takes 44 s at least'):
        check_runnable(make_scenario(PAIR, drills=[{"verb": "hang", "hold": "30s"}], load=LONG))


def test_a_model_that_cannot_have_so_many_processes_is_refused_at_that_point() -> None:
    """The sentence names the point."""
    hybrid = {"name": "hybrid", "model": {"kind": "hybrid", "containers": 2}, "front": "nginx"}
    given = make_scenario((WORKERS, hybrid), budget={"processes": 2}, sweep={"processes": [2, 3]})

    with pytest.raises(ScenarioError, match=r"sweep: at N = 3: .*hybrid"):
        points_of(given)


def test_each_point_is_judged_from_its_own_trials() -> None:
    """Memory grows with N, so that values that were mixed would show."""
    given = swept()
    found = judge_points(make_run(given), make_summaries(given))
    pss = [one.summary.metrics["memory.pss.total", "replicas"].median or 0.0 for one in found]  # type: ignore[index]

    assert [one.point.title for one in found] == ["N = 1", "N = 2", "N = 4"]
    assert [len(one.summary.trials) for one in found] == [8, 8, 8]
    assert pss[0] < pss[1] < pss[2]


def test_the_part_of_a_point_is_a_run_of_its_own() -> None:
    """run.json as a run of this point alone would have it."""
    run = make_run(swept())
    parts = {point.key: part for point, part in parts_of(run)}

    assert len(parts["n2"].order) == 8
    assert scenario_from_json(parts["n2"].scenario).budget.processes == 2
    assert parts["n2"].states.keys() == set(parts["n2"].order)


def test_a_report_tells_every_point_and_has_a_whole_one_of_each(tmp_path: Path) -> None:
    """The verdicts of every point stand in one table."""
    given = swept()
    run = make_run(given)
    found = judge_points(run, make_summaries(given))
    content = overview(run, found)
    write_reports(tmp_path, run, found)

    assert [row[0].text for row in content.headline.rows] == [t for t in ("N = 1", "N = 2", "N = 4") for _ in range(2)]
    titles = [section.title for section in content.sections]
    assert titles[titles.index("N = 1") :][:3] == ["N = 1", "N = 2", "N = 4"]
    assert "3 points, each with 4 blocks" in content.status
    assert "N = 1, 2, 4 processes" in content.facts
    assert {path.parent.name for path in tmp_path.glob("points/*/report.html")} == {"n1", "n2", "n4"}
    assert "The arms at each point" in (tmp_path / "report.html").read_text()
    of_two = (tmp_path / "points" / "n2" / "report.html").read_text()
    assert f"<h1>N = 2: {given.question}</h1>" in of_two
    assert "<title>N = 2 · " in of_two


def doubtful(given: Scenario, at: Mapping[str, Mapping[str, Any]]) -> Iterator[TrialSummary]:
    """The trials of a run with other records at some points."""
    for trial in make_trials(given):
        yield summarise_trial(with_record(trial, **at.get(trial.record.point.key, {})))


def test_caveats_of_points_are_counted_and_told_in_every_form(tmp_path: Path) -> None:
    """Each once, with the points that it holds at; as many as the trust line counts."""
    given = make_scenario(PAIR, sweep={"processes": list(NUMBERS)}, trials={"blocks": 7, "seed": 7})
    late, drift = {"gates": (make_gate("caveat"),)}, {"findings": (Finding(key="steady.p50", value=0.09, limit=0.05),)}
    run = make_run(given)
    points = judge_points(run, doubtful(given, {"n1": late, "n2": {**late, **drift}}))
    content, written = overview(run, points), write_reports(tmp_path, run, points)
    (section,) = (each for each in content.sections if each.caveats)
    sentences = [sentence for group in section.caveats for sentence in group.sentences]

    assert content.status.startswith("3 points, each with 7 blocks, all valid. 2 caveats, about latency: they ")
    assert sorted(sentence.partition(": ")[0] for sentence in sentences) == ["N = 1, N = 2", "N = 2"]
    assert "<summary>2 caveats</summary>" in written.summary
    assert [each.partition("::N = ")[0] for each in written.annotations] == ["::warning title=Caveat%3A latency"] * 2
    for form in (written.terminal, written.html.read_text(), written.markdown.read_text()):
        assert form.count("N = 1, N = 2: ") == 1


def test_points_without_caveats_say_so() -> None:
    """In the trust line, and there is no section of them."""
    given = make_scenario(PAIR, sweep={"processes": list(NUMBERS)}, trials={"blocks": 7, "seed": 7})
    run = make_run(given)
    content = overview(run, judge_points(run, make_summaries(given)))

    assert content.status.endswith("each with 7 blocks, all valid. No caveats.")
    assert "belief" not in {section.key for section in content.sections}


def test_a_damaged_folder_is_told_of_all_points_too() -> None:
    """As on the page of one point: which trials were left out."""
    given = swept()
    run = make_run(given)
    run = replace(run, left_out={run.order[0]: "requests.parquet is cut"})
    content = overview(run, judge_points(run, make_summaries(given)))

    assert f"1 of 24 trials were left out: {run.order[0]} (requests.parquet is cut)" in content.status


@pytest.mark.parametrize(
    ("spoiled", "title", "first"),
    [
        ((1,), "This run is not valid at N = 1", "N = 1: No answer: the run is not valid here."),
        ((1, 2, 4), "This run is not valid", "No answer: this run is not valid."),
    ],
)
def test_points_that_are_not_valid_are_named(spoiled: tuple[int, ...], title: str, first: str) -> None:
    """What the others say stands; what holds at all points is said once."""
    given = swept()
    bad = {f"n{number}" for number in spoiled}
    trials = [
        with_record(trial, gates=(make_gate("invalid"),)) if trial.record.trial_id.split("-")[1] in bad else trial
        for trial in make_trials(given)
    ]
    content = overview(make_run(given), judge_points(make_run(given), map(summarise_trial, trials)))

    assert content.band is not None
    assert (content.band.title, content.band.whole) == (title, len(spoiled) == 3)
    assert content.lead.sentences[0].sentence == first
    assert [answer.sentence for answer in content.lead.sentences].count(first) == 1


@pytest.mark.parametrize(("spoiled", "then"), [((1,), "Continue it"), ((1, 2, 4), "Start again")])
def test_a_sweep_is_started_again_only_where_all_points_are_lost(
    tmp_path: Path, spoiled: tuple[int, ...], then: str
) -> None:
    """On the page over all of them, on that of the lost one, and in the list."""
    given = swept()
    bad = {f"n{number}" for number in spoiled}
    trials = [
        with_record(trial, gates=(make_gate("invalid"),)) if trial.record.trial_id.split("-")[1] in bad else trial
        for trial in make_trials(given)
    ]
    run = make_run(given, cut="Ctrl-C")
    points = judge_points(run, map(summarise_trial, trials))
    write_reports(tmp_path, run, points)
    band, told = overview(run, points).band, read_told(tmp_path)
    row = cut_words(Entry(name="run", info=run, told=told))

    assert band is not None
    assert band.then == then
    assert "This point cannot become valid any more: " in " ".join(band.sentences)
    of_one = (tmp_path / "points" / "n1" / "report.html").read_text()
    assert then in of_one
    assert ("Continue it" in of_one) is (then == "Continue it")
    assert ("start again" in row) is (then == "Start again")


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (
            scenario_to_json(make_scenario(PAIR, capacity=LADDER)),
            "more, start again: `lab capacity {}`. Cut: Ctrl-C",
        ),
        ({"of": "another version"}, "any more. Cut: Ctrl-C"),
    ],
)
def test_a_list_names_the_command_that_made_the_run(scenario: dict[str, object], said: str) -> None:
    """A ladder is not one of `lab run`; of a scenario that cannot be read there is no command, but still a line."""
    run = replace(make_run(swept(), cut="Ctrl-C"), scenario=scenario)
    told = Told(arms=(), answers=(), judged=(), values={}, valid=0, planned=2, is_valid=False, is_lost=True)

    assert cut_words(Entry(name="run", info=run, told=told)).endswith(said.format(run.run_id))


def test_a_record_knows_the_point_of_its_name() -> None:
    """A record in another point's folder is damage."""
    trial = next(iter(make_trials(swept())))
    other = replace(trial.record, point=replace(trial.record.point, key="n9"))

    assert record_problem(trial.record) == ""
    assert "at 'n9'" in record_problem(other)


def slo(**changes: object) -> Scenario:
    """A sweep whose SLO is about memory, which the made-up runs know: some 54 MiB and 35 for each process."""
    asked = {"processes": list(NUMBERS), "slo": "memory.pss.total <= 150MiB and errors <= 10"}
    return make_scenario(PAIR, **{"sweep": asked, "trials": {"blocks": 6, "seed": 7}, **changes})


def test_curves_have_the_value_of_each_point_with_its_interval() -> None:
    """Six blocks have an interval of the middle; it holds the median."""
    given = slo()
    found = judge_points(make_run(given), make_summaries(given))
    points = curve(found, "memory.pss.total", "workers", AXES["processes"])

    assert [point.at for point in points] == [1, 2, 4]
    assert all(point.low <= point.value <= point.high for point in points)
    assert points[0].value < points[1].value < points[2].value


def test_the_demand_is_the_smallest_number_from_which_on_it_holds() -> None:
    """An SLO that only many processes hold; one that holds at a small N and not above is not enough there."""
    given = slo(sweep={"processes": list(NUMBERS), "slo": "memory.pss.total >= 100MiB"})
    found = judge_points(make_run(given), make_summaries(given))
    by_arm = {each.arm: each for each in demands(given, found)}
    less = slo(sweep={"processes": list(NUMBERS), "slo": "memory.pss.total <= 100MiB"})

    assert by_arm["workers"].enough == 4
    assert by_arm["workers"].outcomes == {1: "violated", 2: "violated", 4: "holds"}
    assert all(each.enough is None for each in demands(less, found))


def test_nothing_is_enough_where_the_point_is_not_valid() -> None:
    """One block without a failed request is left of six: it shows nothing, though it takes no interval."""
    given = slo(sweep={"processes": list(NUMBERS), "slo": "errors == 0"})
    late = (make_gate("invalid", key="load.lag", value=0.3, limit=0.01),)
    spoiled = {f"b{block:02d}-n2-workers" for block in range(1, 6)}
    whole = (
        with_tables(trial, requests=trial.tables.requests.with_columns(error=pl.lit(None, pl.String)))
        for trial in make_trials(given)
    )
    trials = (with_record(trial, gates=late) if trial.record.trial_id in spoiled else trial for trial in whole)
    found = judge_points(make_run(given), map(summarise_trial, trials))
    workers = next(each for each in demands(given, found) if each.arm == "workers")

    assert workers.outcomes == {1: "holds", 2: "undecided", 4: "holds"}
    assert workers.enough == 4
    told = demand_sentence(workers, "errors == 0")
    assert "for errors == 0 at 300/s (holds at 1, 4; undecided at 2 for want of valid blocks)" in told


def test_what_too_few_blocks_leave_undecided_is_not_said_of_invalid_ones() -> None:
    """Where all planned blocks would be too few, a quieter machine settles nothing; a limit has its unit each time."""
    limits = ["split:1GiB", "split:2GiB"]
    given = slo(sweep={"memory": limits, "slo": "memory.pss.total >= 100MiB"}, trials={"blocks": 2, "seed": 7})
    found = next(iter(demands(given, judge_points(make_run(given), make_summaries(given)))))
    mixed = replace(found, spoiled=(1024.0,))

    assert found.outcomes == {1024: "undecided", 2048: "undecided"}
    assert demand_sentence(found, "p95 <= 1s").endswith("(undecided at 1024, 2048 MiB).")
    assert demand_sentence(mixed, "p95 <= 1s").endswith(
        "(undecided at 1024 MiB for want of valid blocks; undecided at 2048 MiB)."
    )


def test_how_much_of_a_quota_is_enough_is_told_for_each_mode() -> None:
    """Pooled and split amounts are two lines, and the sentence says which; the axis is in MiB."""
    limits = [f"{mode}:{size}" for mode in ("pooled", "split") for size in ("1GiB", "2GiB")]
    given = slo(sweep={"memory": limits, "slo": "memory.pss.total >= 100MiB"})
    found = judge_points(make_run(given), make_summaries(given))
    lines = lines_of(given, found, AXES["memory"])
    across = overview(make_run(given), found).sections[0]

    assert [(line.title, len(line.points)) for line in lines] == [("pooled", 2), ("split", 2)]
    assert [(each.arm, each.where, each.enough) for each in demands(given, found)] == [
        (arm, mode, 1024) for arm in ("workers", "replicas") for mode in ("pooled", "split")
    ]
    assert across.sentences[1] == (
        "workers: 1.0 GiB is enough for memory.pss.total >= 100MiB at 300/s, split (holds at 1024, 2048 MiB)."
    )
    assert "1.0 GiB pooled or 2.0 GiB pooled" in overview(make_run(given), found).facts[-1]


def test_the_facts_of_a_sweep_of_rates_name_them() -> None:
    """As those of a sweep of N, or of a quota, name these."""
    given = make_scenario(PAIR, sweep={"rate": [50, 200]}, trials={"blocks": 2, "seed": 7})

    assert "at 50, 200 requests a second" in overview(make_run(given), judge_points(make_run(given), ())).facts


def test_every_value_of_a_second_axis_has_a_panel_with_its_name() -> None:
    """Lines that only differ in their dashes can be told apart by nobody; panels have the axes in common."""
    given = make_scenario(PAIR, sweep={"processes": [1, 2], "rate": [50, 100, 200]}, trials={"blocks": 2, "seed": 7})
    section = sweep_section(given, judge_points(make_run(given), make_summaries(given)))
    figure = next(part for part in section.parts if isinstance(part, Figure) and part.key == "sweep-memory.pss.total")
    chart = figure.chart

    assert isinstance(chart, Curves)
    assert [plot.heading for plot in chart.plots] == ["50/s", "100/s", "200/s"]
    assert [[own.arm for own in plot.series] for plot in chart.plots] == [[0, 1]] * 3
    assert {own.dash for plot in chart.plots for own in plot.series} == {0}
    assert all(own.xs == [1, 2] for plot in chart.plots for own in plot.series)
    assert figure.svg.count("data-zoom") == 3
    dots = [found.count("M") for found in re.findall(r'class="points" d="([^"]*)"', figure.svg)]
    assert dots == [2] * 6  # one at each N, for each arm and panel


def test_a_report_of_a_sweep_says_what_is_enough_and_draws_curves() -> None:
    """One figure a metric, one line an arm."""
    given = slo(sweep={"processes": list(NUMBERS), "slo": "memory.pss.total >= 100MiB"})
    found = judge_points(make_run(given), make_summaries(given))
    across = overview(make_run(given), found).sections[0]
    figures = {part.key: part for part in across.parts if isinstance(part, Figure)}
    charts = [figures[f"sweep-{key}"].chart for key in ("memory.pss.total", "throughput", "errors")]

    assert across.sentences[0].startswith("workers: 4 processes are enough for memory.pss.total >= 100MiB at 300/s (")
    assert {"sweep-memory.pss.total", "sweep-p50", "sweep-cpu.per_1k"} <= {*figures}
    titles = [chart.y_title for chart in charts if isinstance(chart, Curves)]
    assert titles == ["memory (MiB)", "throughput (per second)", "failed requests"]  # so many, and not their share


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p95", "expected conditions like"),
        ("p96 <= 50ms", "p96"),
        ("p95 <= 50MiB", "cannot be compared"),
        ("p95 <= 50ms and", "expected conditions like|expected"),
        ("p95 <= 50", 'give the number its unit, as in "5ms"'),
        ("p95 <= 50ms and error == 0", "did you mean 'errors'"),
    ],
)
def test_an_slo_that_cannot_be_read_is_refused(text: str, said: str) -> None:
    """Before anything starts, with what is wrong."""
    with pytest.raises(ScenarioError, match=said):
        make_scenario(PAIR, sweep={"processes": [1, 2], "slo": text})


def test_an_slo_becomes_conditions_on_one_arm() -> None:
    """Those of `expect`, without an arm."""
    assert of_arm("p95 <= 50ms and errors == 0", "a") == ("p95(a) <= 50ms", "errors(a) == 0")


def test_a_session_by_hand_and_a_check_against_itself_have_one_point() -> None:
    """What sweeps, or breaks something, is opened and checked as it would be without that."""
    given = swept()
    drilled = make_scenario(PAIR, drills=[{"verb": "kill"}, {"verb": "hang"}], load=LONG)

    assert len(points_of(by_hand(given))) == len(points_of(against_itself(given, 8))) == 1
    assert by_hand(drilled).drills == ()
    assert [drill.verb for drill in against_itself(drilled, 8).drills] == ["kill"]


def test_names_that_cannot_be_told_apart_are_refused() -> None:
    """A point and an arm are joined in the name of a trial."""
    late = {"name": "late-workers", "model": "workers", "front": "direct"}
    given = make_scenario((WORKERS, late), drills=[{"verb": "kill"}, {"verb": "kill", "name": "kill-late"}], load=LONG)

    with pytest.raises(ScenarioError, match="b01-kill-late-workers"):
        build_plan(given)


def test_rates_that_differ_little_are_two_points() -> None:
    """Each has a name of its own."""
    keys = [point.key for point in points_of(make_scenario(PAIR, sweep={"rate": [12345.67, 12345.71]}))]

    assert keys == ["r12345-67", "r12345-71"]


def test_the_longest_names_can_be_read_again() -> None:
    """Those that a scenario allows."""
    arm = {"name": "a" * 40, "model": "workers", "front": "direct"}
    drills = [{"verb": "kill", "name": "k" * 40}, {"verb": "hang"}]
    run = make_run(make_scenario((arm, REPLICAS), drills=drills, load=LONG))

    assert run_problem(run) == ""


def test_a_run_that_was_cut_shows_of_no_number_that_it_is_enough() -> None:
    """As `expect` says of it: not yet."""
    given = slo(sweep={"processes": list(NUMBERS), "slo": "memory.pss.total >= 100MiB"})
    run = make_run(given)
    cut = replace(run, states={trial: state for trial, state in run.states.items() if not trial.startswith("b06")})
    found = judge_points(cut, (summarise_trial(trial) for trial in make_trials(given) if trial.record.block < 6))

    assert all(each.enough is None for each in demands(given, found))


def test_the_table_of_drills_has_differences_in_seconds() -> None:
    """There is no ratio to nothing."""
    compare, eight = {"baseline": "workers", "primary": ["drill.harm"]}, {"blocks": 8, "seed": 7}
    drills = [{"verb": "kill"}, {"verb": "hang"}]
    given = make_scenario(PAIR, drills=drills, load=LONG, compare=compare, trials=eight)
    act = Event(t_s=20.0, until_s=20.001, kind="action.SIGKILL")
    drill = DrillRecord(verb="kill", slo_s=0.0001, hold_s=5.0)
    made = {"events": (act, replace(act, kind="action.over")), "drill": drill}
    trials = (summarise_trial(with_record(trial, **made)) for trial in make_trials(given))
    content = overview(make_run(given), judge_points(make_run(given), trials))

    (against,) = next(section.parts for section in content.sections if section.key == "against")
    assert isinstance(against, Table)
    assert len(against.rows) == 2
    assert all("CI" in row[4].text for row in against.rows)


def harmed_replicas(given: Scenario, others: Mapping[str, str] = MappingProxyType({})) -> Iterator[TrialSummary]:
    """Trials of drills: every request of replicas is bad from the action on, none of workers.

    ``others``: drills in which it is another arm.
    """
    act = Event(t_s=20.0, until_s=20.001, kind="action.SIGKILL")
    over, drill = replace(act, kind="action.over"), DrillRecord(verb="kill", slo_s=0.0001, hold_s=5.0)
    for trial in make_trials(given):
        harmed = others.get(trial.record.point.key, "replicas")
        slo_s = drill.slo_s if trial.record.arm == harmed else 10.0
        yield summarise_trial(with_record(trial, events=(act, over), drill=replace(drill, slo_s=slo_s)))


@pytest.mark.parametrize(
    ("others", "title", "word"),
    [
        ({}, "replicas vs workers: worse at both points", "worse"),
        ({"kill": "workers"}, "replicas vs workers: better at kill, worse at hang", "trade"),
        ({"kill": "workers", "hang": "workers"}, "replicas vs workers: better at both points", "better"),
    ],
)
def test_tab_and_icon_tell_what_came_out_at_all_points(others: Mapping[str, str], title: str, word: str) -> None:
    """A green tick only where it is better everywhere: the first point alone is not the result."""
    compare, eight = {"baseline": "workers", "primary": ["drill.harm"]}, {"blocks": 8, "seed": 7}
    given = make_scenario(PAIR, drills=[{"verb": "kill"}, {"verb": "hang"}], load=LONG, compare=compare, trials=eight)
    content = overview(make_run(given), judge_points(make_run(given), harmed_replicas(given, others)))

    assert content.tab == f"{title} · {content.run_id}"
    assert content.lead.outcome == word
    assert f'<link rel="icon" href="{icon(word)}">' in render_html(content)


@pytest.mark.parametrize(
    ("bad", "title", "word"),
    [
        ((1,), "replicas vs workers: not valid at N = 1, better at N = 2 and N = 4", "open"),
        ((1, 2, 4), "replicas vs workers: not valid at all 3 points", "invalid"),
        ((), "replicas vs workers: better at all 3 points", "better"),
    ],
)
def test_a_point_that_is_not_valid_is_no_outcome_of_the_others(bad: tuple[int, ...], title: str, word: str) -> None:
    """Nor is what came out at the others that of the run."""
    memory = {"baseline": "workers", "primary": ["memory.pss.total"]}
    given = make_scenario(PAIR, sweep={"processes": list(NUMBERS)}, trials={"blocks": 8, "seed": 7}, compare=memory)
    run = make_run(given)
    spoiled = {f"n{number}": {"gates": (make_gate("invalid"),)} for number in bad}
    lead = overview(run, judge_points(run, doubtful(given, spoiled))).lead

    assert (lead.title, lead.outcome) == (title, word)


def test_many_points_are_counted_in_the_tab() -> None:
    """Their names would be cut off there; an arm that cannot run at one of them is told first, and has no icon."""
    memory = {"baseline": "workers", "primary": ["memory.pss.total"]}
    sizes = [1, 2, 3, 4]
    given = make_scenario(PAIR, sweep={"processes": sizes}, trials={"blocks": 8, "seed": 7}, compare=memory)
    run = make_run(given)
    run = replace(run, fallen={"n3": {"replicas": "b01-n3-replicas failed while deploying: killed"}})
    lead = overview(run, judge_points(run, make_summaries(given))).lead

    assert lead.title == "replicas vs workers: better at 3 of 4 points, cannot run at 1"
    assert lead.outcome == "open"


def test_a_sweep_of_one_arm_says_its_points_in_the_tab() -> None:
    """Nothing is judged there."""
    given = make_scenario((WORKERS,), sweep={"processes": [1, 2]}, trials={"blocks": 2, "seed": 7})
    lead = overview(make_run(given), judge_points(make_run(given), make_summaries(given))).lead

    assert (lead.title, lead.outcome) == ("2 points: N = 1; N = 2", "")


def test_the_table_on_top_has_rows_for_each_drill_coloured_by_verdict() -> None:
    """Columns are arms; a colour is a verdict, not a taste."""
    compare, eight = {"baseline": "workers", "primary": ["drill.harm"]}, {"blocks": 8, "seed": 7}
    given = make_scenario(PAIR, drills=[{"verb": "kill"}, {"verb": "hang"}], load=LONG, compare=compare, trials=eight)
    trials = harmed_replicas(given)
    content = overview(make_run(given), judge_points(make_run(given), trials))
    page = render_html(content)
    replicas = [column.title for column in content.headline.columns].index(str(REPLICAS["name"]))

    found = [(row[0].text, row[1].text, row[replicas].verdict) for row in content.headline.rows]
    assert [row for row in found if row[1] == "harm"] == [("kill", "harm", "worse"), ("hang", "harm", "worse")]
    assert {row[1]: row[2] for row in found} == {"harm": "worse", "recovery": ""}
    assert page.count("on-worse") > 2


def test_a_drill_of_one_block_shows_its_difference() -> None:
    """Numbers only, and said once."""
    compare = {"baseline": "workers", "primary": ["drill.harm", "drill.lost"], "bounds": {"drill.lost": 5}}
    given = make_scenario(PAIR, drills=[{"verb": "kill"}], load=LONG, compare=compare, trials={"blocks": 1, "seed": 7})
    trials = harmed_replicas(given)
    (one,) = judge_points(make_run(given), trials)
    (said,) = lead_of(one.run, one.summary, one.comparison).sentences
    harm, lost = estimates(one.comparison)

    assert said.sentence.startswith("No verdict on “replicas” against “workers”: harm ")
    assert " s; requests lost on their way ±0" in said.sentence
    assert "not compared" not in said.sentence
    assert said.sentence.count("verdict") == 1
    assert (harm.differs, harm.ratio[0] in "+−", harm.ratio[-1]) == (True, True, "s")
    assert lost.ratio == "±0"


def test_what_a_run_is_judged_by_crosses_to_another_process() -> None:
    """A run is concluded in a process of its own, whose answer the lab reads."""
    given = make_scenario(PAIR)
    points = judge_points(make_run(given), make_summaries(given))

    assert pickle.loads(pickle.dumps(points))[0].confirmed == {}


def test_what_the_storage_driver_means_is_said_once_for_all_points() -> None:
    """It is the same at each, and its sentence is long."""
    compare = {"baseline": "workers", "primary": ["memory.pss.total", "memory.pss.idle"]}
    given = swept(compare=compare)
    run = make_run(given)
    facts = {**run.environment.facts, "storage_driver": "fuse-overlayfs"}
    run = replace(run, environment=replace(run.environment, facts=facts))
    found = judge_points(run, (summarise_trial(trial) for trial in make_trials(given)))
    answers = [f"{answer.sentence} {answer.besides}" for answer in overview(run, found).answers]

    assert sum("overlay2 would share one" in sentence for sentence in answers) == 1
    assert answers[-1].startswith("N = 2, N = 4: Under the storage driver fuse-overlayfs every container of “replicas”")
    assert answers[0].startswith("N = 1: ")


@pytest.mark.parametrize("words", [("numbers", "numbers"), ("numbers", "better")])
def test_a_list_says_once_that_no_point_has_a_verdict(words: tuple[str, ...]) -> None:
    """A line of a list has no room for each; where one has a verdict all are told."""
    answers = tuple(Answer(sentence=f"n{place}: told", word=word) for place, word in enumerate(words))
    told = Told(arms=(), answers=answers, judged=(), values={}, valid=2, planned=2, is_valid=True, points=("n1", "n2"))
    found = answers_of(Entry(name="run", info=make_run(swept()), told=told))

    assert found == ((NUMBERS_ONLY,) if set(words) == {"numbers"} else answers)


@pytest.mark.parametrize(
    ("spoiled", "listed"),
    [
        ((2,), ("n1: told", "n2: No answer: the run is not valid here.")),
        ((1, 2), ("No answer: this run is not valid.",)),
    ],
)
def test_a_list_tells_what_stands_of_a_run_that_is_not_valid_at_a_point(
    tmp_path: Path, spoiled: tuple[int, ...], listed: tuple[str, ...]
) -> None:
    """As its report does."""
    points = {
        f"n{number}": {
            "arms": ["workers", "replicas"],
            "blocks": {"planned": 6, "valid": [1], "invalid": [2, 3, 4] if number in spoiled else []},
            "answer": [] if number in spoiled else [{"outcome": "equivalent", "sentence": "told"}],
        }
        for number in (1, 2)
    }
    (tmp_path / "comparison.json").write_text(json.dumps({"points": points}))
    found = answers_of(Entry(name="run", info=make_run(swept()), told=read_told(tmp_path)))

    assert tuple(answer.sentence for answer in found) == listed
