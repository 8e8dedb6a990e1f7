"""Failed requests as paired differences of shares: their verdict, and the guard that no failing arm wins (METHOD 7).

Zeros are common here and are the point, so there is no ratio: in each block the share of the contender's requests that
failed minus that of the baseline's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.analysis.judge.decide import decide
from lab.analysis.judge.intervals import AnalysisError, Interval, blocks_needed, hodges_lehmann, wilcoxon_interval
from lab.analysis.judge.levels import FAMILY_ERROR, equivalence_level, nominal_error
from lab.analysis.judge.verdict import FAR, Judgement, Reason, Verdict, conclude, doubt
from lab.metrics import Group, Metric

FAILURE_MARGIN = 0.001  # of the requests, 0.1 points: an arm that fails more often by more is worse (METHOD 7)
GUARDED = (Group.LATENCY, Group.CAPACITY, Group.CPU)  # what an arm gains by answering fewer requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How much more often a contender fails than the baseline, over the same blocks.

    ``contender`` and ``baseline`` are shares of all requests; ``more`` is the interval of the per-block differences
    contender − baseline, None where there are too few blocks for one.
    """

    contender: float
    baseline: float
    n: int
    more: Interval | None

    @property
    def decide(self) -> bool:
        """True when the contender fails more by more than the margin: in GUARDED metrics it is then worse."""
        return self.more is not None and self.more.low > FAILURE_MARGIN

    @property
    def baseline_fails(self) -> bool:
        """True when the baseline fails more by more than the margin: it wins no GUARDED metric."""
        return self.more is not None and self.more.high < -FAILURE_MARGIN


def failures(
    baseline: Sequence[float], contender: Sequence[float], contenders: int = 1, looks: Sequence[int] = ()
) -> Failures:
    """Compare the failure shares of the blocks, at an error of FAMILY_ERROR over all judged ``contenders``."""
    level = guard_level(contenders, looks)
    n = len(baseline)
    enough = n >= blocks_needed(level)
    return Failures(
        contender=float(np.mean(contender)) if n else math.nan,
        baseline=float(np.mean(baseline)) if n else math.nan,
        n=n,
        more=wilcoxon_interval(_differences(baseline, contender).tolist(), level) if enough else None,
    )


def guard_level(contenders: int, looks: Sequence[int] = ()) -> float:
    """The level of the interval of which the guard reads one end for each arm, as it can only speak against an arm."""
    return 1 - nominal_error(2 * FAMILY_ERROR / contenders, tuple(looks))


def judge_shares(
    baseline: Sequence[float], contender: Sequence[float], metric: Metric, bound: float, level: float = 0.95
) -> Judgement:
    """As ``verdict.judge``, on differences of shares; ``bound`` is in the same unit, 0.001 for 0.1 points."""
    if not 0 < bound < math.inf:
        raise AnalysisError(f"{metric.key}: bound must be above 0, got {bound}")
    numbers = replace(explore_shares(baseline, contender, metric, level), bound=bound)
    if numbers.difference is None:
        return numbers
    values = _differences(baseline, contender)
    decision = decide(values, bound, level)
    left_out = doubt(decision, values)
    worded = conclude(numbers, decision.wide, int(decision.place), metric.better)
    if worded.verdict is Verdict.EQUIVALENT and _endless(baseline, contender):
        worded = replace(worded, verdict=Verdict.INCONCLUSIVE, reason=Reason.ENDLESS)
    return replace(worded, method_sensitive=left_out is not None, leave_one_out=left_out)


def explore_shares(
    baseline: Sequence[float], contender: Sequence[float], metric: Metric, level: float = 0.95
) -> Judgement:
    """The difference of the shares with its interval, without a verdict."""
    needed = blocks_needed(level)
    n = len(baseline)
    numbers = Judgement(metric=metric.key, verdict=None, reason=Reason.SMOKE, n=n, blocks_needed=needed, level=level)
    differences = _differences(baseline, contender).tolist()
    numbers = replace(numbers, shift=hodges_lehmann(differences) if n else None)
    if n < needed:
        return numbers
    return replace(
        numbers,
        reason=Reason.ENDLESS if _endless(baseline, contender) else Reason.EXPLORATORY,
        difference=wilcoxon_interval(differences, level),
        equivalence=wilcoxon_interval(differences, equivalence_level(level)),
    )


def guarded(found: Judgement, metric: Metric, failed: Failures) -> Judgement:
    """Worse, where the arm fails more: no verdict of a guarded metric stands against that."""
    if found.verdict is None or not is_guarded(metric) or not failed.decide:
        return found
    return found.overruled(Verdict.WORSE, Reason.FAILS_MORE)


def is_guarded(metric: Metric) -> bool:
    """Whether an arm may gain in it by answering fewer requests."""
    return metric.group in GUARDED and not metric.shares


def _endless(baseline: Sequence[float], contender: Sequence[float]) -> bool:
    """Whether there is a block in which neither value is finite. That ranks as a tie, and is no likeness."""
    return any(min(pair) >= FAR for pair in zip(baseline, contender, strict=True))


def _differences(baseline: Sequence[float], contender: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(contender, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
