"""What the finished blocks say so far about each primary: a ratio and its interval, never a verdict before the end."""

from __future__ import annotations

from dataclasses import dataclass

from lab.analysis.comparison import Comparison, Contest
from lab.analysis.judge.intervals import blocks_needed
from lab.analysis.judge.verdict import Reason, verdict_level
from lab.cli.live.lines import FAINT, STRONG, Line
from lab.report.renderers.text import one_line
from lab.scenario.model import Scenario
from lab.units import format_factor

METRIC, BLOCKS, RATIO = 20, 6, 7
MIN_ARM = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One primary of one contender against the baseline; ``interval`` is text, also when there cannot be one yet."""

    metric: str
    arm: str
    blocks: int
    ratio: str
    interval: str

    def sentence(self, baseline: str) -> str:
        """One line for a log."""
        count = f"{self.blocks} block{'s' if self.blocks != 1 else ''}"
        return f"{self.metric} of {self.arm} against {baseline}, {count}: {self.ratio}, {self.interval}"


def nothing_yet(scenario: Scenario) -> tuple[Estimate, ...]:
    """The table before the first block."""
    needed = blocks_needed(verdict_level(len(scenario.compare.primary)))
    contenders = [arm.name for arm in scenario.arms if arm.name != scenario.baseline]
    return tuple(
        Estimate(metric=metric, arm=arm, blocks=0, ratio="–", interval=f"needs {needed} blocks")
        for metric in scenario.compare.primary
        for arm in contenders
    )


def estimates(comparison: Comparison) -> tuple[Estimate, ...]:
    """One for each primary and contender, over the valid blocks."""
    return tuple(map(_estimate, comparison.primaries))


def _estimate(contest: Contest) -> Estimate:
    found = contest.judgement
    return Estimate(
        metric=contest.metric,
        arm=contest.arm,
        blocks=found.n,
        ratio="–" if found.estimate is None else format_factor(found.estimate),
        interval=_interval(contest),
    )


def _interval(contest: Contest) -> str:
    found = contest.judgement
    if found.interval is not None:
        low, high = map(format_factor, (found.interval.low, found.interval.high))
        doubt = f", {found.reason.value}" if found.reason is Reason.TOO_FEW_REQUESTS else ""
        return f"{low} – {high}{doubt}"
    missing = found.blocks_needed - found.n
    if found.reason is Reason.SMOKE and missing > 0:
        return f"needs {missing} more block{'s' if missing > 1 else ''}"
    return one_line(found.reason.value)


def estimate_lines(rows: tuple[Estimate, ...], baseline: str, width: int, room: int) -> list[Line]:
    """At most ``room`` lines: heading, one for each estimate, and how many there was no room for."""
    if not rows or room < 2:
        return []
    metric = max(METRIC, *(len(row.metric) for row in rows)) if width >= 100 else METRIC
    arm = max(MIN_ARM, *(len(row.arm) for row in rows))
    arm = min(arm, width - 2 - metric - 1 - BLOCKS - 1 - RATIO - 1 - 22)
    head = Line()
    head.left(f"so far, against {baseline}", metric + 1 + arm, FAINT)
    head.right("blocks", BLOCKS, FAINT).right("ratio", RATIO, FAINT).add("  interval", FAINT)
    shown = rows if len(rows) < room else rows[: room - 2]
    lines = [head]
    for row in shown:
        line = Line()
        line.left(row.metric, metric).left(row.arm, arm)
        line.right(str(row.blocks), BLOCKS).right(row.ratio, RATIO, STRONG).add(f"  {row.interval}")
        lines.append(line)
    if len(shown) < len(rows):
        lines.append(Line("").add(f"… {len(rows) - len(shown)} more", FAINT))
    return lines
