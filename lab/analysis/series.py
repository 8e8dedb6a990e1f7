"""One metric over the blocks of a run: a value for each block of an arm, and which of them are thin. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab.analysis.judge.eligibility import quantile_eligible
from lab.analysis.judge.verdict import FAR
from lab.analysis.summary import RunSummary
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import Family, Reading
from lab.metrics import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Blocks in which no request of an arm succeeded; ``most`` of their ``failures`` had the one text ``cause``.

    Without requests ``cause`` is empty: then the locustfile's own events failed. ``shortage``: how memory was
    short in the first of them where a limit made it so, "" where none was.
    """

    blocks: tuple[int, ...]
    cause: str = ""
    most: int = 0
    failures: int = 0
    shortage: str = ""


def pair_of(
    summary: RunSummary, key: str, arm: str, blocks: Sequence[int]
) -> tuple[list[float | None], list[float | None]]:
    """The values of one metric, of the baseline and of the arm."""
    return series_of(summary, Reading(key, summary.baseline), blocks), series_of(summary, Reading(key, arm), blocks)


def series_of(summary: RunSummary, reading: Reading, blocks: Sequence[int]) -> list[float | None]:
    """The values of one metric of one arm."""
    values = summary.metrics[reading].values
    return [values[block] for block in blocks]


def block_numbers(places: Sequence[int], blocks: Sequence[int]) -> tuple[int, ...]:
    """Places in a series, counted from 1, as the run's block numbers."""
    return tuple(blocks[place - 1] for place in places)


def thin_blocks(summary: RunSummary, metric: Metric, arms: Sequence[str], blocks: Sequence[int]) -> list[int]:
    """Blocks in which a trial has too few requests to judge this metric."""
    few = {trial.record.block for arm in arms for trial in summary.of_arm(arm) if not enough_requests(trial, metric)}
    return [block for block in blocks if block in few]


def unanswered_blocks(summary: RunSummary, arms: Sequence[str], blocks: Sequence[int]) -> list[int]:
    """Blocks in which no request of one of the arms succeeded: of what such an arm used or needed nothing follows."""
    none = {trial.record.block for arm in arms for trial in summary.of_arm(arm) if not trial.counts.succeeded}
    return [block for block in blocks if block in none]


def unanswered_arms(summary: RunSummary) -> dict[str, Unanswered]:
    """The arms that have such blocks, among those that count for any metric, with the commonest failure in them."""
    counted = sorted({block for family in Family for block in summary.decision.valid_for(family)})
    found = {arm.name: unanswered_blocks(summary, [arm.name], counted) for arm in summary.scenario.arms}
    return {arm: _unanswered(summary, arm, blocks) for arm, blocks in found.items() if blocks}


def _unanswered(summary: RunSummary, arm: str, blocks: Sequence[int]) -> Unanswered:
    trials = [trial for trial in summary.of_arm(arm) if trial.record.block in blocks]
    errors = Counter[str]()
    for trial in trials:
        errors.update(dict(trial.counts.errors))
    (cause, most), *_ = errors.most_common(1) or [("", 0)]
    limited = summary.scenario.budget.memory.amount is not None
    short = next((trial.shortage for trial in trials if limited and trial.shortage), "")
    return Unanswered(blocks=tuple(blocks), cause=cause, most=most, failures=errors.total(), shortage=short)


def sides_of(
    summary: RunSummary, metric: Metric, arm: str, blocks: Sequence[int]
) -> tuple[list[float | None], list[float | None]]:
    """The two series whose differences are judged, of the baseline and of the arm; None where a value is missing.

    What is infinite is FAR instead: farther from every other value than those lie apart, so that it ranks last.
    """
    if metric.shares and summary.scenario.capacity:  # of many rates, and of overload: no share of anything
        return [None] * len(blocks), [None] * len(blocks)
    if metric.shares:
        baseline, contender = failed_shares(summary, arm, blocks)
        return [*baseline], [*contender]
    readings = Reading(metric.key, summary.baseline), Reading(metric.key, arm)
    return ranked_of(summary, readings[0], blocks), ranked_of(summary, readings[1], blocks)


def ranked_of(summary: RunSummary, reading: Reading, blocks: Sequence[int]) -> list[float | None]:
    """The values of one metric of one arm with FAR for what is infinite; None where one is missing."""
    return [*map(_ranked, series_of(summary, reading, blocks))]


def _ranked(value: float | None) -> float | None:
    return None if value is None else min(value, FAR)


def failed_shares(summary: RunSummary, arm: str, blocks: Sequence[int]) -> tuple[list[float], list[float]]:
    """The share of its requests that failed in each block, of the baseline and of the arm."""
    return shares_of(summary, summary.baseline, blocks), shares_of(summary, arm, blocks)


def shares_of(summary: RunSummary, arm: str, blocks: Sequence[int]) -> list[float]:
    """The share of its requests that failed in each block of one arm."""
    counts = {trial.record.block: trial.counts for trial in summary.of_arm(arm)}
    return [counts[block].failures / max(1, counts[block].requests) for block in blocks]


def enough_requests(trial: TrialSummary, metric: Metric) -> bool:
    """Tell whether a trial has the observations to judge a percentile (METHOD 6.5); true of other metrics."""
    if metric.quantile is None:
        return True
    count = (trial.service if metric.key.startswith("service.") else trial.response).count
    return quantile_eligible(count, metric.quantile).judged
