"""The answer to the question in a sentence for each judged arm, and what was seen besides, in words with signs."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

from lab.analysis.comparable import driver_moves
from lab.analysis.comparison import Comparison
from lab.analysis.conclusion import (
    ANONYMOUS,
    Conclusion,
    Observation,
    Outcome,
    Shares,
    Side,
    Standing,
    conclude_arms,
    settled,
    standing,
)
from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Judgement, Reason
from lab.analysis.summary import RunSummary
from lab.metrics import METRICS, Metric
from lab.record.types import RunInfo
from lab.report.first_screen import Answer, Group, Lead
from lab.report.parts.answers import quoted
from lab.report.parts.effects import (
    brief_size,
    deciding,
    difference_bound,
    less_or_more,
    short_percent,
    signed_size,
    size_of_difference,
    size_of_shift,
)
from lab.report.parts.gate_sentences import listed
from lab.report.parts.storage import APART, here
from lab.units import count_of, format_ratio

OPENINGS: Mapping[Outcome, str] = {
    Outcome.BETTER: "{arm} is better than {baseline}{where}{here}",
    Outcome.WORSE: "{arm} is worse than {baseline}{where}{here}",
    Outcome.TRADE: "{arm} against {baseline} is a trade-off{here}",
    Outcome.EQUIVALENT: "{arm} and {baseline} are about the same{here}",
    Outcome.SMALL: "{arm} differs from {baseline}{where}{here}, maybe too little to matter",
    Outcome.OPEN: "{arm} against {baseline} is not settled{where}{here}",
    Outcome.NUMBERS: "No verdict on {arm} against {baseline}{here}",
    Outcome.FAILING: "{arm} against {baseline} has no winner{here}",
}
WORDS: Mapping[Standing, str] = {
    Standing.BETTER: "better",
    Standing.WORSE: "worse",
    Standing.EQUIVALENT: "about the same",
    Standing.OPEN: "could be either",
    Standing.REFUSED: "inconclusive",
    Standing.NUMBERS: "no verdict",
}
REFUSALS: Mapping[Reason, str] = {
    Reason.TOO_FEW_REQUESTS: "too few requests",
    Reason.FAILED: "requests failed",
    Reason.MISSING: "a value is missing",
    Reason.NO_RATIO: "there is no ratio",
    Reason.CENSORED: "beyond the rates tried",
    Reason.LOOK: "undecided",
    Reason.NO_SUCCESS: "no request succeeded",
}
FAILS_MORE = "fails more requests"
NOT_SETTLED = "not settled"
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
INVALID = "invalid"  # the outcome of a run whose numbers say nothing
Place = Callable[[Contest], str]  # of a metric of an arm: where it holds, " on this storage driver", or everywhere, ""


def lead_of(run: RunInfo, summary: RunSummary, comparison: Comparison) -> Lead:
    """The answer of a run; of one that is not valid only that it has none."""
    place, baseline = partial(here, run, summary), comparison.baseline
    pairs = {(one.metric, one.arm) for one in (*comparison.primaries, *comparison.exploratory)}
    driven = {arm for metric, arm in pairs if driver_moves(run.environment, summary, metric, arm)}
    found = conclude_arms(summary, comparison, driven)
    whole_lost = not run.exploratory and summary.decision.lost >= summary.decision.needed
    if whole_lost and summary.decision.needed:
        return Lead(title="Not valid", sentences=(Answer(sentence="No answer: this run is not valid.", word=INVALID),))
    return Lead(
        title=_title(found, baseline, place),
        sentences=tuple(
            Answer(sentence=side_sentence(side, baseline, place), word=side.outcome.value)
            for side in found.sides
            if side.contests
        ),
        observed=tuple(_groups([side.arm for side in found.sides], found.observed, place, found.shares)),
        controls=tuple(_groups(list(dict.fromkeys(one.arm for one in found.controls)), found.controls, place)),
    )


def side_sentence(side: Side, baseline: str, place: Place) -> str:
    """How one arm stands in everything that was judged, and where that holds."""
    alone = len(side.contests) + len(side.invalid) == 1
    worded = alone and side.outcome is not Outcome.FAILING  # "no winner" leaves the verdict to be said
    holds, numbers = _holds(side, place), side.outcome is Outcome.NUMBERS
    clauses = [
        *(_clause(each, "" if holds else place(each), worded, numbers) for each in side.contests),
        *(f"{METRICS[key].called} not valid in this run" for key in side.invalid),
    ]
    opening = OPENINGS[side.outcome].format(
        arm=quoted(side.arm), baseline=quoted(baseline), where="" if alone else _where(side), here=holds
    )
    return f"{opening}{_failing(side)}: {'; '.join(clauses)}."


def _holds(side: Side, place: Place) -> str:
    """Where the answer holds, if all metrics hold only there that make it what it is."""
    if side.invalid and Standing.REFUSED in MAKES[side.outcome]:
        return ""
    told = {place(each) for each in side.contests if standing(each.judgement) in MAKES[side.outcome]}
    return told.pop() if len(told) == 1 else ""


def _failing(side: Side) -> str:
    """``", as requests failed (49.9% in workers)"``; empty where hardly any did."""
    joined = "as" if side.outcome is Outcome.FAILING else "and"
    return f", {joined} requests failed ({failed_shares(side.failed)})" if side.failed else ""


def failed_shares(failed: Mapping[str, float]) -> str:
    """``"49.9% in workers, 49.7% in replicas"``."""
    return ", ".join(f"{format_ratio(share)} in {arm}" for arm, share in failed.items())


def _where(side: Side) -> str:
    """``" in memory"``: what an arm is better, worse or not settled in, where more was judged than that."""
    found = {contest.metric: standing(contest.judgement) for contest in side.contests}
    found |= dict.fromkeys(side.invalid, Standing.REFUSED)
    own = [METRICS[key].called for key, where in found.items() if where in MAKES[side.outcome]]
    return f" in {listed(own)}"


def _clause(contest: Contest, place: str, alone: bool, numbers_alone: bool) -> str:
    """``"memory −11.0% (−11.1…−10.8%), better"``; the word is left out where the sentence began with it."""
    found, metric = contest.judgement, METRICS[contest.metric]
    where, size = standing(found), f"{measured(found, metric)}{place}"
    if found.reason is Reason.FAILS_MORE:
        return f"{metric.called}, where it {FAILS_MORE}"
    if where is Standing.SMALL:
        return (
            f"{size}, around the bound of {_bound(found, metric)}" if alone else f"{size}, {second_word(found, metric)}"
        )
    if where is Standing.REFUSED and found.estimate is None and found.shift is None and found.difference is None:
        return f"{size} ({why})" if (why := second_word(found, metric)) else size
    if where is Standing.REFUSED:
        return ": ".join(filter(None, [f"{size}, {WORDS[where]}", second_word(found, metric)]))
    said = alone or numbers_alone  # the sentence began with the word
    return size if said else f"{size}, {WORDS[where]}"


def _bound(found: Judgement, metric: Metric) -> str:
    """``"5%"``; where differences are judged, ``"0.1 points"`` or ``"500 ms"``."""
    bound = found.bound or 0.0
    return difference_bound(metric, bound) if metric.paired_difference else short_percent(bound)


def measured(found: Judgement, metric: Metric) -> str:
    """``"memory −11.0% (−11.1…−10.8%)"``: how much more or less than the baseline, with the interval that decides."""
    interval = deciding(found)
    if found.difference is not None and interval is not None:
        return f"{metric.called} {size_of_difference(metric, interval)}"
    if found.shift is not None:
        return f"{metric.called} {size_of_shift(metric, found.shift)}"
    if found.estimate is None:
        return f"{metric.called} not compared"
    return f"{metric.called} {signed_size(found.estimate, interval)}"


def second_word(found: Judgement, metric: Metric) -> str:
    """Tell why a verdict is what it is, for its badge; empty where the verdict says it all."""
    where = standing(found)
    if where is Standing.SMALL:
        if found.estimate is None:
            return "maybe too little to matter"
        return f"{less_or_more(metric, found.estimate)}, maybe too little to matter"
    if where is Standing.OPEN:
        return WORDS[where]
    if where is Standing.REFUSED:
        return REFUSALS.get(found.reason, "")
    return FAILS_MORE if found.reason is Reason.FAILS_MORE else ""


def word_of(found: Judgement, metric: Metric) -> str:
    """The verdict; of a metric without one how few blocks there were, or "not settled"; "" where it is settled."""
    if found.verdict is not None:
        return second_word(found, metric) or WORDS[standing(found)]
    if deciding(found) is None:
        return count_of(found.n, "block")
    return "" if settled(found) else NOT_SETTLED


def seen(found: Judgement, metric: Metric, place: str = "") -> str:
    """``"p99 response time −1.2% (−4.1…+1.8%): not settled"``: never a size without its word, where it has one."""
    size, word = f"{measured(found, metric)}{place}", word_of(found, metric)
    if found.verdict is not None:
        return f"{size}, {word}"
    if deciding(found) is None:
        return f"{size} ({word})"
    return f"{size}: {word}" if word else size


def _groups(
    arms: Sequence[str], observed: Sequence[Observation], place: Place, shares: Sequence[Shares] = ()
) -> Iterator[Group]:
    """What was seen of each arm and not judged: the shares of the work, then what is settled, then the rest."""
    for arm in arms:
        work = (_share(own) for own in shares if own.arm == arm)
        if told := (*work, *(_observation(one, place) for one in observed if one.arm == arm)):
            yield Group(about=arm, sentences=told)


def _share(own: Shares) -> str:
    told = f"busiest process {format_ratio(own.share)} instead of {format_ratio(own.baseline)} of requests (medians)"
    doubt = deciding(own.judgement) is not None and not settled(own.judgement)
    return f"{told}: {NOT_SETTLED}" if doubt else told


def _observation(one: Observation, place: Place) -> str:
    apart = APART if one.contest.metric == ANONYMOUS else ""
    return f"{apart}{seen(one.contest.judgement, METRICS[one.contest.metric], place(one.contest))}"


def _title(found: Conclusion, baseline: str, place: Place) -> str:
    """``"replicas vs workers: memory −11.0%, better"``: the first judged metric; empty where nothing was judged."""
    for side in found.sides:
        for contest in side.contests:
            judged = contest.judgement
            if judged.estimate is None:
                continue
            size = f"{METRICS[contest.metric].called} {brief_size(judged.estimate, judged.interval)}"
            word = second_word(judged, METRICS[contest.metric]) or WORDS[standing(judged)]
            word = "requests failed" if side.failed else f"{word}{place(contest)}"
            return f"{side.arm} vs {baseline}: {size}, {word}"
    return ""
