"""The report of a run of several points: what came out at each, side by side; each has a whole report of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from lab.analysis.conclusion import Conclusion, Outcome
from lab.analysis.decision import card_of
from lab.analysis.points import PointResult
from lab.record.types import RunInfo
from lab.report.content import Content, Link, Section, section
from lab.report.files import POINTS
from lab.report.first_screen import NOT_VALID, NOT_VALID_HERE, Answer, Band, Lead
from lab.report.parts.facts import facts_line
from lab.report.parts.storage import here, unshared_answer
from lab.report.sections.answer import failing_over, judged_answers
from lab.report.sections.checks import checks_of
from lab.report.sections.decision import card_sentences, card_table
from lab.report.sections.lead import NUMBERS_ONLY, concluded, is_lost, lead_of
from lab.report.sections.observed import Where, large_over, striking
from lab.report.sections.outcomes_over import title_over, word_over
from lab.report.sections.points import points_table, resilience_table
from lab.report.sections.repeat import repeat_of_run
from lab.report.sections.spoiled import spoiled_band
from lab.report.sections.sweep import sweep_section
from lab.report.sections.together import fallen_answers, together
from lab.report.sections.trust import caveats_over, trust_over, trust_section
from lab.report.sections.words import glossary
from lab.scenario.model import Scenario

OVER = Link(text="All points", folder="../..")  # from one of them


def overview(run: RunInfo, points: Sequence[PointResult]) -> Content:
    """What a run says of all its points together."""
    first = points[0].summary
    whole = replace(first, scenario=run.parsed_scenario)
    found = caveats_over(points)
    leads = [lead_of(one.run, one.summary, one.comparison) for one in points]
    told = [(one, answer) for one, lead in zip(points, leads, strict=True) for answer in lead.sentences]
    return Content(
        run_id=run.run_id,
        scenario=run.scenario_name,
        arms=tuple(arm.name for arm in whole.scenario.arms),
        question=whole.scenario.question,
        facts=facts_line(run, whole),
        status=trust_over(run, points, found),
        failing=" ".join(failing_over(points)),
        answers=tuple(_verdicts(points)),  # the lead has the arms that cannot run
        lead=Lead(
            title=title_over(whole, points, leads),
            sentences=tuple(together([*fallen_answers(points), *_told_once(told)], len(points))),
            striking=tuple(striking(first.baseline, large_over(_concluded(points), len(points)))),
            over=word_over(whole, points, leads),
        ),
        figures=(),
        boxes=(),
        headline=resilience_table(points) if whole.scenario.drills else points_table(points),
        sections=(
            *_card(points),
            *_against(whole.scenario, points),
            *_across(whole.scenario, points),
            *trust_section(found),
            *map(_section, points),
            repeat_of_run(run, whole),
            glossary(),
        ),
        band=_band(points),
        checks=checks_of(points),
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


def _concluded(points: Sequence[PointResult]) -> Iterator[tuple[str, Conclusion, Where]]:
    """What each point that is valid comes to, by its name, and where that holds."""
    for one in points:
        if not is_lost(one.run, one.summary):
            yield one.point.title, concluded(one.run, one.summary, one.comparison), partial(here, one.run, one.summary)


def _told_once(
    leads: Sequence[tuple[PointResult, Answer]],
) -> Sequence[tuple[PointResult, Answer]]:
    """The answers of the points; where all are numbers only, the table below has these, and one sentence says so.

    Where some are not valid, the run is valid at the others.
    """
    if any(answer != NOT_VALID for _, answer in leads):
        leads = [(one, NOT_VALID_HERE if answer == NOT_VALID else answer) for one, answer in leads]
    if len(leads) < 2 or any(answer.word != Outcome.NUMBERS for _, answer in leads):
        return leads
    return [(one, NUMBERS_ONLY) for one, _ in leads]


def _card(points: Sequence[PointResult]) -> tuple[Section, ...]:
    """The decision card, on the first page of a run that asks more than one kind of thing: several faults."""
    if len({one.point.drill.verb for one in points if one.point.drill}) < 2:
        return ()
    card = card_of(points)
    said = tuple(card_sentences(card))
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
    yield from together(list(fallen_answers(points)), len(points))
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
    yield from together(verdicts, len(points))
    if several:
        yield from together(list(_storage(points)), len(points))


def _storage(points: Sequence[PointResult]) -> Iterator[tuple[PointResult, Answer]]:
    for one in points:
        for contest in (each for each in one.comparison.primaries if each.judgement.estimate is not None):
            if text := unshared_answer(one.run, one.summary, contest.metric, contest.arm, contest.judgement):
                yield one, Answer(sentence=text)


def _section(one: PointResult) -> Section:
    """A point's sentences, and where its whole report is."""
    found = lead_of(one.run, one.summary, one.comparison)
    seen = tuple(f"{group.about}: {', '.join(group.sentences)}." for group in (*found.observed, *found.controls))
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
