"""What a verdict on memory were with the engine's own processes for the containers, which no sum of PSS has. Pure."""

from lab.analysis.conclusion import too_little
from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Judgement, Verdict, judge
from lab.analysis.series import pair_of
from lab.analysis.summary import RunSummary
from lab.analysis.winners import failing_arms
from lab.metrics import METRICS

PSS_SUMS = ("memory.pss.total", "memory.pss.peak", "memory.pss.idle")
PLATFORM = "memory.platform.pss"  # of the engine's own processes for the containers, which is in none of these


def with_platform(summary: RunSummary, of: Contest) -> Judgement | None:
    """The same with what the engine itself runs for the containers, if that turns the sign or the word; else None.

    None too for what is no sum of PSS, where a block does not know the platform's, and where an arm failed too much to
    win anything. The platform's is a mean of the measure phase for all of these metrics: it hardly moves.
    """
    metric, found = METRICS[of.metric], of.judgement
    if of.metric not in PSS_SUMS or found.estimate is None or found.bound is None:
        return None
    if failing_arms(summary).keys() & {of.arm, summary.baseline}:
        return None
    blocks = summary.valid_for(of.metric)
    sums, beside = (pair_of(summary, key, of.arm, blocks) for key in (of.metric, PLATFORM))
    baseline, contender = ([*map(_together, *both)] for both in zip(sums, beside, strict=True))
    whole = judge(baseline, contender, metric, found.bound, found.level)
    whole = whole if found.verdict else whole.numbers_only(found.reason)
    if whole.estimate is None:
        return None
    moved = _place(found.estimate, found.bound) != _place(whole.estimate, found.bound)
    return whole if moved or found.verdict != whole.verdict else None


def stands_alone(summary: RunSummary, of: Contest) -> bool:
    """Tell whether with them it were another answer: "about the same" stays that, with either sign."""
    whole = with_platform(summary, of)
    return whole is not None and not all(map(_alike, (of.judgement, whole)))


def _alike(found: Judgement) -> bool:
    return found.verdict is Verdict.EQUIVALENT or too_little(found)


def _together(own: float | None, beside: float | None) -> float | None:
    return None if own is None or beside is None else own + beside


def _place(ratio: float, bound: float) -> tuple[bool, bool, bool]:
    """Whether it lies above the lower bound, above no difference, and above the upper bound."""
    return ratio * (1 + bound) > 1, ratio > 1, ratio > 1 + bound
