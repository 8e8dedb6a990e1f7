"""The first screen: what was asked, what came out, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, log

from lab.analysis.comparison import Comparison, least_blocks
from lab.analysis.conclusion import arms_in_order
from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Judgement
from lab.analysis.ladders import Confirmation
from lab.analysis.limit_search import Bracket
from lab.analysis.points import NOTHING, PointResult
from lab.analysis.summary import RunSummary
from lab.analysis.winners import failing_arms
from lab.metric_types import Reading
from lab.metrics import METRICS, Metric
from lab.metrics.capacity import CAPACITY
from lab.metrics.limits import LIMITS
from lab.record.types import RunInfo
from lab.report.charts.forest import Forest, ForestRow
from lab.report.content import Figure
from lab.report.first_screen import Answer
from lab.report.parts.answers import capital, quoted
from lab.report.parts.capacity_words import capacity_remark
from lab.report.parts.cells import (
    metric_quantity,
)
from lab.report.parts.effects import brief_size, effect
from lab.report.parts.judged import seen
from lab.report.parts.outcomes import valid_for_what
from lab.report.parts.storage import platform_answer, unshared_answer
from lab.report.parts.values import Judgements, arm_names, contenders, hollow_note
from lab.report.sections.answer_sentences import verdict_answers
from lab.report.sections.lead import failed_shares
from lab.report.sections.memory_limits import limit_remark
from lab.units import count_of

MARK = "Exploratory session, driven by hand: closed model, one trial, no verdict."


def status(summary: RunSummary) -> str:
    """How many blocks there are and what may be said with so many."""
    decision = summary.decision
    if not summary.blocks:
        return "No trial was finished: there is nothing to compare."
    used, seen = len(decision.used), len(summary.blocks)
    counted = count_of(used, "block") if used == seen else f"{used} of {count_of(seen, 'block')} valid"
    if not used:
        return f"{counted}: the numbers below say nothing about the arms."
    needed = least_blocks(summary.scenario)
    if used < needed:
        short = "a smoke test" if decision.planned < needed else "too few"
        there = f"{counted}{valid_for_what(decision)}: {short}."
        return f"{there} A verdict takes at least {needed} valid blocks here; these are numbers only."
    if len(decision.ungated) < decision.planned:
        way_on = "and too many are invalid for more" if decision.hopeless else "until `--resume` has run the others"
        return f"{counted}, {decision.planned} were planned: numbers only, {way_on}."
    valid = f"{counted}, all valid" if used == seen else counted
    return f"{valid}{valid_for_what(decision)}.{look_note(summary)}"


def look_note(summary: RunSummary) -> str:
    """At which declared look the run ended; empty where its number of blocks was fixed."""
    looks, used = summary.scenario.trials.looks, len(summary.decision.used)
    if used not in looks:
        return ""
    place = f" It ended at look {looks.index(used) + 1} of {len(looks)}"
    return f"{place}, of at most {looks[-1]} blocks: every verdict was reached." if used < looks[-1] else f"{place}."


def failing_note(summary: RunSummary) -> str:
    """Which arms failed so many requests that none of them wins, controls too; empty where none did."""
    failed = failing_arms(summary)
    return f"Requests failed: {failed_shares(failed)}." if failed else ""


def failing_over(points: Sequence[PointResult]) -> Iterator[str]:
    """Which arms failed requests, at each point where some did, with its name where there are several."""
    notes = {one.point.title: failing_note(one.summary) for one in points}
    yield from (f"{title}: {note}" if len(points) > 1 else note for title, note in notes.items() if note)


def exploratory_status(summary: RunSummary) -> str:
    """The mark, and what is wrong with the trials if anything is."""
    return MARK if summary.decision.used else f"{MARK} {status(summary)}"


def judged_answers(
    run: RunInfo,
    summary: RunSummary,
    comparison: Comparison,
    confirmed: Mapping[str, Confirmation] = NOTHING,
    searched: Sequence[Bracket] = (),
    *,
    with_storage: bool = True,
) -> tuple[Answer, ...]:
    """The sentences of the verdicts; ``with_storage``: one on memory says what the storage driver has to do with it.

    One on capacity says whether it was confirmed, one on memory limits between which each lies.
    """

    def remark(contest: Contest) -> str:
        if contest.metric == CAPACITY:
            return capacity_remark(summary, (comparison.baseline, contest.arm), confirmed)
        if contest.metric in LIMITS.values():
            own = [one for one in searched if LIMITS[one.mode] == contest.metric]
            return limit_remark(own, (comparison.baseline, contest.arm))
        if contest.judgement.estimate is None:
            return ""
        pair = (contest.metric, contest.arm)
        storage = unshared_answer(run, summary, *pair, contest.judgement) if with_storage else ""
        return " ".join(filter(None, (storage, platform_answer(summary, contest))))

    return verdict_answers(comparison, remark, arms_in_order(summary))


def plain_answers(run: RunInfo, summary: RunSummary) -> tuple[Answer, ...]:
    """One sentence without a verdict for every primary metric and contender."""
    return tuple(
        Answer(sentence=_sentence(summary, METRICS[key], arm), besides=remark, remark=remark)
        for key, arm in _contests(summary)
        for remark in [unshared_answer(run, summary, key, arm)]
    )


def _contests(summary: RunSummary) -> Iterator[Reading]:
    """Of each primary the arms in the order of the answers."""
    for key in dict.fromkeys(summary.scenario.compare.primary):
        yield from (Reading(key, arm) for arm in contenders(summary))


def _sentence(summary: RunSummary, metric: Metric, arm: str) -> str:
    found, baseline = summary.metrics[Reading(metric.key, arm)], summary.metrics[Reading(metric.key, summary.baseline)]
    pair = f"{metric.title}: {quoted(arm)} and {quoted(summary.baseline)} cannot be compared"
    if not (blocks := summary.valid_for(metric.key)):
        return f"{pair}, no block is valid for it."
    if found.median is None or baseline.median is None:
        return f"{pair}, a value is missing."
    medians = f"{metric_quantity(metric, found.median)} against {metric_quantity(metric, baseline.median)}"
    if found.ratio is None or not isfinite(found.ratio):
        return f"{pair} by a ratio ({medians})."
    said = effect(metric, quoted(arm), quoted(summary.baseline), found.ratio)
    of = "medians of " if len(blocks) > 1 else ""
    return f"{capital(said)} ({medians}; {of}{count_of(len(blocks), 'block')}, without an interval)."


def ratio_figure(summary: RunSummary, judgements: Judgements) -> Figure | None:
    """Every block's ratio for every primary, with its interval; None when there is no ratio to show."""
    found = {each: _forest_row(summary, each, judgements.get(each)) for each in _contests(summary)}
    rows = {reading: row for reading, row in found.items() if row}
    if not rows:
        return None
    judged = {reading: row for reading, row in rows.items() if reading.arm in summary.scenario.judged}
    intervals = any(row.interval for row in rows.values())
    return Figure(
        key="ratios",
        title=f"Difference from {summary.baseline}",
        sentence=_most_apart(rows, judged, judgements)
        + " Dots are blocks, ticks "
        + ("the estimates, lines their intervals, as in the table" if intervals else "their medians")
        + "; inside the shaded band a difference would not matter."
        + hollow_note(summary, *summary.scenario.compare.primary),
        chart=Forest(title=f"Difference from {summary.baseline}", baseline=summary.baseline, rows=tuple(rows.values())),
    )


def _forest_row(summary: RunSummary, reading: Reading, judged: Judgement | None) -> ForestRow | None:
    key, arm = reading
    metric, found = METRICS[key], summary.metrics[reading]
    points = tuple((block, ratio) for block, ratio in found.ratios.items() if ratio and isfinite(ratio))
    estimate = (judged.estimate if judged else None) or found.ratio or found.ratio_all
    interval = judged.interval if judged else None
    if not (points or interval) or not estimate or not isfinite(estimate) or metric.paired_difference:
        return None
    bound = (judged.bound if judged else None) or summary.scenario.compare.bound(key)  # a look has one of its own
    return ForestRow(
        metric=metric.title,
        arm=arm_names(summary).index(arm),
        name=arm,
        points=points,
        valid=summary.valid_for(key),
        estimate=estimate,
        interval=(interval.low, interval.high) if interval else None,
        band=(1 / (1 + bound), 1 + bound) if bound is not None else None,
        word=judged.verdict.value if judged and judged.verdict else "",
        size=brief_size(estimate, interval),
    )


def _most_apart(rows: Mapping[Reading, ForestRow], judged: Mapping[Reading, ForestRow], judgements: Judgements) -> str:
    """The largest difference of a judged arm, for that of a control does not answer the question.

    Where a control shows a larger one, the sentence says that it leaves those aside.
    """

    def apart(reading: Reading) -> float:
        return abs(log(rows[reading].estimate))

    key, arm = reading = max(judged or rows, key=apart)
    aside = ", controls aside" if apart(max(rows, key=apart)) > apart(reading) else ""
    found, size = judgements.get(reading), f"{METRICS[key].called} {rows[reading].size} (median of the blocks)"
    told = size if found is None or found.estimate is None else seen(found, METRICS[key])
    return f"Largest difference{aside}: {arm}, {told}."
