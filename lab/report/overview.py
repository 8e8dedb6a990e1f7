"""The report of a run of several points: what came out at each, side by side; each has a whole report of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.analysis.conclusion import Outcome
from lab.analysis.decision import card_of
from lab.analysis.points import PointResult
from lab.record.types import RunInfo
from lab.report.content import POINTS, Content, Link, Section, section
from lab.report.first_screen import Answer, Band, Lead
from lab.report.parts.caveats import fallen_told
from lab.report.parts.facts import facts_line
from lab.report.parts.storage import unshared_answer
from lab.report.sections.answer import failing_over, judged_answers, status
from lab.report.sections.decision import card_sentences, card_table
from lab.report.sections.lead import NUMBERS_ONLY, lead_of
from lab.report.sections.points import points_table, resilience_table
from lab.report.sections.repeat import again
from lab.report.sections.spoiled import spoiled_band
from lab.report.sections.sweep import sweep_section
from lab.report.sections.words import glossary
from lab.scenario.model import Scenario
from lab.units import count_of

OVER = Link(text="All points", folder="../..")  # from one of them


def overview(run: RunInfo, points: Sequence[PointResult]) -> Content:
    """What a run says of all its points together."""
    first = points[0].summary
    whole = replace(first, scenario=run.parsed_scenario)
    leads = [(one, answer) for one in points for answer in lead_of(one.run, one.summary, one.comparison).sentences]
    return Content(
        run_id=run.run_id,
        arms=tuple(arm.name for arm in whole.scenario.arms),
        question=whole.scenario.question,
        facts=facts_line(run, whole),
        status=_status(points),
        failing=" ".join(failing_over(points)),
        answers=tuple(_verdicts(points)),  # the lead has the arms that cannot run
        lead=Lead(
            title=f"{count_of(len(points), 'point')}: {'; '.join(one.point.title for one in points)}",
            sentences=tuple(_together([*_fallen(points), *_told_once(leads)], len(points))),
        ),
        figures=(),
        boxes=(),
        headline=resilience_table(points) if whole.scenario.drills else points_table(points),
        sections=(
            *_card(points),
            *_against(whole.scenario, points),
            *_across(whole.scenario, points),
            *map(_section, points),
            again(run, whole),
            glossary(),
        ),
        band=_band(points),
    )


def _band(points: Sequence[PointResult]) -> Band | None:
    """That of the first point that is not valid; where others are, it names those that are not."""
    there = [one for one in points if one.runs]
    fates = [one.summary.decision for one in there]
    bands = {one.point.title: band for one in there if (band := spoiled_band(one.run, one.summary, fates))}
    if not bands or len(bands) == len(points):
        return next(iter(bands.values()), None)
    first, where = next(iter(bands.values())), ", ".join(bands)
    quote = f"Do not quote its numbers at {where}. What it says of the other points stands."
    return replace(first, title=f"{first.title} at {where}", sentences=(quote, *first.sentences[1:]), whole=False)


def _told_once(
    leads: Sequence[tuple[PointResult, Answer]],
) -> Sequence[tuple[PointResult, Answer]]:
    """The answers of the points; where all are numbers only, the table below has these, and one sentence says so."""
    if len(leads) < 2 or any(answer.word != Outcome.NUMBERS for _, answer in leads):
        return leads
    return [(one, NUMBERS_ONLY) for one, _ in leads]


def _together(found: Sequence[tuple[PointResult, Answer]], points: int) -> Iterator[Answer]:
    """Each sentence once, with the points that it is said of; without them where it is said of all."""
    titles: dict[Answer, dict[str, None]] = {}
    for one, answer in found:
        titles.setdefault(answer, {})[one.point.title] = None
    for answer, where in titles.items():
        at = "" if len(where) == points > 1 or not any(where) else f"{', '.join(where)}: "
        yield replace(answer, sentence=f"{at}{answer.sentence}", case=answer.case and f"{at}{answer.case}")


def _card(points: Sequence[PointResult]) -> tuple[Section, ...]:
    """The decision card, on the first page of a run that asks more than one kind of thing: several faults."""
    if len({one.point.drill.verb for one in points if one.point.drill}) < 2:
        return ()
    card = card_of(points)
    said = tuple(card_sentences(card, points))
    return (section("decision", "Decision card", card_table(card), sentences=said, short="Decision"),)


def _against(scenario: Scenario, points: Sequence[PointResult]) -> tuple[Section, ...]:
    """The changes and verdicts of drills, where the table on top has what they cost."""
    table = points_table(points)
    return (section("against", table.title, table, short="Verdicts"),) if scenario.drills else ()


def _across(scenario: Scenario, points: Sequence[PointResult]) -> tuple[Section, ...]:
    found = sweep_section(scenario, points)
    return (found,) if found.parts or found.sentences else ()


def answers_over(points: Sequence[PointResult]) -> Iterator[Answer]:
    """What came out at all points, in sentences: the arms that cannot run somewhere, and the verdicts."""
    yield from _together(list(_fallen(points)), len(points))
    yield from _verdicts(points)


def _verdicts(points: Sequence[PointResult]) -> Iterator[Answer]:
    """The sentences of the verdicts, with the points that they are said of where there are several.

    What the storage driver has to do with them is the same at all points, and is said once, behind them.
    """
    several = len(points) > 1
    verdicts = [
        (one, answer)
        for one in points
        for answer in judged_answers(
            one.run, one.summary, one.comparison, one.confirmed, one.searched, with_storage=not several
        )
    ]
    yield from _together(verdicts, len(points))
    if several:
        yield from _together(list(_storage(points)), len(points))


def _fallen(points: Sequence[PointResult]) -> Iterator[tuple[PointResult, Answer]]:
    """The arms that cannot run at a point: an answer too."""
    for one in points:
        for told in fallen_told(one.run, one.point.scenario.budget.processes):
            yield one, Answer(sentence=told)


def _storage(points: Sequence[PointResult]) -> Iterator[tuple[PointResult, Answer]]:
    for one in points:
        for contest in (each for each in one.comparison.primaries if each.judgement.estimate is not None):
            if text := unshared_answer(one.run, one.summary, contest.metric, contest.arm, contest.judgement):
                yield one, Answer(sentence=text)


def _status(points: Sequence[PointResult]) -> str:
    """The same word on all of them once, else each with its own."""
    said = {one.point.title: status(one.summary) for one in points}
    together = " ".join(f"{title}: {text}" for title, text in said.items())
    if len(set(said.values())) == 1:
        together = f"{count_of(len(points), 'point')}, each with {next(iter(said.values()))}"
    return " ".join((*failing_over(points), together))


def _section(one: PointResult) -> Section:
    """A point's sentences, and where its whole report is."""
    found = lead_of(one.run, one.summary, one.comparison)
    seen = tuple(f"{group.about}: {', '.join(group.sentences)}." for group in found.observed)
    return Section(
        key=f"point-{one.point.key}",
        title=one.point.title,
        short=one.point.title,
        sentences=(
            *(answer.sentence for answer in found.sentences),
            *seen,
        ),
        link=Link(text=f"The whole report of {one.point.title}", folder=f"{POINTS}/{one.point.key}"),
    )
