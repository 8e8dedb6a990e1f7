"""Verdicts as sentences (METHOD 7). What is not known is said to be not known, never to be equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite

from lab.analysis.comparison import Comparison
from lab.analysis.conclusion import Standing, standing
from lab.analysis.contests import Contest
from lab.analysis.judge.power import MAX_BLOCKS, SETTLE_CHANCE, Outlook
from lab.analysis.judge.verdict import Judgement, Reason, Verdict
from lab.analysis.series import Unanswered
from lab.metrics import METRICS
from lab.metrics.limits import LIMITS
from lab.report.charts.svg import cut
from lab.report.first_screen import Answer
from lab.report.parts.answers import answer, capital, named_blocks, quoted, some_of
from lab.report.parts.effects import (
    bound_text,
    change,
    deciding,
    effect,
    interval_text,
    more_text,
    points_text,
    short_percent,
    size_of_shift,
)
from lab.report.parts.failures import next_step
from lab.report.parts.judged import second_word
from lab.report.renderers.text import one_line
from lab.report.sections.expectation_sentences import condition_answer
from lab.report.sections.failing_sentences import failing_sentence, percent
from lab.units import count_of, format_count, format_wait

NO_LIMIT = ": of one of them no limit is known that holds."
ONE_SEARCH = ": one search of each arm has no interval, and no verdict."
MAX_CAUSE = 160  # of the text of a failure, in characters: a locustfile may quote a whole answer


def verdict_answers(
    comparison: Comparison,
    remark: Callable[[Contest], str] = lambda _: "",
    arms: Sequence[str] = (),
) -> tuple[Answer, ...]:
    """Arms that answered nothing, then each primary and contender, then each expectation, in the scenario's order.

    ``remark``: what the sentence of a primary must say besides. ``arms``: whose sentences come in this order.
    """
    place = {arm: number for number, arm in enumerate(arms)}
    primaries = sorted(comparison.primaries, key=lambda contest: place.get(contest.arm, 0))
    return (
        *(unanswered_answer(arm, found) for arm, found in comparison.unanswered.items()),
        *(contest_answer(each, comparison.baseline, remark(each), comparison.block_s) for each in primaries),
        *(condition_answer(condition) for condition in comparison.conditions),
    )


def unanswered_answer(arm: str, found: Unanswered) -> Answer:
    """In which blocks no request of an arm succeeded, why, and what to do."""
    none = f"No request of {quoted(arm)} succeeded in {named_blocks(found.blocks)}: nothing else of it is compared."
    if not found.cause:
        return answer(none, "")
    share = " of ".join(format_count(count) for count in dict.fromkeys((found.most, found.failures)))
    told = f"{share} failures: {cut(found.cause, MAX_CAUSE)}."
    return answer(_joined((none, told, next_step(found.cause, found.shortage))), "")


def contest_answer(contest: Contest, baseline: str, remark: str = "", block_s: float | None = None) -> Answer:
    """The sentence of METHOD 7 for one primary; its word is the verdict, empty where only numbers are shown.

    ``remark`` stands besides. ``block_s``: how long a block takes, to tell what settling an open question would cost.
    """
    found = contest.judgement
    told = (
        failing_sentence(contest, baseline),
        _claim(contest, baseline) + _because(contest),
    )
    besides = (
        remark,
        _cross_check(found),
        f"{some_of(contest.unsteady)} drifted while measured." if contest.unsteady else "",
        "The verdict depends on which blocks are counted, see the details." if contest.depends_on_blocks else "",
        _outlook(contest, block_s),
    )
    word = found.verdict.value if found.verdict else ""
    why = second_word(found, METRICS[contest.metric]) if word else ""
    return answer(_joined(told), word, why, _joined(besides), remark)


def _joined(sentences: Iterable[str]) -> str:
    return " ".join(filter(None, sentences))


def answer_line(answer: Answer) -> str:
    """An answer as one line of plain text, its word behind an arrow; nothing in it can move a cursor."""
    return one_line(_joined(answer.pieces))


def _claim(contest: Contest, baseline: str) -> str:
    found, metric = contest.judgement, METRICS[contest.metric]
    arm, other = quoted(contest.arm), quoted(baseline)
    if found.difference is not None:
        return _share_claim(contest, baseline) if metric.shares else _difference_claim(contest, baseline)
    if found.estimate is None and found.reason is Reason.FAILED:
        return f"The {metric.called} of {arm} against that of {other}"
    named = capital(metric.called)
    if found.estimate is None and found.shift is not None:
        return f"{named} of {arm} against {other}"  # how much stands in the lead
    if found.estimate is None:
        return f"{named}: {arm} and {other} are not compared"
    text = capital(effect(metric, arm, other, found.estimate))
    if (interval := deciding(found)) is None:
        return f"{text} ({count_of(found.n, 'block')})"
    facts = [f"{interval_text(interval)}, {count_of(found.n, 'block')}"]
    if found.bound is not None:
        facts.append(f"bound {bound_text(metric, found.bound)}")
    return f"{text} ({'; '.join(facts)})"


def _share_claim(contest: Contest, baseline: str) -> str:
    """A difference of shares, such as of the requests that failed."""
    found, metric = contest.judgement, METRICS[contest.metric]
    interval = deciding(found)
    if interval is None or contest.failures is None:
        return ""
    own, other = (percent(share) for share in (contest.failures.contender, contest.failures.baseline))
    shares = f"{own} of the requests, {quoted(baseline)} {other}"
    bound = f"; bound {bound_text(metric, found.bound)}" if found.bound is not None else ""
    return f"{quoted(contest.arm)} failed {shares} ({points_text(interval)}, {count_of(found.n, 'block')}{bound})"


def _difference_claim(contest: Contest, baseline: str) -> str:
    """A difference in the unit of its metric, such as of the seconds that a fault cost."""
    found, metric = contest.judgement, METRICS[contest.metric]
    interval = deciding(found)
    if interval is None:
        return ""
    size = size_of_shift(metric, interval.estimate)
    bound = f"; bound {bound_text(metric, found.bound)}" if found.bound is not None else ""
    facts = f"{more_text(metric, interval)}, {count_of(found.n, 'block')}{bound}"
    return f"The {metric.called} of {quoted(contest.arm)} is {size} against that of {quoted(baseline)} ({facts})"


def _because(contest: Contest) -> str:
    """Why there is no clear word, or nothing where the word says it all."""
    found = contest.judgement
    if found.reason is Reason.SMOKE and contest.metric in LIMITS.values():
        return ONE_SEARCH
    if found.reason is Reason.SMOKE:
        had = "" if found.n else " no block is valid and"
        return f": numbers only,{had} a verdict takes {found.blocks_needed} valid blocks."
    reasons: Mapping[Reason, str] = {
        Reason.NO_SUCCESS: f": in {named_blocks(found.blocks)} no request of one of them succeeded.",
        Reason.MISSING: NO_LIMIT
        if contest.metric in LIMITS.values()
        else f": the value is missing in {named_blocks(found.blocks)}, and nothing replaces it.",
        Reason.NO_RATIO: f": there is no ratio in {named_blocks(found.blocks)}, where a value is zero or both failed.",
        Reason.ENDLESS: ": there are blocks in which it came to no end in either arm, which does not make them alike.",
        Reason.CENSORED: f": in {named_blocks(found.blocks)} one of them lies beyond the rates tried: of "
        '"that or more" and of "that or less" there is no ratio; another search, or rates of your '
        "own that reach farther (capacity.rates), may have one.",
        Reason.AT_LEAST: f": at least that, because in {named_blocks(found.blocks)} one of them lies beyond the rungs "
        "that tell of it, and is taken at the nearest of these.",
        Reason.LOOK: ": undecided, a quick look only shows differences of more than "
        f"{short_percent(found.bound or 0.0)}.",
        Reason.FAILED: f": in {named_blocks(found.blocks)} it lies among failed requests, which rank last.",
        Reason.FEW_RUNS: f": numbers only, the run is the unit and a verdict takes {found.blocks_needed} runs a side.",
        Reason.CUT: ": numbers only, fewer blocks are complete than were planned.",
        Reason.TOO_FEW_REQUESTS: f": trials of {named_blocks(found.blocks)} have too few requests to judge this "
        "percentile.",
        Reason.ACROSS: _across(found),
    }
    return reasons.get(found.reason, ".")


def _across(found: Judgement) -> str:
    if found.difference_detected:
        return ": difference detected, size uncertain."
    return ": the interval extends across the bound, so these blocks neither show a difference nor rule one out."


def _cross_check(found: Judgement) -> str:
    """What Student's interval makes of it, where that is another word; it takes nothing back."""
    if not found.method_sensitive or found.leave_one_out is None or found.verdict is None:
        return ""
    low, high = found.leave_one_out
    metric = METRICS[found.metric]
    if found.difference is not None and metric.differences:
        ends = f"{size_of_shift(metric, low)} to {size_of_shift(metric, high)}"
    elif found.difference is not None:
        ends = f"{low * 100:.3g} to {high * 100:.3g} points more"
    else:
        known = dict.fromkeys(change(end) for end in (low, high) if isfinite(end))
        ends = f"{'' if isfinite(low + high) else 'at least '}{' to '.join(known)}"
    return f"Student's interval gives another verdict (method-sensitive); leaving out any one block gives {ends}."


def _outlook(contest: Contest, block_s: float | None) -> str:
    if contest.outlook is None or contest.judgement.verdict is not Verdict.INCONCLUSIVE:
        return ""
    told = outlook_text(contest.outlook, block_s)
    return f"{told} It would only show on which side of the bound the difference lies." if _is_small(contest) else told


def _is_small(contest: Contest) -> bool:
    """A difference is there already, and more blocks may tell its size."""
    open_end = contest.outlook is not None and contest.outlook.low is not None
    return open_end and standing(contest.judgement) is Standing.SMALL


def outlook_text(found: Outlook, block_s: float | None = None) -> str:
    """What number of blocks would settle a question, as a range, and how long they take; or that none would."""
    chance = f"{SETTLE_CHANCE * 100:.0f}%"
    if found.low is None:
        return f"More blocks would not settle it: the difference is too close to the bound, even for {MAX_BLOCKS}."
    if found.high is None:
        return (
            f"A run of {found.low} blocks or more{_lasting(block_s, found.low)} would settle it with a chance of "
            f"{chance}, as far as these blocks tell. Perhaps no number would: the chance is {found.never * 100:.0f}% "
            "that the difference is too close to the bound."
        )
    count = str(found.low) if found.low == found.high else f"{found.low} to {found.high}"
    time = _lasting(block_s, *dict.fromkeys((found.low, found.high)))
    return f"A run of {count} blocks{time} would settle it with a chance of {chance}, as far as these blocks tell."


def _lasting(block_s: float | None, *blocks: int) -> str:
    """``" (9 min to 1.1 h)"``; empty where it is not known how long a block takes."""
    if block_s is None:
        return ""
    return f" ({' to '.join(dict.fromkeys(format_wait(count * block_s) for count in blocks))})"
