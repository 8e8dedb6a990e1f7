"""Estimates from the finished blocks: a size and its interval for each primary, never a verdict before the end."""

from dataclasses import dataclass

from lab.analysis.comparison import Comparison, least_blocks
from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Reason
from lab.metrics import METRICS
from lab.report.parts.effects import size_of_shift
from lab.report.renderers.text import one_line
from lab.scenario.model import Scenario
from lab.units import count_of, format_factor

NUMBERS = "numbers only"  # of a run that was planned too short for a verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One primary of one contender against the baseline; ``interval`` is text, also when there cannot be one yet."""

    metric: str
    arm: str
    blocks: int
    ratio: str
    interval: str
    differs: bool = False
    """``ratio`` is a difference, as of what a drill cost."""

    def sentence(self, baseline: str) -> str:
        """One line for a log."""
        count = count_of(self.blocks, "block")
        return f"{self.metric} of {self.arm} against {baseline}, {count}: {self.ratio}, {self.interval}"


def nothing_yet(scenario: Scenario) -> tuple[Estimate, ...]:
    """The table before the first block."""
    needed = least_blocks(scenario)
    return tuple(
        Estimate(
            metric=metric,
            arm=arm,
            blocks=0,
            ratio="–",
            interval=f"needs {count_of(needed, 'block')}" if needed <= scenario.trials.blocks else NUMBERS,
            differs=METRICS[metric].paired_difference,
        )
        for metric in scenario.compare.primary
        for arm in scenario.judged
    )


def estimates(comparison: Comparison) -> tuple[Estimate, ...]:
    """One for each primary and contender, over the valid blocks."""
    planned = comparison.decision.planned
    return tuple(_estimate(contest, planned) for contest in comparison.primaries)


def _estimate(contest: Contest, planned: int) -> Estimate:
    found = contest.judgement
    return Estimate(
        metric=contest.metric,
        arm=contest.arm,
        blocks=found.n,
        ratio=_size(contest),
        interval=_interval(contest, planned),
        differs=METRICS[contest.metric].paired_difference,
    )


def _size(contest: Contest) -> str:
    """A ratio, or a difference where these are judged."""
    found = contest.judgement
    if found.shift is not None:
        return size_of_shift(METRICS[contest.metric], found.shift)
    return "–" if found.estimate is None else format_factor(found.estimate)


def _interval(contest: Contest, planned: int) -> str:
    found = contest.judgement
    if found.interval is not None:
        if found.interval.only_end is not None:
            return f"beyond {format_factor(found.interval.only_end)}, {found.reason.value}"
        low, high = map(format_factor, (found.interval.low, found.interval.high))
        doubt = f", {found.reason.value}" if found.reason is Reason.TOO_FEW_REQUESTS else ""
        return f"{low} – {high}{doubt}"
    if found.difference is not None:
        low, high = (
            size_of_shift(METRICS[contest.metric], end) for end in (found.difference.low, found.difference.high)
        )
        return f"{low} – {high}"
    if found.reason is Reason.SMOKE and found.blocks_needed > planned:
        return NUMBERS
    missing = found.blocks_needed - found.n
    if found.reason is Reason.SMOKE and missing > 0:
        return f"needs {count_of(missing, 'more block')}"
    return one_line(found.reason.value)
