"""What a run answers: the arms that its question is about, how each stands against the baseline, and what was only
observed. Keys and numbers; the words are the report's.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lab.analysis.comparison import Comparison
from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Judgement, Reason, Verdict
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import METRICS

OBSERVED = ("p50", "p99", "cpu.per_1k", "memory.pss.total", "boot")  # told of every arm, where they are not judged
OF_CONTROLS = ("memory.pss.total", "cpu.per_1k", "p50")
ANONYMOUS = "memory.cgroup.anon"  # which no storage driver changes
SHARE = "share.max"
LEAST_SHARE_APART = 0.02  # busiest processes that lie nearer to each other are not worth a word
MANY_FAILED = 0.01  # of the requests of an arm: from here on the answer says so, and the arm wins nothing


class Standing(StrEnum):
    """How an arm stands against the baseline in one primary metric: a verdict, with what hides in inconclusive."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    SMALL = "small"  # a difference was detected; it may lie on either side of the bound
    OPEN = "open"  # may be more or less
    REFUSED = "refused"  # inconclusive for another reason, such as too few requests
    NUMBERS = "numbers"  # no verdict


class Outcome(StrEnum):
    """How an arm stands in everything that was judged."""

    BETTER = "better"
    WORSE = "worse"
    TRADE = "trade"  # better in something, worse in something else
    EQUIVALENT = "equivalent"
    SMALL = "small"
    OPEN = "open"
    NUMBERS = "numbers"
    FAILING = "failing"  # there is a difference, and the arm that it speaks for failed requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One judged arm with its primaries, in the order of the scenario. ``asked``: the question is about this arm.

    ``invalid``: primaries of which the run is not valid; they are not among the contests, and leave the answer open.
    ``failed``: the part of their requests that failed, of this arm and the baseline, where it is too much to win.
    """

    arm: str
    asked: bool
    contests: tuple[Contest, ...]
    outcome: Outcome
    invalid: tuple[str, ...] = ()
    failed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of an arm without being judged. ``settled``: the interval leaves out "no difference"."""

    arm: str
    contest: Contest
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The part of the requests that the busiest process served, in one arm and in the baseline: medians.

    ``judgement`` is on their difference.
    """

    arm: str
    share: float
    baseline: float
    judgement: Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """``sides`` are the judged arms, those that the question is about first; ``observed`` in the same order.

    ``controls`` are of the arms that are shown beside them.
    """

    sides: tuple[Side, ...]
    observed: tuple[Observation, ...]
    shares: tuple[Shares, ...]
    controls: tuple[Observation, ...]


def conclude_arms(summary: RunSummary, comparison: Comparison, driven: Collection[str] = ()) -> Conclusion:
    """Put what was judged and seen in the order of the question.

    ``driven``: arms whose memory the storage driver decides, of which that is told first that it does not change.
    """
    arms = arms_in_order(summary)
    controls = [arm.name for arm in summary.scenario.arms if arm.name not in (*arms, summary.baseline)]
    first = dict.fromkeys(driven, (ANONYMOUS,))
    return Conclusion(
        sides=tuple(_side(summary, comparison, arm) for arm in arms),
        observed=tuple(one for arm in arms for one in _observed(comparison, arm, (*first.get(arm, ()), *OBSERVED))),
        shares=tuple(_shares(summary, comparison, arms)),
        controls=tuple(
            one for arm in controls for one in _observed(comparison, arm, (*first.get(arm, ()), *OF_CONTROLS))
        ),
    )


def arms_in_order(summary: RunSummary) -> tuple[str, ...]:
    """The judged arms, those of ``compare.headline`` first."""
    scenario = summary.scenario
    return tuple(sorted(scenario.judged, key=lambda arm: arm not in scenario.asked))


def standing(found: Judgement) -> Standing:
    """One judgement in a word that is finer than its verdict."""
    if found.verdict is None:
        return Standing.NUMBERS
    if found.verdict is not Verdict.INCONCLUSIVE:
        return Standing(found.verdict.value)
    if found.reason is not Reason.ACROSS:
        return Standing.REFUSED
    return Standing.SMALL if found.difference_detected else Standing.OPEN


def _side(summary: RunSummary, comparison: Comparison, arm: str) -> Side:
    lost = comparison.decision.lost
    own = [contest for contest in comparison.primaries if contest.arm == arm]
    contests = tuple(contest for contest in own if METRICS[contest.metric].group.family not in lost)
    invalid = tuple(contest.metric for contest in own if contest not in contests)
    found = [*(standing(contest.judgement) for contest in contests), *(Standing.REFUSED for _ in invalid)]
    failed = failing_arms(summary)
    return Side(
        arm=arm,
        asked=arm in summary.scenario.asked,
        contests=contests,
        outcome=_unless_failing(outcome(found), arm in failed, comparison.baseline in failed, contests),
        invalid=invalid,
        failed={name: share for name, share in failed.items() if name in (arm, comparison.baseline)},
    )


def failing_arms(summary: RunSummary) -> Mapping[str, float]:
    """The arms that failed MANY_FAILED of their requests or more, with the part; drills and overload are meant to."""
    if summary.scenario.drills or summary.scenario.capacity:
        return {}
    shares = {arm.name: _failed(summary, arm.name) for arm in summary.scenario.arms}
    return {arm: share for arm, share in shares.items() if share >= MANY_FAILED}


def _failed(summary: RunSummary, arm: str) -> float:
    counts = [trial.counts for trial in summary.of_arm(arm)]
    return sum(each.failures for each in counts) / max(1, sum(each.requests for each in counts))


def _unless_failing(found: Outcome, arm: bool, baseline: bool, contests: Sequence[Contest]) -> Outcome:
    """No winner is an ``arm`` or ``baseline`` that failed requests; an arm that fails more than it is worse still."""
    fails_more = any(each.failures is not None and each.failures.decide for each in contests)
    wins_failing = (found is Outcome.BETTER and arm) or (found is Outcome.WORSE and baseline and not fails_more)
    return Outcome.FAILING if wins_failing else found


def outcome(found: Sequence[Standing]) -> Outcome:
    """All standings of an arm in one: a difference goes before an open word, and only all together are equivalent."""
    if Standing.BETTER in found and Standing.WORSE in found:
        return Outcome.TRADE
    for difference in (Standing.WORSE, Standing.BETTER, Standing.SMALL):
        if difference in found:
            return Outcome(difference.value)
    for all_alike in (Standing.EQUIVALENT, Standing.NUMBERS):
        if set(found) == {all_alike}:
            return Outcome(all_alike.value)
    return Outcome.OPEN if found else Outcome.NUMBERS


def _observed(comparison: Comparison, arm: str, keys: Sequence[str]) -> Sequence[Observation]:
    """The settled ones first."""
    own = {contest.metric: contest for contest in comparison.exploratory if contest.arm == arm}
    seen = [
        Observation(arm=arm, contest=own[key], settled=settled(own[key].judgement))
        for key in keys
        if key in own and own[key].judgement.estimate is not None
    ]
    return sorted(seen, key=lambda one: not one.settled)


def settled(found: Judgement) -> bool:
    """Tell whether the interval leaves out "no difference"."""
    if found.difference is not None:
        return not found.difference.low <= 0 <= found.difference.high
    return found.interval is not None and not found.interval.low <= 1 <= found.interval.high


def _shares(summary: RunSummary, comparison: Comparison, arms: Sequence[str]) -> Iterator[Shares]:
    contests = (*comparison.primaries, *comparison.exploratory)
    judged = {contest.arm: contest.judgement for contest in contests if contest.metric == SHARE}
    baseline = summary.metrics[Reading(SHARE, summary.baseline)].median
    for arm in arms:
        share = summary.metrics[Reading(SHARE, arm)].median
        if share is not None and baseline is not None and abs(share - baseline) >= LEAST_SHARE_APART:
            yield Shares(arm=arm, share=share, baseline=baseline, judgement=judged[arm])
