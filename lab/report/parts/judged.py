"""One judgement in words: the size of a difference, its verdict, and why that is what it is."""

from collections.abc import Mapping

from lab.analysis.conclusion import Standing, settled, standing, too_little
from lab.analysis.judge.verdict import Judgement, Reason
from lab.metrics import Metric
from lab.report.parts.effects import (
    deciding,
    less_or_more,
    signed_size,
    size_of_difference,
    size_of_shift,
)
from lab.units import count_of

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
    Reason.ENDLESS: "without an end in both arms",
    Reason.CENSORED: "beyond the rates tried",
    Reason.LOOK: "undecided",
    Reason.NO_SUCCESS: "no request succeeded",
}
FAILS_MORE = "fails more requests"
FAILS_MANY = "fails too many requests"
NOT_SETTLED = "not settled"
TOO_LITTLE = "no difference that matters"
LARGE = 2.0  # times as much, or as little: nobody would want to learn it from a table


def measured(found: Judgement, metric: Metric) -> str:
    """``"memory −11.0% (−11.1…−10.8%)"``: the metric with its change."""
    return f"{metric.called} {change(found, metric)}"


def change(found: Judgement, metric: Metric) -> str:
    """``"−11.0% (−11.1…−10.8%)"``: how much more or less than the baseline, with the interval that decides."""
    interval = deciding(found)
    if found.difference is not None and interval is not None:
        return size_of_difference(metric, interval)
    if found.shift is not None:
        return size_of_shift(metric, found.shift)
    return "not compared" if found.estimate is None else signed_size(found.estimate, interval)


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
    """The verdict; of a metric without one how few blocks there were, or what its interval leaves open."""
    if found.verdict is not None:
        return second_word(found, metric) or WORDS[standing(found)]
    if deciding(found) is None:
        return count_of(found.n, "block")
    return left_open(found)


def left_open(found: Judgement) -> str:
    """Of what was not judged: ``"no difference that matters"``, ``"not settled"``, or "" for a difference.

    Numbers of a run that was cut, of a quick look or of few runs prove no likeness, wherever their interval lies; nor
    does a percentile of too few requests, which shows no difference either.
    """
    if found.reason is Reason.TOO_FEW_REQUESTS:
        return REFUSALS[found.reason]
    if found.reason is Reason.EXPLORATORY and too_little(found):
        return TOO_LITTLE
    return "" if settled(found) else NOT_SETTLED


def seen(found: Judgement, metric: Metric, place: str = "") -> str:
    """``"p99 response time −1.2% (−4.1…+1.8%): not settled"``: never a size without its word, where it has one."""
    size, word = f"{measured(found, metric)}{place}", word_of(found, metric)
    if found.verdict is not None:
        return f"{size}, {word}"
    if deciding(found) is None:
        return f"{size} ({word})"
    return f"{size}: {word}" if word else size


def is_large(found: Judgement) -> bool:
    """Tell whether a value is at least twice or at most half that of the baseline, with all of its interval."""
    if found.estimate is None:
        return False
    ends = (found.interval.low, found.interval.high) if found.interval else (found.estimate, found.estimate)
    return min(ends) >= LARGE or max(ends) <= 1 / LARGE
