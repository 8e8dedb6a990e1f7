"""Ladders over the blocks of a run: what may be said of capacities, where an arm breaks, what was confirmed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from statistics import fmean, median

from lab.analysis.judge.verdict import Judgement, Reason, Verdict
from lab.analysis.summary import RunSummary
from lab.analysis.trial.ladder import Climb, Edge, Held, RungResult, hold
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import Family
from lab.metrics.capacity import CAPACITY
from lab.record.types import TrialResult

QUICK_BOUND = 0.15  # all that a look may tell is a difference beyond it
SIGMAS = 3.0  # of the noise between blocks: a jump beyond it is a cliff
LEAST_DEVIATIONS = 6  # fewer tell no noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """An arm alone, for a minute, at 0.95 × its capacity. ``valid``: whether the trial says anything of times."""

    arm: str
    rung: RungResult
    length_s: float
    valid: bool

    @property
    def sustained(self) -> bool:
        """Whether the objective was held all the time."""
        return self.rung.held is Held.GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Cliff:
    """Two rungs between which an arm does not slow down but breaks; medians of the blocks.

    Percentiles in seconds; ``bad_share``: of the requests at the rung that is bad.
    """

    good: float
    bad: float
    good_s: float
    bad_s: float
    bad_share: float


def climbs_of(summary: RunSummary, arm: str) -> tuple[Climb, ...]:
    """The ladders of an arm in the blocks that are valid for times, or in all where none is."""
    valid = summary.valid_for(CAPACITY) or summary.blocks
    return tuple(t.climb for t in summary.of_arm(arm) if t.climb is not None and t.record.block in valid)


def middle_capacity(climbs: Sequence[Climb]) -> float | None:
    """The median over the blocks; None unless most of them have a capacity inside the ladder: one block never decides.

    "That or more" ranks above all, but for a block in which the generator carried less than the median of the others:
    that tells nothing of them. "That or less" ranks below all.
    """
    inside = [one.capacity for one in climbs if one.capacity is not None]
    if 2 * len(inside) <= len(climbs):
        return None
    least = median(inside)
    below = sum(one.edge is Edge.BOTTOM for one in climbs)
    above = sum(one.edge is Edge.TOP and (one.top or 0.0) >= least for one in climbs)
    return median([-inf] * below + inside + [inf] * above)  # never of an end: those are fewer than the others


def of_ladder(summary: RunSummary, arm: str, found: Judgement, blocks: Sequence[int]) -> Judgement:
    """What may be said of capacities: no ratio where one lies beyond the ladder; of a look only large differences."""
    if found.reason is Reason.MISSING and _censored(summary, (summary.baseline, arm), blocks):
        return replace(found, reason=Reason.CENSORED)
    quick = summary.scenario.capacity is not None and summary.scenario.capacity.quick
    if not quick or found.verdict in (None, Verdict.BETTER, Verdict.WORSE):
        return found
    reason = Reason.LOOK if found.reason in (Reason.INSIDE, Reason.ACROSS) else found.reason
    return replace(found, verdict=Verdict.INCONCLUSIVE, reason=reason, difference_detected=False)


def _censored(summary: RunSummary, arms: Sequence[str], blocks: Sequence[int]) -> bool:
    trials = (trial for arm in arms for trial in summary.of_arm(arm) if trial.record.block in blocks)
    return any(trial.climb is not None and trial.climb.edge in (Edge.TOP, Edge.BOTTOM) for trial in trials)


def held_shares(summary: RunSummary, arm: str, blocks: Sequence[int]) -> tuple[list[float], list[float]]:
    """The share of bad requests over the rungs that both held, of the baseline and of the arm; no block without one."""
    climbs = {
        name: {trial.record.block: trial.climb for trial in summary.of_arm(name)} for name in (summary.baseline, arm)
    }
    pairs = [shares_held(climbs[summary.baseline][block], climbs[arm][block]) for block in blocks]
    known = [pair for pair in pairs if pair is not None]
    return [baseline for baseline, _ in known], [contender for _, contender in known]


def shares_held(baseline: Climb | None, contender: Climb | None) -> tuple[float, float] | None:
    """The mean share of bad requests over the rungs that both of these ladders held; None where there is none."""
    if baseline is None or contender is None:
        return None
    both = [
        (one.bad_share, other.bad_share)
        for one, other in zip(baseline.rungs, contender.rungs, strict=True)
        if one.held is Held.GOOD and other.held is Held.GOOD
    ]
    return (fmean(one for one, _ in both), fmean(other for _, other in both)) if both else None


def cliff_of(climbs: Sequence[Climb]) -> Cliff | None:
    """Where the medians of the margins cross zero in a jump of more than SIGMAS of the noise between blocks.

    The noise is that of one arm against itself: how far a rung's margin lies from its median over the blocks, where the
    objective was held.
    """
    if not climbs:
        return None
    rungs = [[climb.rungs[place] for climb in climbs] for place in range(len(climbs[0].rungs))]
    run = [[rung for rung in there if rung.counts] for there in rungs]
    middles = [median(rung.margin for rung in there) if there else None for there in run]
    noise = _noise(run, middles)
    for place, (below, above) in enumerate(pairwise(middles)):
        if below is None or above is None or not below <= 0 < above:
            continue
        if noise is None or above - below <= SIGMAS * noise:
            return None
        return Cliff(
            good=run[place][0].rate,
            bad=run[place + 1][0].rate,
            good_s=median(rung.quantile_s for rung in run[place]),
            bad_s=median(rung.quantile_s for rung in run[place + 1]),
            bad_share=median(rung.bad_share for rung in run[place + 1]),
        )
    return None


def _noise(rungs: Sequence[Sequence[RungResult]], middles: Sequence[float | None]) -> float | None:
    """A standard deviation, of margins around the median of their rung; None where too few tell."""
    apart = [
        rung.margin - middle
        for there, middle in zip(rungs, middles, strict=True)
        if middle is not None and middle <= 0 and len(there) > 1
        for rung in there
    ]
    if len(apart) < LEAST_DEVIATIONS:
        return None
    return float((sum(each * each for each in apart) / len(apart)) ** 0.5)


def confirmations(slo: str, trials: Iterable[tuple[TrialResult, TrialSummary]]) -> Mapping[str, Confirmation]:
    """What became of an arm alone at one rate, by arm; the last trial of an arm counts."""
    return {
        trial.record.arm: Confirmation(
            arm=trial.record.arm,
            rung=hold(trial.record, trial.tables.requests, slo),
            length_s=trial.record.measure.length_s,
            valid=summary.valid_for(Family.TIME),
        )
        for trial, summary in trials
    }
