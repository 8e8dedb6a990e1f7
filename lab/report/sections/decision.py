"""The decision card: one line for each thing that matters, with its winner, its size and the run that measured it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.analysis.conclusion import Standing
from lab.analysis.decision import Card, Facts, Line, Turn, enough_of
from lab.analysis.points import PointResult
from lab.metrics import METRICS
from lab.report.content import NO_LEAD, Answer, Cell, Content, Table, section
from lab.report.parts.cells import columns, words
from lab.report.parts.values import arm_names
from lab.report.sections.lead import measured, second_word
from lab.report.sections.sweep import demand_sentence
from lab.scenario.file import scenario_from_json
from lab.units import count_of, format_count

OF_SEVERAL = "Which way of running this app is better, and in what?"
HOW = "Each line is a measurement with the run that it is from. Nothing is weighed: that is for you to do."
NOTHING = "No run here has a valid block that tells the arms apart: `lab report RUN` says what became of it."
WORDS = {
    Standing.BETTER: "better",
    Standing.WORSE: "worse",
    Standing.EQUIVALENT: "about the same",
    Standing.SMALL: "maybe too little to matter",
    Standing.OPEN: "could be either",
    Standing.REFUSED: "inconclusive",
    Standing.NUMBERS: "no verdict",
}


def decision_content(card: Card, points: Sequence[PointResult]) -> Content:
    """The card as a page of its own, or for the terminal."""
    first = points[0]
    runs = list(dict.fromkeys(one.run.run_id for one in points))
    return Content(
        run_id=", ".join(runs),
        arms=tuple(arm_names(first.summary)),
        question=_title(points),
        facts=tuple(_extent(points)),
        status=HOW if card.lines else NOTHING,
        answers=tuple(Answer(sentence=text) for text in (*map(_turn, card.turns), *_enough(points), *_missing(card))),
        figures=(),
        boxes=(),
        headline=_table(card),
        sections=tuple(
            found
            for found in (section("facts", "What there is to run", _facts(card.facts)),)
            if found.parts or found.sentences
        ),
        lead=NO_LEAD,
    )


def _extent(points: Sequence[PointResult]) -> Iterator[str]:
    """How many runs there are, and points where one has several."""
    yield count_of(len({one.run.run_id for one in points}), "run")
    if any(one.point.key for one in points):
        yield count_of(len(points), "point")


def _title(points: Sequence[PointResult]) -> str:
    names = list(dict.fromkeys(one.run.scenario_name for one in points))
    return f"Which way of running {names[0]} is better, and in what?" if len(names) == 1 else OF_SEVERAL


def _table(card: Card) -> Table:
    rows = tuple((*words(line.topic, _where(line)), *_told(line)) for line in card.lines)
    return Table(
        key="decision",
        title="Decision card",
        columns=columns("about", "at", "better", "how much", "verdict", "run"),
        rows=rows,
        note="Better is the arm for which the run shows a difference beyond the bound; an en dash where it shows none. "
        "A metric that was not judged in a run has a number and no verdict.",
    )


def _where(line: Line) -> str:
    return line.point or "–"


def _told(line: Line) -> tuple[Cell, ...]:
    metric = METRICS[line.metric]
    why = second_word(line.judgement, metric) if line.judgement.verdict else ""
    verdict = WORDS[line.standing] if why in ("", WORDS[line.standing]) else f"{WORDS[line.standing]}: {why}"
    if not line.valid:
        verdict = "the run is not valid for it"
    size = f"{line.arm} against {line.baseline}: {measured(line.judgement, metric)}"
    return tuple(Cell(text) for text in (line.winner or "–", size, verdict, line.run))


def _turn(found: Turn) -> str:
    """Where the winner changes."""
    seen = "; ".join(f"{winner or 'not settled'} at {point}" for point, winner in found.winners)
    return f"In {found.topic} the better arm changes: {seen} ({METRICS[found.metric].called}, {found.run})."


def _enough(points: Sequence[PointResult]) -> Iterator[str]:
    """How many processes are enough, of every run that sweeps them."""
    slos = {one.run.run_id: scenario_from_json(one.whole.scenario).sweep.slo for one in points}
    for run, found in enough_of(points).items():
        yield from (f"{demand_sentence(each, slos[run])} ({run})" for each in found)


def _facts(facts: Sequence[Facts]) -> Table:
    rows = tuple(
        (
            *words(one.arm, one.point or "–"),
            Cell(format_count(one.containers), one.containers),
            Cell(format_count(one.processes), one.processes),
            Cell("–" if one.steps is None else format_count(one.steps), one.steps),
            *words(one.run),
        )
        for one in facts
    )
    return Table(
        key="facts",
        title="Containers, processes and start-up steps",
        columns=(*columns("arm", "at", numeric=("containers", "processes", "runs of its steps")), *columns("run")),
        rows=rows,
        note="Of one trial, its front included; processes with supervisors and helpers.",
    )


def _missing(card: Card) -> Iterator[str]:
    """What to run for the rest, in one sentence."""
    if card.missing:
        asked = "; ".join(f"{topic} (`lab run {scenario}`)" for topic, scenario in card.missing.items())
        yield f"Not measured here: {asked}. They ask it of the demo app, and a copy of the scenario asks it of yours."
