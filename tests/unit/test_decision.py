"""The decision card: a line for each measurement with its run, where the winner turns, and what nobody measured."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from lab.analysis.across import Difference
from lab.analysis.card import Card, Line, Turn
from lab.analysis.conclusion import Standing
from lab.analysis.decision import _line, card_of, commands_of
from lab.analysis.gaps import INVALID
from lab.analysis.judge.verdict import Reason, Verdict
from lab.analysis.ladders import Confirmation
from lab.analysis.platform import PLATFORM
from lab.analysis.points import PointResult, judge_points
from lab.analysis.settings import LADDER, settings_of, unlike_first
from lab.analysis.trial.ladder import Held, RungResult
from lab.analysis.trial.trial import summarise_trial
from lab.analysis.turns import turns_of
from lab.analysis.weights import tally_of
from lab.cli import app
from lab.cli.capacity import climbing
from lab.cli.decide import parse_weights
from lab.errors import UsageError
from lab.metric_types import Reading
from lab.metrics.capacity import CAPACITY
from lab.record.types import DrillRecord, Environment, Event, TrialResult
from lab.report.overview import overview
from lab.report.parts.storage import ALONE, HERE
from lab.report.renderers.card_document import CardDocument, card_document
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_markdown
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.decision import card_sentences, card_table, decision_content, verdict_words
from lab.report.sections.in_short import lead_of_card
from lab.report.sections.weights_told import tally_sentences
from lab.run.chosen import chosen_study
from lab.scenario.drills import Verb
from lab.scenario.model import Scenario
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
from tests.run_folders import store, write_run

PAIR = (WORKERS, REPLICAS)

RUN_ID = "20261118T110640Z-quickstart"


def points(given: Scenario, **changes: object) -> tuple[PointResult, ...]:
    return judge_points(make_run(given, **changes), make_summaries(given))


def plain() -> Scenario:
    return make_scenario(PAIR, trials={"blocks": 8, "seed": 7})


def swept() -> Scenario:
    sweep = {"processes": [1, 4], "slo": "memory.pss.total <= 500MiB"}
    return make_scenario(PAIR, trials={"blocks": 8, "seed": 7}, sweep=sweep)


def test_every_line_is_a_measurement_with_its_run() -> None:
    """A judged metric has its verdict; one that was not judged has a number and no winner."""
    card = card_of(points(plain()))
    by_metric = {line.metric: line for line in card.lines}

    assert by_metric["memory.pss.total"].judgement.verdict is not None
    assert by_metric["cpu.per_1k"].winner == ""
    assert by_metric["cpu.per_1k"].judgement.verdict is None
    assert {line.run for line in card.lines} == {RUN_ID}


@pytest.mark.parametrize(("apart", "told"), [(1.0, {"share.max"}), (2.0, {"share.max", "share.skew"})])
def test_the_skew_is_told_where_the_largest_share_does_not_say_it(apart: float, told: set[str]) -> None:
    """It is the share × N: the change of one is that of the other, unless the arms differ in N."""
    (one,) = points(plain())
    seen = tuple(
        replace(each, judgement=replace(each.judgement, estimate=each.judgement.estimate * apart))
        if each.metric == "share.skew" and each.judgement.estimate
        else each
        for each in one.comparison.exploratory
    )
    card = card_of([replace(one, comparison=replace(one.comparison, exploratory=seen))])

    assert {line.metric for line in card.lines if line.topic == "balance"} == told


def test_a_verdict_on_the_skew_has_its_line() -> None:
    """Although the largest share has the same ratio."""
    compare = {"baseline": "workers", "primary": ["share.skew"], "bounds": {"share.skew": 0.1}}
    card = card_of(points(make_scenario(PAIR, trials={"blocks": 8, "seed": 7}, compare=compare)))

    assert [line.metric for line in card.lines if line.judgement.verdict is not None] == ["share.skew"]


def test_a_run_that_is_not_valid_has_no_winner() -> None:
    """Its numbers are shown as what they are."""
    given = plain()
    bad = (make_gate("invalid"),)
    trials = [with_record(trial, gates=bad) for trial in make_trials(given)]
    found = judge_points(make_run(given), map(summarise_trial, trials))
    card = card_of(found)

    assert {line.winner for line in card.lines} <= {""}
    assert not any(line.valid for line in card.lines if line.metric == "memory.pss.total")


def test_an_arm_that_failed_requests_wins_no_line() -> None:
    """The verdict stands beside it, with the part that failed, for people and programs."""
    given = plain()

    def failing(trial: TrialResult) -> TrialResult:
        half = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("HTTP 422")).otherwise(None).alias("error")
        return with_tables(trial, requests=trial.tables.requests.with_columns(half))

    found = judge_points(make_run(given), (summarise_trial(failing(trial)) for trial in make_trials(given)))
    card = card_of(found)
    (memory,) = (line for line in card.lines if line.metric == "memory.pss.total" and line.arm == "replicas")

    assert memory.standing is Standing.BETTER
    assert memory.winner == ""
    assert memory.failed["replicas"] == pytest.approx(0.5, abs=0.01)
    assert "better; no winner, as requests failed: 5" in render_terminal(decision_content(card, found), 300)
    assert card_document(card)["lines"][0]["failed"] == dict(card.lines[0].failed)


def test_what_nobody_measured_is_named_with_who_asks_for_it() -> None:
    """No line without evidence."""
    card = card_of(points(plain()))

    content = decision_content(card, points(plain()))
    rows = {row[0].text: row for row in content.headline.rows}

    together = "drill kill, hang, roll, stop"
    assert [cell.text for cell in rows[together]] == [together, "–", "not measured", f"lab study {RUN_ID}"]
    assert "start-up" not in card.missing
    assert rows["capacity"][3].text == f"lab capacity {RUN_ID}"
    assert rows["memory limit"][3].text == f"lab limits {RUN_ID}"
    assert rows["drill oom"][3].text == f"lab study {RUN_ID} --only 'drill-oom=/hold?mb={{mb}}'"
    assert rows["start-up steps"][3].text == f"lab run {RUN_ID}"
    assert card.missing["how many processes are enough"] == f"lab study {RUN_ID} --only how-many"
    assert "memory" not in card.missing
    assert "drill" not in {line.topic for line in card.lines}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_command_is_whole_in_every_terminal(width: int) -> None:
    """It can be pasted: it has a line of its own, however long it is, below what it measures."""
    found = points(plain())
    lines = render_terminal(decision_content(card_of(found), found), width).splitlines()
    place = lines.index(f"  lab study {RUN_ID}")

    assert lines[place - 1].split(": ")[-1] == "not measured"
    assert sum("lab capacity" in line for line in lines) == 1
    assert not any("not measured" in line and "lab" in line for line in lines)


def test_a_card_in_a_terminal_names_runs_by_their_folders(run: Path, tmp_path: Path) -> None:
    """Its commands can be pasted there; a page says where to type them, for it may be read anywhere."""
    text = CliRunner().invoke(app, ["decide", str(run)]).stdout
    CliRunner().invoke(app, ["decide", str(run), "--out", str(tmp_path / "card.md")])
    page = (tmp_path / "card.md").read_text()

    assert f"  lab study {run}" in text.splitlines()
    assert "in the folder that holds" not in " ".join(text.split())
    assert f"`lab study {run.name}`" in page
    assert "Run a command in the folder that holds the run folder or runs/." in page


def test_a_column_that_tells_no_lines_apart_is_left_out() -> None:
    """A card of one run has the run on top; of a run without points no line says where; nothing is called trust."""
    content = decision_content(card_of(points(plain())), points(plain()))

    assert [column.title for column in content.headline.columns] == ["about", "better", "verdict", "how much"]
    assert content.facts == (f"run {RUN_ID}",)
    for form in (render_terminal(content), render_markdown(content), render_html(content)):
        assert "Trust:" not in form
        assert RUN_ID in form


def test_every_command_is_asked_of_the_app_of_the_run() -> None:
    """One of a scenario that the lab ships would measure the demo app, and no card takes that beside another app."""
    found = dict(commands_of("a b"))

    assert all(" 'a b'" in command for command in found.values())
    assert found["capacity"] == "lab capacity 'a b'"


def test_every_part_that_a_card_names_is_one_of_a_study() -> None:
    """On the app and the load of its run; a drill that fills memory gives it a limit if it has none."""
    given = make_scenario(PAIR, load={"locustfile": "f.py", "rate": 100, "measure": "6s"})
    commands = [shlex.split(command) for command in dict(commands_of("mine")).values()]
    names = [words[words.index("--only") + 1] for words in commands if "--only" in words]
    study = chosen_study(given, lambda asked, slo: climbing(asked, slo, quick=True, blocks=None), names)
    many, drills = study.parts

    assert sorted(names) == [
        "drill-block=/block?ms={ms}",
        "drill-deploy",
        "drill-oom=/hold?mb={mb}",
        "how-many",
    ]
    assert (many.key, many.scenario.sweep.processes, many.scenario.sweep.slo) == (
        "how-many",
        (1, 2, 4, 8),
        "errors <= 0.1%",
    )
    assert [drill.verb for drill in drills.scenario.drills] == ["block", "deploy", "oom"]
    assert drills.title == "drills block, deploy, oom, quick form, in 1.0 GiB split"
    assert [part.scenario.app for part in study.parts] == [given.app, replace(given.app, restart="always")]


def test_start_up_steps_that_were_counted_are_not_called_unmeasured() -> None:
    """Only of an app that prints none of them nothing is known."""
    (one,) = points(plain())
    told = {Reading("prestart.executions", arm): 4.0 for arm in ("workers", "replicas")}
    metrics = {
        reading: replace(found, median=told.get(reading, found.median))
        for reading, found in one.summary.metrics.items()
    }
    counted = replace(one, summary=replace(one.summary, metrics=metrics))

    assert "start-up steps" in card_of([one]).missing
    assert "start-up steps" not in card_of([counted]).missing


def test_where_the_winner_turns_is_told_by_point() -> None:
    """With one process replicas have a proxy more; with four workers have a supervisor more."""
    found = points(swept())
    card = card_of(found)
    winners = {line.point: line.winner for line in card.lines if line.metric == "memory.pss.total"}

    assert set(winners) == {"N = 1", "N = 4"}
    assert bool(card.turns) == (len(set(filter(None, winners.values()))) > 1)


def test_the_card_says_how_many_are_enough_and_what_there_is_to_run() -> None:
    """Containers and processes are counted, fronts included."""
    found = points(swept())
    content = decision_content(card_of(found), found)
    told = render_terminal(content, 200)
    facts = {(fact.arm, fact.point): fact.containers for fact in card_of(found).facts}

    assert "1 process is enough for memory.pss.total <= 500MiB" in told
    assert (facts["workers", "N = 4"], facts["replicas", "N = 4"]) == (1, 5)
    assert "Decision card" in render_html(content)


def test_programs_are_told_how_many_are_enough() -> None:
    """As a sentence it is the most asked answer, and no program reads sentences."""
    found = points(swept())
    (workers, _) = card_document(card_of(found))["enough"]

    assert workers == {
        "run": RUN_ID,
        "slo": "memory.pss.total <= 500MiB",
        "arm": "workers",
        "key": "processes",
        "where": "",
        "rate": 300.0,
        "enough": 1.0,
        "tried": [{"amount": amount, "outcome": "holds", "spoiled": False} for amount in (1.0, 4.0)],
    }
    assert card_document(card_of(points(plain())))["enough"] == []


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder that was finished."""
    return write_run(plain(), tmp_path)


def test_the_command_prints_a_card_a_file_or_json(run: Path, tmp_path: Path) -> None:
    """In each form the same winner."""
    page, text = tmp_path / "card.html", CliRunner().invoke(app, ["decide", str(run)])
    CliRunner().invoke(app, ["decide", str(run), "--out", str(tmp_path / "card.md")])
    document = json.loads(CliRunner().invoke(app, ["decide", str(run), "--json"]).stdout)
    CliRunner().invoke(app, ["decide", str(run), "--out", str(page)])

    assert text.exit_code == 0
    assert "memory" in text.stdout
    assert document["lines"][0]["topic"] == "memory"
    assert page.read_text().startswith("<!doctype html>")
    assert f"| not measured | `lab study {run.name} --only how-many` |" in (tmp_path / "card.md").read_text()


def test_a_card_in_another_form_is_refused(run: Path) -> None:
    """Before anything is read."""
    refused = CliRunner().invoke(app, ["decide", str(run), "--out", "card.pdf"])

    assert "card is written as .html or .md" in str(refused.exception)


def test_runs_of_different_images_are_on_no_card(tmp_path: Path) -> None:
    """Of which app would it be?"""
    run = write_run(plain(), tmp_path / "a")
    other = make_run(plain(), run_id="20261119T110640Z-quickstart", images={"app": {"digest": "sha256:" + "cd" * 32}})
    store(other, make_trials(plain()), tmp_path / "b")
    refused = CliRunner().invoke(app, ["decide", str(run), str(next((tmp_path / "b").iterdir()))])

    assert "measured different images of the app" in str(refused.exception)


def at(rate: float | None = 100, **changes: Any) -> Scenario:
    load = {"locustfile": "f.py", "measure": "30s", "lanes": 64, **({"rate": rate} if rate else {})}
    return make_scenario(PAIR, **{"trials": {"blocks": 8, "seed": 7}, "load": load, **changes})


def asked(given: Scenario, run_id: str) -> tuple[PointResult, ...]:
    """What a run of it was to measure."""
    return judge_points(make_run(given, run_id=run_id), ())


def test_a_line_says_what_its_run_has_where_the_runs_of_a_card_differ() -> None:
    """For people and for programs; else two lines of one metric differ in nothing but the number of a run."""
    card = card_of([*points(at(100), run_id="a"), *points(at(300), run_id="b")])
    alike = card_of([*points(at(100), run_id="a"), *points(at(100), run_id="b")])
    rows = [[cell.text for cell in row] for row in card_table(card, "ab").rows if row[0].text == "memory"]

    assert {line.run: line.conditions for line in card.lines} == {
        "a": {"rate": "100 requests a second"},
        "b": {"rate": "300 requests a second"},
    }
    assert {row[1] for row in rows} == {"100 requests a second", "300 requests a second"}
    assert card_document(card)["lines"][0]["conditions"] == dict(card.lines[0].conditions)
    assert {tuple(line.conditions) for line in alike.lines} == {()}


def test_settings_that_runs_of_a_card_differ_in_are_in_words() -> None:
    """Rate, N and quota; of what all have alike nothing is said."""
    quota = {"processes": 2, "cpus": "pooled:1"}
    runs = {"a": at(100), "b": at(300, budget=quota), "c": at(None)}

    assert settings_of([one for name, given in runs.items() for one in asked(given, name)]) == {
        "a": {"processes": "N = 4", "cpus": "no CPU quota", "rate": "100 requests a second"},
        "b": {"processes": "N = 2", "cpus": "1 CPU pooled", "rate": "300 requests a second"},
        "c": {"processes": "N = 4", "cpus": "no CPU quota", "rate": "closed model"},
    }


def test_a_run_of_points_says_with_them_what_others_say_beside() -> None:
    """What a run sweeps stands in its points; another one that is at one of them says so."""
    sweep = make_scenario(PAIR, trials={"blocks": 8, "seed": 7}, sweep={"processes": [1, 4]})
    card = card_of([*points(sweep, run_id="a"), *points(plain(), run_id="b")])
    told = {(line.run, line.point, line.conditions.get("processes")) for line in card.lines}

    assert told == {("a", "N = 1", None), ("a", "N = 4", None), ("b", "", "N = 4")}
    assert turns_of(card.lines) == turns_of([line for line in card.lines if line.run == "a"])


def test_a_ladder_and_a_drill_differ_in_what_they_ask_only() -> None:
    """The rate of a ladder is none; how long they measure, and with how many lanes, is no condition of their own."""
    load = {"locustfile": "f.py", "rate": 100, "measure": "60s", "lanes": 512}
    ladder = {"slo": "p99 <= 50ms", "rates": [10, 20, 30]}
    compare = {"baseline": "workers", "primary": ["capacity.rate"]}
    drill, climb = at(load=load, drills=[{"verb": "kill"}]), at(load=load, capacity=ladder, compare=compare)
    found = [*asked(at(100), "a"), *asked(drill, "b"), *asked(climb, "c")]

    assert [told.get("rate") for told in settings_of(found).values()] == [
        "100 requests a second",
        "100 requests a second",
        LADDER,
    ]
    assert unlike_first(found) == {}


def test_runs_of_different_machines_say_so() -> None:
    """In a sentence, with what differs; no line could hold it."""
    given = make_run(plain()).environment.facts
    other = Environment(facts={**given, "kernel": "6.12.3", "storage_driver": "fuse-overlayfs"})
    found = (*points(plain()), *points(plain(), run_id="b", environment=other))
    card = card_of(found)

    told = "kernel: 6.1.0 → 6.12.3; storage driver: overlay2 → fuse-overlayfs."
    assert any("b was measured under other" in said and told in said for said in card_sentences(card))
    assert card_document(card)["unlike"]["b"]["environment.kernel"] == ["6.1.0", "6.12.3"]
    assert card_of(found[:1]).unlike == {}


def test_a_file_is_neither_replaced_nor_put_nowhere(run: Path, tmp_path: Path) -> None:
    """Unless it is said so."""
    page = tmp_path / "card.md"
    page.write_text("mine")
    refused = CliRunner().invoke(app, ["decide", str(run), "--out", str(page)])
    nowhere = CliRunner().invoke(app, ["decide", str(run), "--out", str(tmp_path / "no" / "card.md")])

    assert "exists already" in str(refused.exception)
    assert "no place for a file" in str(nowhere.exception)
    assert page.read_text() == "mine"
    assert CliRunner().invoke(app, ["decide", str(run), "--out", str(page), "--force"]).exit_code == 0


def test_a_run_is_on_the_card_once_and_its_own_primaries_are_on_it(tmp_path: Path) -> None:
    """Whatever they are."""
    compare = {"baseline": "workers", "primary": ["cpu.switches.per_1k"], "bounds": {"cpu.switches.per_1k": 0.1}}
    run = write_run(make_scenario(PAIR, trials={"blocks": 8, "seed": 7}, compare=compare), tmp_path)
    document = json.loads(CliRunner().invoke(app, ["decide", str(run), str(run), "--json"]).stdout)

    assert [line["metric"] for line in document["lines"]].count("memory.pss.total") == 1
    assert [line["topic"] for line in document["lines"] if line["metric"] == "cpu.switches.per_1k"] == ["besides"]


def test_a_card_without_a_valid_block_says_so(tmp_path: Path) -> None:
    """An empty table would be a riddle."""
    given = make_scenario(PAIR, trials={"blocks": 1, "seed": 7})
    bad = (make_gate("invalid"),)
    found = judge_points(
        make_run(given), (summarise_trial(with_record(trial, gates=bad)) for trial in make_trials(given))
    )
    content = decision_content(card_of(found), found)

    card = card_of(found)

    assert not card.lines
    better = [column.title for column in content.headline.columns].index("better")
    assert content.answers[0].sentence.startswith("No run here")
    assert all(row[better].text == "–" for row in content.headline.rows)


def line(metric: str, winner: str, **changes: Any) -> Line:
    """A line as a run would give it, with this winner."""
    made = next(each for each in card_of(points(plain())).lines if each.metric == "memory.pss.total")
    return replace(made, metric=metric, winner=winner, **{"driven": False, "alone": False, **changes})


def test_where_the_winner_turns_has_its_axis_and_its_places() -> None:
    """Everything else that is swept is equal; a place that settles nothing stands between."""
    at = [
        line(
            "p99",
            winner,
            setting={"processes": f"N = {number}", "rate": f"{rate:g}/s"},
            values={"processes": ("", number), "rate": ("", rate)},
        )
        for rate, winners in ((50.0, ("workers", "", "replicas")), (100.0, ("workers", "", "workers")))
        for number, winner in zip((1, 2, 4), winners, strict=True)
    ]
    found = turns_of(at)

    assert [(turn.axis, turn.where, [(p.at, p.winner) for p in turn.places]) for turn in found] == [
        ("processes", "50/s", [("N = 1", "workers"), ("N = 2", ""), ("N = 4", "replicas")]),
        ("rate", "N = 4", [("50/s", "replicas"), ("100/s", "workers")]),
    ]


def test_runs_that_disagree_at_one_place_are_no_turn() -> None:
    """Of which nobody knows why; elsewhere both have the same winner."""
    seen = [
        line("p99", winner, run=run, setting={"processes": f"N = {number}"}, values={"processes": ("", number)})
        for number, run, winner in ((2, "a", "workers"), (2, "b", "replicas"), (4, "a", "workers"), (4, "b", "workers"))
    ]
    others = line("p99", "replicas", run="a", setting={"processes": "N = 8"}, values={"processes": ("", 8)})

    assert turns_of(seen) == ()
    assert len(turns_of([*seen, others])) == 1


@pytest.mark.parametrize("held", ["driven", "alone"])
def test_a_winner_that_holds_only_in_places_makes_no_turn(held: str) -> None:
    """Beside two that hold everywhere it is told with the words; where one of two holds everywhere, that counts."""
    one, two, four, eight = (
        line("memory.pss.total", winner, setting={"processes": f"N = {number}"}, values={"processes": ("", number)})
        for number, winner in ((1, "workers"), (2, "replicas"), (4, "replicas"), (8, "workers"))
    )
    holds: dict[str, Any] = {held: True}
    placed = replace(two, **holds)
    words = {"driven": HERE, "alone": ALONE}[held]

    assert turns_of([one, placed, eight]) == ()
    assert turns_of([replace(one, **holds), placed, four]) == ()
    (turn,) = turns_of([one, placed, four])
    assert [(each.at, each.driven or each.alone) for each in turn.places] == [
        ("N = 1", False),
        ("N = 2", True),
        ("N = 4", False),
    ]
    (told,) = card_sentences(Card(lines=(), turns=(turn,), facts=(), missing={}))
    assert f": workers at N = 1; replicas{words} at N = 2; replicas at N = 4 (" in told
    assert len(turns_of([one, placed, replace(two, run="b")])) == 1


def with_winners(found: PointResult, winner: str, *, verdict: bool = True) -> PointResult:
    """Memory as another run might have judged it: ``winner`` has a fifth less; or nobody has, without a verdict."""
    (one,) = (each for each in found.comparison.primaries if each.metric == "memory.pss.total")
    words = {one.arm: Verdict.BETTER, "": Verdict.EQUIVALENT}
    judged = replace(
        one.judgement,
        estimate=0.8 if winner == one.arm else 1.25,
        verdict=words.get(winner, Verdict.WORSE) if verdict else None,
        reason=Reason.BEYOND if verdict else Reason.SMOKE,
    )
    primaries = (replace(one, judgement=judged),)
    unknown = {  # what the engine runs for containers would turn these winners round
        reading: replace(each, values=dict.fromkeys(each.values))
        for reading, each in found.summary.metrics.items()
        if reading.metric == PLATFORM
    }
    summary = replace(found.summary, metrics={**found.summary.metrics, **unknown})
    return replace(found, summary=summary, comparison=replace(found.comparison, primaries=primaries))


@pytest.mark.parametrize("given", [[1, 2, 4], [4, 2, 1], [2, 4, 1]])
def test_places_of_a_turn_are_in_the_order_of_the_axis(given: list[int]) -> None:
    """Whatever order they are swept in, and also where one of them has no verdict."""
    sweep = make_scenario(PAIR, trials={"blocks": 8, "seed": 7}, sweep={"processes": given})
    winners = {"N = 1": "", "N = 2": "workers", "N = 4": "replicas"}
    found = [with_winners(one, winners[one.point.title], verdict=one.point.title != "N = 1") for one in points(sweep)]
    (turn,) = card_of(found).turns

    assert [(place.at, place.winner) for place in turn.places] == [*winners.items()]


def test_the_winner_may_change_with_a_rate_over_runs() -> None:
    """Two runs that differ in nothing else say at which it does; the lower rate is first, whichever run was."""
    (high,), (low,) = points(at(300), run_id="a"), points(at(100), run_id="b")
    found = [with_winners(high, "replicas"), with_winners(low, "workers")]
    (turn,) = card_of(found).turns
    told = (
        "In memory the better arm changes with the rate: workers at 100 requests a second; replicas at 300 requests "
        "a second (memory, b, a)."
    )

    assert (turn.axis, [(p.at, p.winner, p.run) for p in turn.places]) == (
        "rate",
        [("100 requests a second", "workers", "b"), ("300 requests a second", "replicas", "a")],
    )
    assert told in card_sentences(card_of(found))


def test_the_winner_may_change_with_a_limit_over_runs() -> None:
    """No limit is more than any."""
    budgets = [{"processes": 4}, {"processes": 4, "memory": "pooled:1GiB"}, {"processes": 4, "memory": "pooled:600MiB"}]
    found = [points(at(budget=budget), run_id=name)[0] for name, budget in zip("abc", budgets, strict=True)]
    card = card_of([with_winners(one, who) for one, who in zip(found, ("workers", "", "replicas"), strict=True)])

    assert [(turn.axis, [p.at for p in turn.places]) for turn in card.turns] == [
        ("memory", ["600.0 MiB pooled", "1.0 GiB pooled", "no memory limit"])
    ]


def test_the_winner_does_not_change_with_a_rate_where_runs_differ_in_more() -> None:
    """Neither in N beside it, nor in the machine; nor do runs turn anything that disagree at one rate."""
    (low,), (high,) = points(at(100), run_id="a"), points(at(300), run_id="b")
    (eight,) = points(at(300, budget={"processes": 8}), run_id="b")
    other = Environment(facts={**make_run(at(300)).environment.facts, "kernel": "6.12.3"})
    (elsewhere,) = points(at(300), run_id="b", environment=other)
    (again,) = points(at(100), run_id="b")

    assert card_of([with_winners(low, "workers"), with_winners(high, "replicas")]).turns
    for second in (eight, elsewhere, again):
        assert card_of([with_winners(low, "workers"), with_winners(second, "replicas")]).turns == ()


def test_the_closed_model_is_at_no_rate() -> None:
    """Against it nothing changes with the rate."""
    closed = points(at(None), run_id="a")[0]
    found = card_of([with_winners(closed, "workers"), with_winners(points(at(100), run_id="b")[0], "replicas")])

    assert found.turns == ()


def test_the_winner_may_change_with_the_fault_over_runs() -> None:
    """A drill is often a run of its own; the sentence names both."""
    drills = [line("drill.harm", "replicas", verb="kill", run="a"), line("drill.harm", "workers", verb="hang", run="b")]
    found = turns_of(drills)
    empty = Card(lines=(), turns=found, facts=(), missing={})

    assert [(turn.axis, [(p.at, p.winner, p.run) for p in turn.places]) for turn in found] == [
        ("fault", [("kill", "replicas", "a"), ("hang", "workers", "b")])
    ]
    assert list(card_sentences(empty)) == [
        "In drills the better arm changes with the fault: replicas at kill; workers at hang (harm, a, b)."
    ]
    assert turns_of(drills[:1]) == ()


def test_the_winner_does_not_change_with_the_fault_where_the_runs_differ_in_more() -> None:
    """Neither in the number of processes, nor in the machine; of several settings each has a sentence with its name."""
    kill, hang = (
        partial(line, "drill.harm", winner, verb=verb) for winner, verb in (("replicas", "kill"), ("workers", "hang"))
    )
    two, eight = {"processes": "N = 2"}, {"processes": "N = 8"}
    kernel = (Difference(key="environment.kernel", first="6.1.0", second="6.12.3"),)
    alike = [kill(run="a"), hang(run="b")]
    both = [drill(run=run, conditions=own) for drill in (kill, hang) for run, own in (("a", two), ("b", eight))]

    assert turns_of([kill(run="a", conditions=two), hang(run="b", conditions=eight)]) == ()
    assert turns_of(alike, {"b": kernel}) == ()
    assert len(turns_of(alike, {"a": kernel, "b": kernel})) == 1  # both on the same other machine
    assert [turn.where for turn in turns_of(both)] == ["N = 2", "N = 8"]


def test_the_card_looks_for_turns_among_runs_that_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says of a run of another machine it also keeps from calling a change with the fault."""
    kill, hang = (at(100, drills=[{"verb": verb}]) for verb in ("kill", "hang"))
    other = Environment(facts={**make_run(kill).environment.facts, "kernel": "6.12.3"})
    found = [
        *judge_points(make_run(kill, run_id="a"), ()),
        *judge_points(make_run(hang, run_id="b", environment=other), ()),
    ]
    told: list[object] = []

    def turns(_: Sequence[Line], unlike: object) -> tuple[Turn, ...]:
        told.append(unlike)
        return ()

    monkeypatch.setattr("lab.analysis.decision.turns_of", turns)
    card = card_of(found)

    assert told == [card.unlike]
    assert [*card.unlike] == ["b"]


def test_a_verb_that_a_run_has_twice_is_two_faults() -> None:
    """Each under the name that it has there: a blocked loop is noticed where the GIL is kept, and else is not."""
    named = [("block", "replicas"), ("block-gil", "workers")]
    (turn,) = turns_of([line("drill.harm", winner, verb="block", point=point) for point, winner in named])

    assert [(place.at, place.winner) for place in turn.places] == named


@pytest.mark.parametrize("which", ["driven", "alone"])
def test_a_winner_that_holds_only_here_has_no_weight(which: str) -> None:
    """Another storage driver, or the engine's own processes, may turn it round; the sentence says where it went."""
    lines = [
        line("memory.pss.total", "replicas", topic="memory", **{which: True}),
        line("p99", "workers", topic="latency"),
    ]
    found = tally_of(lines, {"memory": 3.0, "latency": 1.0})

    assert (dict(found.weighted), found.open, found.placed) == ({"workers": 1.0, "replicas": 0.0}, 3.0, 3.0)
    assert "Of that, 3 has a winner only on this storage driver or without the" in next(iter(tally_sentences(found)))
    assert tally_of(lines[1:], {"latency": 1.0}).placed == 0


def test_weights_are_shared_by_the_lines_that_they_are_about() -> None:
    """Two points of one metric have half of it each; what is open counts for nobody, what is not there is named."""
    lines = [
        line("memory.pss.total", "workers", topic="memory"),
        line("p99", "replicas", topic="latency", point="N = 1"),
        line("p99", "", topic="latency", point="N = 2"),
    ]
    found = tally_of(lines, {"memory": 3.0, "p99": 8.0, "boot": 2.0})
    same = tally_of(lines, {"memory": 1.0})

    assert found.weighted == {"workers": 3.0, "replicas": 4.0}
    assert found.equal == {"workers": 1.0, "replicas": 0.5}
    assert (found.open, found.unmeasured) == (4.0, ("boot",))
    assert next(iter(tally_sentences(found))) == "No verdict here about boot: that weight counts in no sum."
    assert [*tally_sentences(found)][2] == (
        "With equal weights: workers 1, replicas 0.5. Compared with that, they put replicas first instead of workers."
    )
    assert "do not change" in [*tally_sentences(same)][1]
    assert len([*tally_sentences(tally_of(lines, {"boot": 2.0}))]) == 1


def test_a_metric_without_a_verdict_has_no_weight() -> None:
    """An exploratory number is for nobody."""
    found = card_of(points(plain()), {"CPU": 2.0, "memory": 1.0}).tally

    assert found is not None
    assert found.unmeasured == ("CPU",)
    assert sum(found.weighted.values()) + found.open == 1.0


def test_a_weight_keeps_the_part_of_a_point_that_is_not_valid() -> None:
    """It goes to nobody and the place is named: what is left would else have all of it."""
    given = make_scenario(PAIR, trials={"blocks": 8, "seed": 7}, sweep={"processes": [1, 2, 4, 8]})
    bad = (make_gate("invalid"),)
    trials = (
        with_record(trial, gates=bad) if "-n8-" in trial.record.trial_id else trial for trial in make_trials(given)
    )
    card = card_of(judge_points(make_run(given), map(summarise_trial, trials)), {"memory": 3.0})
    found = card.tally
    assert found is not None

    assert sum(found.weighted.values()) + found.placed == pytest.approx(2.25)
    assert [found.open - found.placed, found.unjudged] == pytest.approx([0.75, 0.75])
    assert [(gap.point, gap.arm, gap.why) for gap in found.gaps] == [("N = 8", "replicas", INVALID)]
    told = "Of that, 0.75 is without a verdict: memory of replicas at N = 8 (the run is not valid for it, 2"
    assert any(told in said for said in tally_sentences(found))
    assert card_document(card)["tally"]["gaps"][0]["point"] == "N = 8"


def test_what_has_no_answer_is_told_with_what_tells_its_run_from_the_others() -> None:
    """Else "no answer on memory" stands beside an answer on memory, of another rate."""
    slow, fast = (at(rate, compare={"primary": ["memory.pss.total"]}) for rate in (100, 200))
    bad = (with_record(trial, gates=(make_gate("invalid"),)) for trial in make_trials(fast))
    card = card_of(
        [
            *judge_points(make_run(slow, run_id="a"), make_summaries(slow)),
            *judge_points(make_run(fast, run_id="b"), map(summarise_trial, bad)),
        ]
    )
    *_, last = lead_of_card(card).sentences

    assert last.sentence == "No answer on memory of “replicas” at 200 requests a second: the run is not valid for it."
    assert "at 200" not in lead_of_card(card_of(points(fast))).sentences[-1].sentence


def drilled(*names: str, run_id: str, bad: str = "", kernel: str = "6.1.0") -> tuple[PointResult, ...]:
    """The drills of a study, of which one may be not valid: replicas are harmed, workers are not."""
    given = chosen_study(at(100), partial(climbing, quick=True, blocks=None), names).parts[0].scenario
    act = Event(t_s=20.0, until_s=20.001, kind="action.SIGKILL")
    trials = (
        with_record(
            trial,
            events=(act, replace(act, kind="action.over")),
            drill=DrillRecord(verb="kill", slo_s=0.0001 if trial.record.arm == "replicas" else 10.0, hold_s=5.0),
            gates=(make_gate("invalid" if bad and f"-{bad}-" in trial.record.trial_id else "pass"),),
        )
        for trial in make_trials(given)
    )
    run = make_run(given, run_id=run_id)
    machine = Environment(facts={**run.environment.facts, "kernel": kernel})
    return judge_points(replace(run, environment=machine), map(summarise_trial, trials))


def test_a_drill_that_was_measured_again_has_all_of_its_weight() -> None:
    """The first time, in which it was not valid, is no gap any more: a study names both runs for its card."""
    first = drilled("drill-kill", "drill-hang", run_id="a", bad="hang")
    card = card_of([*first, *drilled("drill-hang", run_id="b")], {"drill hang": 1.0})
    found = card.tally
    assert found is not None

    assert [gap.run for gap in card_of(first).gaps] == ["a"]
    assert [line.run for line in card.lines if line.verb == "hang" and line.judgement.verdict] == ["b"]
    assert (card.gaps, found.gaps, found.unjudged) == ((), (), 0)
    assert found.weighted == {"workers": 1.0, "replicas": 0.0}


@pytest.mark.parametrize("turn", [1, -1])
def test_a_drill_that_was_not_valid_twice_is_one_gap(turn: int) -> None:
    """That of the last run, in whatever order they are given; its weight is not shared between two."""
    first = drilled("drill-kill", "drill-hang", run_id="a", bad="hang")
    runs = [first, drilled("drill-hang", "drill-stop", run_id="b", bad="hang")][::turn]
    found = card_of([one for points in runs for one in points], {"drill.harm": 1.0})

    assert [(gap.run, gap.point) for gap in found.gaps] == [("b", "hang")]
    assert found.tally is not None
    assert found.tally.unjudged == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("names", "kernel"), [(["drill-kill"], "6.1.0"), (["drill-hang"], "6.12.3")], ids=["another drill", "elsewhere"]
)
def test_a_drill_that_was_measured_otherwise_stays_a_gap(names: Sequence[str], kernel: str) -> None:
    """Another drill, or another machine, says nothing of it."""
    first = drilled("drill-kill", "drill-hang", run_id="a", bad="hang")
    card = card_of([*first, *drilled(*names, run_id="b", kernel=kernel)])

    assert [(gap.run, gap.point) for gap in card.gaps] == [("a", "hang")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("memory", "expected a number above zero"),
        ("memory=0", "expected a number above zero"),
        ("memory=-1", "expected a number above zero"),
        ("memory=nan", "expected a number above zero"),
        ("memori=1", "did you mean 'memory'"),
        ("memory=1,memory=2", "is there twice"),
    ],
)
def test_weights_that_cannot_be_read_are_refused(run: Path, given: str, said: str) -> None:
    """With the part at fault."""
    refused = CliRunner().invoke(app, ["decide", str(run), "--weights", given])

    assert isinstance(refused.exception, UsageError)
    assert said in str(refused.exception)


def test_every_drill_can_be_given_a_weight() -> None:
    """Those too of which the lab ships no scenario: the card has lines of them."""
    assert parse_weights(",".join(f"drill {verb}=2" for verb in Verb)) == {f"drill {verb}": 2.0 for verb in Verb}


def test_weights_are_told_in_every_form(run: Path, tmp_path: Path) -> None:
    """And the document satisfies its schema."""
    page = tmp_path / "card.md"
    asked = ["decide", str(run), "--weights", "memory=3,p99=1"]
    told = CliRunner().invoke(app, asked).stdout
    document = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    CliRunner().invoke(app, [*asked, "--out", str(page)])
    schema = json.loads(CliRunner().invoke(app, ["schema", "--card"]).stdout)

    assert "With your weights (memory 3, p99 1)" in told
    assert "With your weights (memory 3, p99 1)" in page.read_text()
    assert document["tally"]["weights"] == {"memory": 3.0, "p99": 1.0}
    assert CardDocument.model_validate(document, by_name=True).schema_version == 2
    assert set(schema["properties"]) == set(document)


def test_a_run_of_several_faults_opens_with_a_card() -> None:
    """One kind of thing that is asked needs none."""
    load = {"locustfile": "f.py", "rate": 100, "measure": "30s"}
    drills = [{"verb": "kill"}, {"verb": "hang"}]
    given = make_scenario(PAIR, drills=drills, load=load, trials={"blocks": 8, "seed": 7})
    content = overview(make_run(given), points(given))

    assert content.sections[0].key == "decision"
    assert "decision" not in {section.key for section in overview(make_run(swept()), points(swept())).sections}


@pytest.mark.parametrize(("held", "valid"), [(Held.BAD, True), (Held.BAD, False), (Held.GOOD, True)])
def test_a_capacity_that_is_not_sustained_does_not_win(held: Held, valid: bool) -> None:
    """And the card says so; a longer run that is not valid says nothing."""
    (one,) = points(plain())
    contest = next(each for each in one.comparison.primaries if each.metric == "memory.pss.total")
    contest = replace(contest, metric=CAPACITY)
    judged = _line(one, "capacity", contest).winner
    rung = RungResult(rate=100.0, held=held)
    confirmed = {judged: Confirmation(arm=judged, rung=rung, length_s=60.0, valid=valid)}
    found = _line(replace(one, confirmed=confirmed), "capacity", contest)
    lost = held is Held.BAD and valid

    assert judged in ("workers", "replicas")
    assert found.winner == ("" if lost else judged)
    assert (f"not sustained in a longer run: {judged}" in verdict_words(found)) == lost


@pytest.mark.parametrize("reason", [Reason.FAILED, Reason.CENSORED])
def test_what_was_found_without_a_number_is_not_called_unmeasured(reason: Reason) -> None:
    """A value among failures, or beyond the ladder, has a line that says so, and no command that would measure it."""
    (one,) = points(plain())
    gone: dict[str, Any] = dict.fromkeys(("estimate", "interval", "equivalence"))
    gone |= {"verdict": Verdict.INCONCLUSIVE, "reason": reason}
    primaries = tuple(replace(each, judgement=replace(each.judgement, **gone)) for each in one.comparison.primaries)
    card = card_of([replace(one, comparison=replace(one.comparison, primaries=primaries))])
    (memory,) = (line for line in card.lines if line.metric == "memory.pss.total")

    assert memory.standing is Standing.REFUSED
    assert "memory" not in card.missing
    row = next(row for row in card_table(card).rows if row[0].text == "memory")
    assert "not compared" in " ".join(cell.text for cell in row)


@pytest.mark.parametrize("judged", [True, False])
def test_a_difference_of_too_few_blocks_is_shown_of_what_is_judged(judged: bool) -> None:
    """A drill with one block has a number and no verdict; of everything else one block says too little."""
    (one,) = points(plain())
    first = one.comparison.primaries[0]
    few: dict[str, Any] = dict.fromkeys(("estimate", "interval", "equivalence", "verdict"))
    found = replace(first.judgement, **few, shift=0.5, reason=Reason.SMOKE)
    contest = replace(first, judgement=found, originals=first.originals if judged else None)
    card = card_of([replace(one, comparison=replace(one.comparison, primaries=(contest,)))])

    assert any(line.metric == first.metric for line in card.lines) == judged


def test_a_run_of_drills_is_counted_once() -> None:
    """What there is to run is the same under every fault."""
    given = make_scenario(
        PAIR,
        drills=[{"verb": "kill"}, {"verb": "hang"}],
        load={"locustfile": "f.py", "rate": 300, "measure": "60s"},
        trials={"blocks": 1, "seed": 7},
        compare={"baseline": "workers", "primary": ["drill.harm"]},
    )
    card = card_of(points(given))

    assert [(facts.arm, facts.point) for facts in card.facts] == [("workers", ""), ("replicas", "")]
