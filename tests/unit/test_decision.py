"""The decision card: a line for each measurement with its run, where the winner turns, and what nobody measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from lab.analysis.card import Card, Line
from lab.analysis.conclusion import Standing
from lab.analysis.decision import _line, card_of, commands_of
from lab.analysis.judge.verdict import Reason, Verdict
from lab.analysis.ladders import Confirmation
from lab.analysis.points import PointResult, judge_points
from lab.analysis.trial.ladder import Held, RungResult
from lab.analysis.trial.trial import summarise_trial
from lab.analysis.turns import turns_of
from lab.analysis.weights import tally_of
from lab.cli import app
from lab.cli.decide import parse_weights
from lab.errors import UsageError
from lab.metrics.capacity import CAPACITY
from lab.record.types import TrialResult
from lab.report.overview import overview
from lab.report.renderers.card_document import CardDocument, card_document
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_markdown
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.decision import card_sentences, card_table, decision_content, tally_sentences, verdict_words
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
    assert rows["drill oom"][3].text == "lab run drill_oom"
    assert card.missing["how many processes are enough"] == "lab run how_many_workers"
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


def test_a_column_that_tells_no_lines_apart_is_left_out() -> None:
    """A card of one run has the run on top; of a run without points no line says where; nothing is called trust."""
    content = decision_content(card_of(points(plain())), points(plain()))

    assert [column.title for column in content.headline.columns] == ["about", "better", "verdict", "how much"]
    assert content.facts == (f"run {RUN_ID}",)
    for form in (render_terminal(content), render_markdown(content), render_html(content)):
        assert "Trust:" not in form
        assert RUN_ID in form


def test_every_scenario_that_is_named_is_shipped() -> None:
    """Whoever runs what the card says finds it; everything else is asked of the run's own app."""
    shipped = {path.stem for path in (Path(__file__).parents[2] / "scenarios").glob("*.toml")}

    assert {name for _, command in commands_of("mine") for name in command.split()[2:]} - shipped == {"mine"}
    assert dict(commands_of("a b"))["capacity"] == "lab capacity 'a b'"


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
    assert "| not measured | `lab run how_many_workers` |" in (tmp_path / "card.md").read_text()


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
    return replace(made, metric=metric, winner=winner, **changes)


def test_where_the_winner_turns_has_its_axis_and_its_places() -> None:
    """Everything else that is swept is equal; a place that settles nothing stands between."""
    at = [
        line("p99", winner, setting={"processes": number, "rate": rate})
        for rate, winners in (("50/s", ("workers", "", "replicas")), ("100/s", ("workers", "", "workers")))
        for number, winner in zip(("N = 1", "N = 2", "N = 4"), winners, strict=True)
    ]
    found = turns_of(at)

    assert [(turn.axis, turn.where, [(p.at, p.winner) for p in turn.places]) for turn in found] == [
        ("processes", "50/s", [("N = 1", "workers"), ("N = 2", ""), ("N = 4", "replicas")]),
        ("rate", "N = 4", [("50/s", "replicas"), ("100/s", "workers")]),
    ]


def test_the_winner_may_change_with_the_fault_over_runs() -> None:
    """A drill is often a run of its own; the sentence names both."""
    drills = [line("drill.harm", "replicas", verb="kill", run="a"), line("drill.harm", "workers", verb="hang", run="b")]
    found = turns_of(drills)
    empty = Card(lines=(), turns=found, facts=(), missing={})

    assert [(turn.axis, [(p.at, p.winner, p.run) for p in turn.places]) for turn in found] == [
        ("fault", [("kill", "replicas", "a"), ("hang", "workers", "b")])
    ]
    assert list(card_sentences(empty, ())) == [
        "In drills the better arm changes with the fault: replicas at kill; workers at hang (harm, a, b)."
    ]
    assert turns_of(drills[:1]) == ()


def test_a_verb_that_a_run_has_twice_is_two_faults() -> None:
    """Each under the name that it has there: a blocked loop is noticed where the GIL is kept, and else is not."""
    named = [("block", "replicas"), ("block-gil", "workers")]
    (turn,) = turns_of([line("drill.harm", winner, verb="block", point=point) for point, winner in named])

    assert [(place.at, place.winner) for place in turn.places] == named


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
