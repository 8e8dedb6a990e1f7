"""The answer to the question in a sentence for each judged arm, and what was seen besides, in words with signs."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

from lab.analysis.comparable import driver_moves
from lab.analysis.comparison import Comparison
from lab.analysis.conclusion import (
    Conclusion,
    Outcome,
    Side,
    Standing,
    conclude_arms,
    standing,
)
from lab.analysis.contests import Contest
from lab.analysis.expectations import Outcome as Expected
from lab.analysis.judge.verdict import Judgement, Reason
from lab.analysis.summary import RunSummary
from lab.metrics import METRICS, Metric
from lab.record.types import RunInfo
from lab.report.first_screen import NOT_VALID, Answer, Lead
from lab.report.parts.answers import quoted
from lab.report.parts.effects import brief_size, difference_bound, short_percent
from lab.report.parts.gate_sentences import listed
from lab.report.parts.judged import (
    FAILS_MANY,
    FAILS_MORE,
    WORDS,
    change,
    measured,
    second_word,
)
from lab.report.parts.storage import ALONE, here, holds_where
from lab.report.sections.expectation_sentences import expected_answer
from lab.report.sections.observed import Where, groups, large_in, same_front, striking
from lab.units import format_ratio

OPENINGS: Mapping[Outcome, str] = {
    Outcome.BETTER: "{arm} is better than {baseline}{where}{here}",
    Outcome.WORSE: "{arm} is worse than {baseline}{where}{here}",
    Outcome.TRADE: "{arm} against {baseline} is a trade-off{here}",
    Outcome.EQUIVALENT: "{arm} and {baseline} are about the same{where}{here}",
    Outcome.SMALL: "{arm} differs from {baseline}{where}{here}, maybe too little to matter",
    Outcome.OPEN: "{arm} against {baseline} is not settled{where}{here}",
    Outcome.NUMBERS: "No verdict on {arm} against {baseline}",  # numbers hold where each was measured
    Outcome.FAILING: "{arm} against {baseline} has no winner{here}",
}
UNNAMED = {Outcome.TRADE, Outcome.NUMBERS, Outcome.FAILING}  # whose opening leaves the metrics to the clauses
MAKES: Mapping[Outcome, Collection[Standing]] = {  # the standings that make an arm's answer what it is
    Outcome.BETTER: {Standing.BETTER},
    Outcome.WORSE: {Standing.WORSE},
    Outcome.TRADE: {Standing.BETTER, Standing.WORSE},
    Outcome.EQUIVALENT: {Standing.EQUIVALENT},
    Outcome.SMALL: {Standing.SMALL},
    Outcome.OPEN: {Standing.OPEN, Standing.REFUSED, Standing.NUMBERS},
    Outcome.NUMBERS: {Standing.NUMBERS},
    Outcome.FAILING: {Standing.BETTER, Standing.WORSE},
}

NUMBERS_ONLY = Answer(sentence="No verdict: these are numbers only.", word=Outcome.NUMBERS)  # of several points


def lead_of(run: RunInfo, summary: RunSummary, comparison: Comparison) -> Lead:
    """The answer of a run; of one that is not valid only that it has none."""
    where, whole = partial(here, run, summary), partial(holds_where, run, summary)
    baseline = comparison.baseline
    if is_lost(run, summary):
        return Lead(title="Not valid", sentences=(NOT_VALID,))
    found = concluded(run, summary, comparison)
    sides = [side for side in found.sides if side.contests]
    expected = answer_expected(run, summary, comparison)
    return Lead(
        title=_both(_title(found, baseline, whole), expected.why if expected else ""),
        sentences=(
            *(Answer(sentence=side_sentence(side, baseline, whole), word=side.outcome.value) for side in sides),
            *((replace(expected, why=""),) if expected else ()),
        ),
        striking=tuple(striking(baseline, large_in(found, where))),
        observed=tuple(groups([side.arm for side in found.sides], found.observed, where, found.shares)),
        controls=(
            *groups(list(dict.fromkeys(one.arm for one in found.controls)), found.controls, where),
            *(same_front(alike, where) for alike in found.alike),
        ),
        arm=next((side.arm for side in sides), ""),
        partly=any(ALONE in _holds(side, whole) for side in sides[:1]),
    )


def concluded(run: RunInfo, summary: RunSummary, comparison: Comparison) -> Conclusion:
    """How every arm stands, with what was observed of it."""
    pairs = {(one.metric, one.arm) for one in (*comparison.primaries, *comparison.exploratory)}
    driven = {arm for metric, arm in pairs if driver_moves(run.environment, summary, metric, arm)}
    return conclude_arms(summary, comparison, driven)


def _both(arms: str, expected: str) -> str:
    """``"replicas vs workers: memory −11.0%, better; the expectation is violated"``, or what there is of the two."""
    return f"{arms}; {expected[0].lower()}{expected[1:]}" if arms and expected else arms or expected


def is_lost(run: RunInfo, summary: RunSummary) -> bool:
    """Whether a run is not valid of anything that it was to tell: then it has no answer at all."""
    decision = summary.decision
    return bool(decision.needed) and not run.exploratory and decision.lost >= decision.needed


def answer_expected(run: RunInfo, summary: RunSummary, comparison: Comparison) -> Answer | None:
    """What the expectations came to, where that is the answer or a part of it; None where the arms are the answer.

    So it is where no arm is judged, as of a single one, and where one is violated; never in a run that is not valid.
    """
    if is_lost(run, summary):
        return None
    found = expected_answer(comparison.conditions)
    is_answer = found is not None and (not comparison.primaries or found.word == Expected.VIOLATED)
    return found if is_answer else None


def side_sentence(side: Side, baseline: str, where: Where) -> str:
    """How one arm stands in everything that was judged, and where that holds.

    The metric is named even where it is the only one: "about the same" of memory must not be read as of everything.
    """
    alone = len(side.contests) + len(side.invalid) == 1
    worded = alone and side.outcome is not Outcome.FAILING  # "no winner" leaves the verdict to be said
    named = alone and side.outcome not in UNNAMED and not side.failed  # next to its number already
    holds, numbers = _holds(side, where), side.outcome is Outcome.NUMBERS
    clauses = [
        *(
            _clause(each, "" if holds else where(each), worded or numbers, named, _refused(side, each))
            for each in side.contests
        ),
        *(f"{METRICS[key].called} not valid in this run" for key in side.invalid),
    ]
    opening = OPENINGS[side.outcome].format(
        arm=quoted(side.arm), baseline=quoted(baseline), where=_where(side), here=holds
    )
    return f"{opening}{_failing(side)}: {'; '.join(clauses)}."


def _holds(side: Side, where: Where) -> str:
    """Where the answer holds, if all metrics hold only there that make it what it is."""
    if side.outcome is Outcome.NUMBERS or (side.invalid and Standing.REFUSED in MAKES[side.outcome]):
        return ""
    told = {where(each) for each in side.contests if side.counted(each) in MAKES[side.outcome]}
    return told.pop() if len(told) == 1 else ""


def _failing(side: Side) -> str:
    """``", as requests failed (49.9% in workers)"``; empty where hardly any did."""
    joined = "as" if side.outcome is Outcome.FAILING else "and"
    return f", {joined} requests failed ({failed_shares(side.failed)})" if side.failed else ""


def failed_shares(failed: Mapping[str, float]) -> str:
    """``"49.9% in workers, 49.7% in replicas"``."""
    return ", ".join(f"{format_ratio(share)} in {arm}" for arm, share in failed.items())


def _where(side: Side) -> str:
    """``" in memory"``: what an arm is better, worse, about the same or not settled in."""
    found = {contest.metric: side.counted(contest) for contest in side.contests}
    found |= dict.fromkeys(side.invalid, Standing.REFUSED)
    own = [METRICS[key].called for key, where in found.items() if where in MAKES[side.outcome]]
    return f" in {listed(own)}"


def _refused(side: Side, contest: Contest) -> str:
    """``"no winner: “workers” fails more requests"``; empty where the answer has said it already, and of all else."""
    if side.outcome is Outcome.FAILING or contest.metric not in side.refused:
        return ""
    return (
        f"no winner: {quoted(side.refused[contest.metric])} {FAILS_MORE if contest.barred is not None else FAILS_MANY}"
    )


def _clause(contest: Contest, place: str, worded: bool, named: bool, refused: str) -> str:
    """``"memory −11.0% (−11.1…−10.8%), better"``; without the word, or the metric, that the sentence began with."""
    found, metric = contest.judgement, METRICS[contest.metric]
    where, size = standing(found), f"{change(found, metric) if named else measured(found, metric)}{place}"
    if refused:
        return f"{size}, {refused}"
    if found.reason is Reason.FAILS_MORE:
        return f"it {FAILS_MORE}" if named else f"{metric.called}, where it {FAILS_MORE}"
    if where is Standing.SMALL:
        return (
            f"{size}, around the bound of {_bound(found, metric)}"
            if worded
            else f"{size}, {second_word(found, metric)}"
        )
    if where is Standing.REFUSED and found.estimate is None and found.shift is None and found.difference is None:
        return f"{size} ({why})" if (why := second_word(found, metric)) else size
    if where is Standing.REFUSED:
        return ": ".join(filter(None, [f"{size}, {WORDS[where]}", second_word(found, metric)]))
    return size if worded else f"{size}, {WORDS[where]}"


def _bound(found: Judgement, metric: Metric) -> str:
    """``"5%"``; where differences are judged, ``"0.1 points"`` or ``"500 ms"``."""
    bound = found.bound or 0.0
    return difference_bound(metric, bound) if metric.paired_difference else short_percent(bound)


def _title(found: Conclusion, baseline: str, where: Where) -> str:
    """``"replicas vs workers: memory −11.0%, better"``: the first judged metric; empty where nothing was judged."""
    for side in found.sides:
        for contest in side.contests:
            judged = contest.judgement
            if judged.estimate is None:
                continue
            size = f"{METRICS[contest.metric].called} {brief_size(judged.estimate, judged.interval)}"
            word = second_word(judged, METRICS[contest.metric]) or WORDS[standing(judged)]
            word = f"{word}{where(contest)}" + (", and requests failed" if side.failed else "")
            unwon = side.outcome is Outcome.FAILING or contest.metric in side.refused
            return f"{side.arm} vs {baseline}: {size}, {'requests failed' if unwon else word}"
    return ""
