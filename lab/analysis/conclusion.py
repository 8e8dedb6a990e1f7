"""What a run answers: the arms that its question is about, how each stands against the baseline, and what was only
observed. Keys and numbers; the words are the report's.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lab.analysis.comparison import Comparison
from lab.analysis.contests import Contest, explored
from lab.analysis.judge.verdict import Judgement, Reason, Verdict
from lab.analysis.series import thin_blocks
from lab.analysis.summary import RunSummary
from lab.analysis.winners import failing_arms, no_winner
from lab.metric_types import Reading
from lab.metrics import METRICS

OBSERVED = ("p50", "p99", "cpu.per_1k", "memory.pss.total", "boot")  # told of every arm, where they are not judged
OF_CONTROLS = ("memory.pss.total", "cpu.per_1k", "p50")
OF_FRONTS = ("p50", "p99", "cpu.per_1k")  # what a front costs
ANONYMOUS = "memory.cgroup.anon"  # which no storage driver changes
SHARE = "share.max"
LEAST_SHARE_APART = 0.02  # busiest processes that lie nearer to each other are not worth a word


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
    FAILING = "failing"  # there are differences, and the arms that they speak for failed requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One judged arm with its primaries, in the order of the scenario. ``asked``: the question is about this arm.

    ``invalid``: primaries of which the run is not valid; they are not among the contests, and leave the answer open.
    ``failed``: the part of their requests that failed, of this arm and the baseline, where it is too much to win.
    ``refused``: metrics without a winner, each with the arm that is better in it and failed too much to win.
    """

    arm: str
    asked: bool
    contests: tuple[Contest, ...]
    outcome: Outcome
    invalid: tuple[str, ...] = ()
    failed: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def counted(self, contest: Contest) -> Standing:
        """How the arm stands in one of its contests; without a winner only where no difference has one."""
        without = contest.metric in self.refused and self.outcome is not Outcome.FAILING
        return Standing.REFUSED if without else standing(contest.judgement)


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
class Alike:
    """A judged arm against a ``control`` that is the baseline behind the same front: what remains is the model's."""

    arm: str
    control: str
    observed: tuple[Observation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """``sides`` are the judged arms, those that the question is about first; ``observed`` in the same order.

    ``controls`` are of the arms that are shown beside them; ``alike``: of these, against the arms behind their front.
    """

    sides: tuple[Side, ...]
    observed: tuple[Observation, ...]
    shares: tuple[Shares, ...]
    controls: tuple[Observation, ...]
    alike: tuple[Alike, ...]


def conclude_arms(summary: RunSummary, comparison: Comparison, driven: Collection[str] = ()) -> Conclusion:
    """Put what was judged and seen in the order of the question.

    ``driven``: arms whose memory the storage driver decides, of which that is told first that it does not change.
    """
    arms = arms_in_order(summary)
    controls = [arm.name for arm in summary.scenario.arms if arm.name not in (*arms, summary.baseline)]
    first = dict.fromkeys(driven, (ANONYMOUS,))
    return Conclusion(
        sides=tuple(_side(summary, comparison, arm) for arm in arms),
        observed=tuple(
            one for arm in arms for one in _observed(summary, comparison, arm, (*first.get(arm, ()), *OBSERVED))
        ),
        shares=tuple(_shares(summary, comparison, arms)),
        controls=tuple(
            one for arm in controls for one in _observed(summary, comparison, arm, (*first.get(arm, ()), *OF_CONTROLS))
        ),
        alike=tuple(_alike(summary, arms)),
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
    failing = failing_arms(summary)
    refused = {each.metric: why for each in contests if (why := no_winner(each, comparison.baseline, failing))}
    found = [Standing.REFUSED if each.metric in refused else standing(each.judgement) for each in contests]
    won = Standing.BETTER in found or Standing.WORSE in found
    failed = {name: share for why in (*refused.values(), failing) for name, share in why.items()}
    return Side(
        arm=arm,
        asked=arm in summary.scenario.asked,
        contests=contests,
        outcome=Outcome.FAILING if refused and not won else outcome([*found, *(Standing.REFUSED for _ in invalid)]),
        invalid=invalid,
        failed={name: failed[name] for name in (comparison.baseline, arm) if name in failed},
        refused={metric: next(iter(why)) for metric, why in refused.items()},
    )


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


def _observed(summary: RunSummary, comparison: Comparison, arm: str, keys: Sequence[str]) -> Sequence[Observation]:
    """The settled ones first; no percentile of fewer requests than judge it, which says little and looks like much."""
    return _told(summary, arm, keys, {each.metric: each for each in comparison.exploratory if each.arm == arm})


def _told(summary: RunSummary, arm: str, keys: Sequence[str], own: Mapping[str, Contest]) -> Sequence[Observation]:
    seen = [
        Observation(arm=arm, contest=own[key], settled=settled(own[key].judgement))
        for key in keys
        if key in own and own[key].judgement.estimate is not None
        if not thin_blocks(summary, METRICS[key], (summary.baseline, arm), summary.valid_for(key))
    ]
    return sorted(seen, key=lambda one: not one.settled)


def _alike(summary: RunSummary, arms: Sequence[str]) -> Iterator[Alike]:
    """Where the baseline stands behind a front in a control, each judged arm behind the same one against it."""
    fronts = {arm.name: arm.front for arm in summary.scenario.arms}
    controls = [hop.behind for hop in summary.hops if hop.direct == summary.baseline and hop.behind not in arms]
    for arm, control in ((arm, control) for control in controls for arm in arms if fronts[arm] == fronts[control]):
        pair = replace(summary, baseline=control)
        own = {key: explored(pair, METRICS[key], arm, None) for key in OF_FRONTS}
        if told := _told(pair, arm, OF_FRONTS, own):
            yield Alike(arm=arm, control=control, observed=tuple(told))


def settled(found: Judgement) -> bool:
    """Tell whether the interval leaves out "no difference"."""
    if found.difference is not None:
        return not found.difference.low <= 0 <= found.difference.high
    return found.interval is not None and not found.interval.low <= 1 <= found.interval.high


def too_little(found: Judgement) -> bool:
    """Tell whether the interval lies inside the bound: what difference there may be would not matter."""
    if found.bound is None:
        return False
    if found.difference is not None:
        return -found.bound < found.difference.low and found.difference.high < found.bound
    ends = found.interval
    return ends is not None and ends.low * (1 + found.bound) > 1 and ends.high < 1 + found.bound


def _shares(summary: RunSummary, comparison: Comparison, arms: Sequence[str]) -> Iterator[Shares]:
    contests = (*comparison.primaries, *comparison.exploratory)
    judged = {contest.arm: contest.judgement for contest in contests if contest.metric == SHARE}
    baseline = summary.metrics[Reading(SHARE, summary.baseline)].median
    for arm in arms:
        share = summary.metrics[Reading(SHARE, arm)].median
        if share is not None and baseline is not None and abs(share - baseline) >= LEAST_SHARE_APART:
            yield Shares(arm=arm, share=share, baseline=baseline, judgement=judged[arm])
