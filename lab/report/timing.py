"""What every figure over time shares: its axis, the phases, which block it shows, and what was thinned."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.summary import RunSummary
from lab.analysis.trial import TrialSummary
from lab.report.charts.scales import Scale, span

TIME_TITLE = "seconds since the measure phase began"


def shown_trials(summary: RunSummary) -> tuple[TrialSummary, ...]:
    """The trials of the first block that counts, or of the first block where none does."""
    block = next(iter(summary.decision.used or summary.blocks), None)
    return tuple(trial for trial in summary.trials if trial.record.block == block)


def time_scale(trials: Sequence[TrialSummary]) -> Scale:
    """From the earliest bin to the end of the last one."""
    lines = [trial.timeline for trial in trials if trial.timeline.start_s]
    low = min((line.start_s[0] for line in lines), default=0.0)
    return span(low, max((line.start_s[-1] + line.bin_s for line in lines), default=1.0))


def warmup_of(trials: Sequence[TrialSummary]) -> tuple[float, float] | None:
    """The stretch before the measure phase; None when nothing of it is drawn."""
    low = time_scale(trials).low
    return (low, 0.0) if low < 0 else None


def middles(trial: TrialSummary) -> list[float]:
    """The middle of every bin of a trial's time line."""
    return [start_s + trial.timeline.bin_s / 2 for start_s in trial.timeline.start_s]


def thinning(trials: Sequence[TrialSummary], kept: str) -> str:
    """What a point stands for, and what is kept of the readings behind it."""
    bins = sorted({trial.timeline.bin_s for trial in trials})
    return f"Each point is a bin of {' or '.join(f'{bin_s:g}' for bin_s in bins)} s: {kept}." if bins else ""


def thinned(trials: Sequence[TrialSummary]) -> bool:
    """Whether some bins hold more than a second, so that they show extremes beside their mean."""
    return any(trial.timeline.bin_s > 1 for trial in trials)
