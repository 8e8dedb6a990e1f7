"""The decision card: one line for each thing that matters, with its winner, its size and the run that measured it.

What nobody measured has a line that says so, with the command that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from lab.analysis.card import AxisPlace, Card, Enough, Facts, Fallen, Line, Turn
from lab.analysis.conclusion import Standing
from lab.analysis.points import PointResult
from lab.metrics import METRICS
from lab.report.content import Cell, Content, Table
from lab.report.first_screen import Answer
from lab.report.parts.cells import UNKNOWN as NONE
from lab.report.parts.cells import columns, words
from lab.report.parts.gate_sentences import reason_line
from lab.report.parts.going_on import NOWHERE, placed
from lab.report.parts.judged import measured, second_word
from lab.report.parts.storage import place_of
from lab.report.parts.unusual import NO_CONTAINERS, is_plain
from lab.report.parts.values import arm_names
from lab.report.sections.in_short import DRILL, lead_of_card, where_of
from lab.report.sections.lead import failed_shares
from lab.report.sections.sweep import demand_sentence
from lab.report.sections.trend import changed_words
from lab.report.sections.weights_told import tally_sentences
from lab.units import count_of, format_count

OF_SEVERAL = "Which way of running this app is better, and at what?"
HOW = "Each line is a measurement, with the run that it comes from. Nothing is weighted: that is up to you."
WEIGHED = "Each line is a measurement, with the run that it comes from. The weights are yours."
CHANGES_WITH = {
    "processes": "the number of processes",
    "cpus": "the CPU quota",
    "memory": "the memory limit",
    "rate": "the rate",
    "fault": "the fault",
}
COLUMNS = ("about", "at", "better", "verdict", "how much", "run")
ALIKE = ("at", "run")  # left out of a card in which all lines are of one point, or of one run, which stands on top
WHERE = "Run a command in the folder that holds the run folder or runs/. "
RUNNING = "running at all"
COUNTS: Mapping[str, Callable[[Facts], float | None]] = {
    "containers": lambda one: one.containers,
    "processes": lambda one: one.processes,
    "runs of start-up steps": lambda one: one.steps,
}
SIDED = (Standing.BETTER, Standing.WORSE)  # words that say something of one arm, which is named with them
NOTHING = "No run here has a valid block that can compare the arms: `lab report RUN` says why."
WORDS = {
    Standing.BETTER: "better",
    Standing.WORSE: "worse",
    Standing.EQUIVALENT: "about the same",
    Standing.SMALL: "maybe too little to matter",
    Standing.OPEN: "could be either",
    Standing.REFUSED: "inconclusive",
    Standing.NUMBERS: "no verdict",
}


def decision_content(card: Card, points: Sequence[PointResult], places: Mapping[str, str] = NOWHERE) -> Content:
    """The card as a page of its own, or for the terminal, which knows the ``places`` of the runs."""
    first = points[0]
    runs = list(dict.fromkeys(one.run.run_id for one in points))
    return Content(
        run_id=", ".join(runs),
        arms=tuple(arm_names(first.summary)),
        question=_title(points),
        facts=tuple(_extent(points)),
        status="",  # a card is as trustworthy as the runs that its lines name
        answers=tuple(Answer(sentence=text) for text in (_meant(card), *card_sentences(card))),
        figures=(),
        boxes=(),
        headline=card_table(card, runs, places),
        sections=(),
        lead=lead_of_card(card),
    )


def _meant(card: Card) -> str:
    return (WEIGHED if card.tally else HOW) if card.lines else NOTHING


def card_sentences(card: Card) -> Iterator[str]:
    """What the reader's weights come to, where a winner changes, and how much is enough."""
    yield from tally_sentences(card.tally) if card.tally else ()
    yield from map(_turn, card.turns)
    yield from _unlike(card)
    yield from _enough(card.enough)


def _extent(points: Sequence[PointResult]) -> Iterator[str]:
    """The run, or each with the number that its lines have; and points where one has several."""
    runs = numbers_of(one.run.run_id for one in points)
    plain = {one.run.run_id: f" {NO_CONTAINERS}" for one in points if is_plain(one.run)}
    names = {run: f"run {number}: {run}" if len(runs) > 1 else f"run {run}" for run, number in runs.items()}
    yield from (f"{name}{plain.get(run, '')}" for run, name in names.items())
    if any(one.point.key for one in points):
        yield count_of(len(points), "point")


def _title(points: Sequence[PointResult]) -> str:
    names = list(dict.fromkeys(one.run.scenario_name for one in points))
    return f"Which way of running {names[0]} is better, and at what?" if len(names) == 1 else OF_SEVERAL


def card_table(card: Card, runs: Iterable[str] = (), places: Mapping[str, str] = NOWHERE) -> Table:
    """Measurements, what was counted, and what nobody measured; ``runs`` in the order of their numbers.

    ``places``: the folders of runs, as commands typed here name them; a page says instead where to type its commands.
    """
    named = [fact.run for fact in card.facts] + [line.run for line in card.lines] + [one.run for one in card.fallen]
    numbers = numbers_of([*runs, *named])
    rows = (
        *_measured(card.lines, numbers),
        *_fallen(card.fallen, numbers),
        *_counted(card.facts, numbers),
        *_missing(card, places),
    )
    kept = [place for place, title in enumerate(COLUMNS) if title not in ALIKE or _tells(rows, place)]
    return Table(
        key="decision",
        title="Decision card",
        columns=columns(*(COLUMNS[place] for place in kept)),
        rows=tuple(tuple(row[place] for place in kept) for row in rows),
        note="Better names the arm for which the run shows a difference beyond the bound; a dash means that it shows "
        "none. A metric that was not judged has a number and no verdict. Counts are those of one trial, with the "
        f"front, supervisors and helpers. {'' if places else WHERE}A path behind "
        "the name of a drill is that of the demo app: put your app's in its place. Start-up steps are counted of an "
        "app that prints lab-step lines.",
    )


def _tells(rows: Sequence[Sequence[Cell]], place: int) -> bool:
    """Whether a column tells lines apart."""
    return len({row[place].text for row in rows} - {NONE}) > 1


def numbers_of(runs: Iterable[str]) -> dict[str, str]:
    """Runs, and the number by which a line of the card names each: an id is too long for one."""
    return {run: str(number) for number, run in enumerate(dict.fromkeys(runs), 1)}


def _measured(lines: Sequence[Line], numbers: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    """A row for each line; metrics of one arm of which the same is said share one."""
    together: dict[tuple[tuple[str, ...], str, str], list[str]] = {}
    for line in lines:
        said = (line.topic, where_of(line) or NONE, line.winner or NONE, verdict_words(line))
        key = (said, f"{line.arm} against {line.baseline}", numbers[line.run])
        place = "" if line.judgement.verdict else place_of(driven=line.driven, alone=line.alone)
        together.setdefault(key, []).append(f"{measured(line.judgement, METRICS[line.metric])}{place}")
    for (told, pair, run), sizes in together.items():
        yield words(*told, f"{pair}: {'; '.join(sizes)}", run)


def _fallen(fallen: Iterable[Fallen], numbers: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    """A row for each arm that cannot run at a point: nothing else of the card has it there."""
    for one in fallen:
        yield words(RUNNING, one.point or NONE, NONE, f"{one.arm} cannot run", reason_line(one.why), numbers[one.run])


def verdict_words(line: Line) -> str:
    """The verdict with its reason, why a better arm does not win, and whether a longer run was to confirm it."""
    why = second_word(line.judgement, METRICS[line.metric]) if line.judgement.verdict else ""
    word = f"{line.arm} {WORDS[line.standing]}" if line.standing in SIDED else WORDS[line.standing]
    word += place_of(driven=line.driven, alone=line.alone) if line.judgement.verdict else ""
    verdict = word if why in ("", WORDS[line.standing]) else f"{word}: {why}"
    if not line.valid:
        verdict = "the run is not valid for it"
    if line.unsustained:
        verdict = f"{verdict}; not sustained in a longer run: {', '.join(line.unsustained)}"
    if line.unconfirmed:
        verdict = f"{verdict}; not confirmed by a longer run: {line.unconfirmed}"
    if line.failed:
        verdict = f"{verdict}; no winner, as requests failed: {failed_shares(line.failed)}"
    return verdict


def _unlike(card: Card) -> Iterator[str]:
    """What no line says: in what runs differ from the first one beside their settings."""
    for run, found in card.unlike.items():
        told = "; ".join(map(changed_words, found))
        yield f"{run} was measured under other conditions than the first run: {told}. Its lines may differ for that."


def _turn(found: Turn) -> str:
    """Where the winner changes."""
    seen = "; ".join(f"{_better_there(place)} at {place.at}" for place in found.places)
    runs = ", ".join(dict.fromkeys(place.run for place in found.places))
    where = f" ({found.where})" if found.where else ""
    return (
        f"In {found.topic}{where} the better arm changes with {CHANGES_WITH[found.axis]}: {seen} "
        f"({METRICS[found.metric].called}, {runs})."
    )


def _better_there(place: AxisPlace) -> str:
    return f"{place.winner}{place_of(driven=place.driven, alone=place.alone)}" if place.winner else "not settled"


def _enough(found: Iterable[Enough]) -> Iterator[str]:
    """What is enough, of every run that sweeps and asks."""
    yield from (f"{demand_sentence(each.demand, each.slo)} ({each.run})" for each in found)


def _counted(facts: Sequence[Facts], numbers: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    """Three lines for each point; where another run counts the same, the first is enough."""
    places: dict[tuple[str, str], list[Facts]] = {}
    for one in facts:
        places.setdefault((one.run, one.point), []).append(one)
    told: dict[str, dict[str, float | None]] = {}
    for (run, point), own in places.items():
        for about, count in COUNTS.items():
            counted = _by_arm(own, count)
            known = told.setdefault(f"{about} {point}", {})
            if counted.items() <= known.items() or not any(number is not None for number in counted.values()):
                continue
            known |= counted
            words_of = ", ".join(f"{arm} {_count(number)}" for arm, number in counted.items())
            yield words(about, point or NONE, NONE, "counted", words_of, numbers[run])


def _by_arm(facts: Sequence[Facts], count: Callable[[Facts], float | None]) -> dict[str, float | None]:
    """The count of each arm; the drills of a run are of the same arms."""
    return {one.arm: count(one) for one in facts}


def _count(number: float | None) -> str:
    return NONE if number is None else format_count(number)


def _missing(card: Card, places: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    """One line for each command, with all that it would measure."""
    topics: dict[str, list[str]] = {}
    for topic, command in card.missing.items():
        topics.setdefault(placed(command, places), []).append(topic)
    for command, own in topics.items():
        yield (*words(_together(own), NONE, NONE, "not measured"), Cell(command, command=True), *words(NONE))


def _together(topics: Sequence[str]) -> str:
    """``"memory, drill kill, hang"``: the word that drills share once."""
    drills = [topic.removeprefix(DRILL) for topic in topics if topic.startswith(DRILL)]
    others = [topic for topic in topics if not topic.startswith(DRILL)]
    return ", ".join([*others, *([DRILL + ", ".join(drills)] if drills else [])])
