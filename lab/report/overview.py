"""The report of a run of several points: what came out at each, side by side; each has a whole report of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.analysis.decision import card_of
from lab.analysis.judge.verdict import Judgement
from lab.analysis.points import PointResult
from lab.metric_types import Reading
from lab.metrics import METRICS, Metric
from lab.record.types import RunInfo
from lab.report.content import POINTS, Cell, Column, Content, Link, Section, Table, section
from lab.report.first_screen import Answer, Band, Lead
from lab.report.parts.caveats import fallen_told
from lab.report.parts.cells import UNKNOWN, metric_cell, words
from lab.report.parts.effects import signed_change, size_of_difference, size_of_shift
from lab.report.parts.facts import facts_line
from lab.report.parts.storage import unshared_answer
from lab.report.parts.values import shown_value
from lab.report.sections.answer import failing_over, judged_answers, status
from lab.report.sections.decision import card_sentences, card_table
from lab.report.sections.lead import lead_of
from lab.report.sections.repeat import again
from lab.report.sections.spoiled import spoiled_band
from lab.report.sections.sweep import sweep_section
from lab.report.sections.words import glossary
from lab.scenario.model import Scenario
from lab.units import count_of

COSTS = ("drill.harm", "drill.recovery")
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
            sentences=tuple(_together([*_fallen(points), *leads], len(points))),
        ),
        figures=(),
        boxes=(),
        headline=_resilience(points) if whole.scenario.drills else _table(points),
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
    bands = {one.point.title: band for one in points if one.runs and (band := spoiled_band(one.run, one.summary))}
    if not bands or len(bands) == len(points):
        return next(iter(bands.values()), None)
    first, where = next(iter(bands.values())), ", ".join(bands)
    quote = f"Do not quote its numbers at {where}. What it says of the other points stands."
    return replace(first, title=f"{first.title} at {where}", sentences=(quote, *first.sentences[1:]), whole=False)


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
    table = _table(points)
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
        for answer in judged_answers(one.run, one.summary, one.comparison, one.confirmed, with_storage=not several)
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
            if text := unshared_answer(one.run, one.summary, contest.metric, contest.arm):
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


def _table(points: Sequence[PointResult]) -> Table:
    """Every point and judged metric: the median of each arm and the change against the baseline, with its verdict."""
    whole = points[0].whole.parsed_scenario
    arms = [arm.name for arm in whole.arms]
    return Table(
        key="points",
        title="Each drill against the baseline" if whole.drills else "The arms at each point",
        columns=(
            Column(title="point"),
            Column(title="metric"),
            *(
                column
                for arm in arms
                for column in (Column(title=arm, numeric=True), *_compared_columns(whole.baseline, arm))
            ),
        ),
        rows=tuple(_rows(points, whole)),
        note=f"Medians over the blocks that are valid for each metric; changes against {whole.baseline}, "
        "blocks paired. Points are not compared with one another.",
    )


def _resilience(points: Sequence[PointResult]) -> Table:
    """A row for each drill, and for each arm what it cost and how long, coloured by the verdict on it."""
    summary = points[0].summary
    shown = [
        (arm.name, key)
        for arm in summary.arms
        for key in COSTS
        if any(shown_value(one.summary, arm.name, key) is not None for one in points)
    ]
    return Table(
        key="resilience",
        title="Resilience: what each drill cost the arms",
        columns=(
            Column(title="drill"),
            *(Column(title=f"{arm}, {METRICS[key].called}", numeric=True) for arm, key in shown),
        ),
        rows=tuple((*words(one.point.title), *(_cost(one, key, arm) for arm, key in shown)) for one in points),
        note=f"Medians over the valid blocks. A coloured number has a verdict against {summary.baseline}: better, or "
        "worse; what is faint could be either, and the rest was not judged or is about the same.",
    )


def _cost(one: PointResult, key: str, arm: str) -> Cell:
    judged = {Reading(each.metric, each.arm): each.judgement.verdict for each in one.comparison.primaries}
    verdict = judged.get(Reading(key, arm))
    return replace(metric_cell(METRICS[key], shown_value(one.summary, arm, key)), verdict=verdict or "")


def _compared_columns(baseline: str, arm: str) -> tuple[Column, ...]:
    if arm == baseline:
        return ()
    return (Column(title=f"{arm}, change", numeric=True), Column(title="verdict"))


def _rows(points: Sequence[PointResult], whole: Scenario) -> Iterator[tuple[Cell, ...]]:
    for one in points:
        for key in whole.compare.primary:
            cells: list[Cell] = [*words(one.point.title, METRICS[key].title)]
            for arm in whole.arms:
                runs = Reading(key, arm.name) in one.summary.metrics
                cells.append(metric_cell(METRICS[key], shown_value(one.summary, arm.name, key) if runs else None))
                cells += _compared(one, key, arm.name) if arm.name != whole.baseline else ()
            yield tuple(cells)


def _change(found: Judgement, metric: Metric) -> Cell:
    if found.difference is not None:
        return Cell(size_of_difference(metric, found.difference), found.difference.estimate)
    if found.shift is not None:
        return Cell(size_of_shift(metric, found.shift), found.shift)
    return Cell(UNKNOWN) if found.estimate is None else Cell(signed_change(found.estimate), found.estimate)


def _compared(one: PointResult, key: str, arm: str) -> tuple[Cell, ...]:
    contests = (*one.comparison.primaries, *one.comparison.exploratory)
    found = {Reading(contest.metric, contest.arm): contest.judgement for contest in contests}.get(Reading(key, arm))
    if found is None:  # it, or the baseline, cannot run there
        return Cell(UNKNOWN), Cell("")
    verdict = found.verdict.value if found.verdict else ""
    return _change(found, METRICS[key]), Cell(verdict, verdict=verdict)
