"""Ladders over the blocks of a run: what may be said of capacities, where an arm breaks, what was confirmed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from math import inf, isfinite
from statistics import fmean, median

import numpy as np

from lab.analysis.judge.verdict import Judgement, Reason, Verdict
from lab.analysis.summary import RunSummary
from lab.analysis.trial.ladder import Climb, Edge, Held, RungResult, climb, hold
from lab.analysis.trial.middle import range_of
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import PRINT_BEYOND, Family, least_count
from lab.metrics.capacity import CAPACITY
from lab.record.types import TrialResult
from lab.scenario.capacity import objective

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Capacities of two arms, block by block; one beyond the ladder is the end that it lies beyond.

    ``decisive``: what such ratios can prove, for the true ones lie farther out.
    """

    baseline: list[float | None]
    contender: list[float | None]
    decisive: Verdict


def ends_of(summary: RunSummary, arm: str, blocks: Sequence[int]) -> Ends | None:
    """None where the true ratios may lie on both sides of those with the ends, or one is not known at all."""
    sides: list[list[float | None]] = []
    beyond: list[set[Edge]] = []
    for name in (summary.baseline, arm):
        climbs = {trial.record.block: trial.climb for trial in summary.of_arm(name)}
        sides.append([_or_end(climbs.get(block)) for block in blocks])
        beyond.append({one.edge for block in blocks if (one := climbs.get(block)) is not None} - {Edge.NONE})
    if any(None in side for side in sides):
        return None
    for decisive, allowed in ((Verdict.WORSE, (Edge.TOP, Edge.BOTTOM)), (Verdict.BETTER, (Edge.BOTTOM, Edge.TOP))):
        if all(found <= {edge} for found, edge in zip(beyond, allowed, strict=True)):
            return Ends(baseline=sides[0], contender=sides[1], decisive=decisive)
    return None


def _or_end(found: Climb | None) -> float | None:
    """The capacity, or the end of the ladder that it lies beyond; None where no rung says anything."""
    known = None if found is None else range_of(found)
    return None if known is None else next(end for end in known if isfinite(end))


def at_least(found: Judgement, blocks: Sequence[int]) -> Judgement:
    """What was judged with ends of the ladder, as of ratios that may lie farther from 1: there it knows no end."""
    intervals = (each and each.at_least() for each in (found.interval, found.equivalence, found.cross_check))
    interval, equivalence, cross_check = intervals
    without = found.leave_one_out
    if without is not None:
        without = (-inf, max(without)) if (found.estimate or 1.0) < 1 else (min(without), inf)
    return replace(
        found,
        reason=Reason.AT_LEAST,
        interval=interval,
        equivalence=equivalence,
        cross_check=cross_check,
        leave_one_out=without,
        blocks=tuple(blocks),
    )


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


def told_times(trial: TrialResult, slo: str) -> Mapping[float, float]:
    """By rate, the objective's percentile in seconds at the rungs of a pilot's climb that have enough requests for one.

    One deployment tells no interval, but how the percentile goes with the rate below the ladder.
    """
    ladder = trial.record.ladder
    if ladder is None:
        return {}
    found = climb(replace(trial, record=replace(trial.record, ladder=replace(ladder, slo=slo))))
    needed = least_count(objective(slo).quantile, PRINT_BEYOND)
    return {
        rung.rate: rung.quantile_s
        for rung, planned in zip(found.rungs if found else (), ladder.rungs, strict=bool(found))
        if rung.counts and isfinite(rung.quantile_s) and rung.offered * (planned.end_s - planned.count_s) >= needed
    }


def percentile_at(climbs: Sequence[Climb], share: float) -> float | None:
    """The objective's percentile in seconds at this part of each block's own capacity: the median over the blocks.

    At all of it this is what was measured at the rungs beside it, and not what the objective allows, which it never
    reached where failures set the capacity. None where not most of the blocks tell: where it would lie below the lowest
    rung, or beside one that is not counted or has the percentile among failures.
    """
    found = [_rising_at(climb, share * climb.capacity) for climb in climbs if climb.capacity is not None]
    known = [seconds for seconds in found if seconds is not None]
    return median(known) if 2 * len(known) > len(climbs) else None


def _rising_at(found: Climb, rate: float) -> float | None:
    """Made to rise with the rate, and interpolated on logarithms, as margins are: at the capacity both are the same."""
    from scipy.optimize import isotonic_regression  # half a second, which only a ladder pays

    known = list(takewhile(lambda rung: rung.counts and 0 < rung.quantile_s < inf, found.rungs))
    if not known or not known[0].rate <= rate <= known[-1].rate:
        return None
    rising = isotonic_regression(np.log([rung.quantile_s for rung in known])).x
    return float(np.exp(np.interp(np.log(rate), np.log([rung.rate for rung in known]), rising)))
