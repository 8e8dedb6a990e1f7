"""The parts of every figure over time: its axis, the phases, the block that it shows, and what was thinned."""

from collections.abc import Iterable, Sequence

from lab.analysis.summary import RunSummary
from lab.analysis.trial.tracks import Track
from lab.analysis.trial.trial import TrialSummary
from lab.record.types import Phase
from lab.report.charts.axes import Stretch
from lab.report.charts.scales import Scale, span

TIME_TITLE = "seconds since measuring began"
PHASE_NAMES = {
    Phase.BOOT: "boot",
    Phase.IDLE: "idle",
    Phase.WARMUP: "warm-up",
    Phase.MEASURE: "measure",
    Phase.COOLDOWN: "cool-down",
}


def shown_trials(summary: RunSummary) -> tuple[TrialSummary, ...]:
    """The trials of the first block that counts, or of the first block where none does."""
    block = next(iter(summary.decision.used or summary.blocks), None)
    return tuple(trial for trial in summary.trials if trial.record.block == block)


def shown_block(summary: RunSummary) -> str:
    """Tell which block ``shown_trials`` are of, and why this one. There must be a block."""
    used = summary.decision.used
    block = (used or summary.blocks)[0]
    if not used:
        return f"block {block}, the first of the run, because none is valid"
    if len(used) == 1:
        return f"block {block}, the only valid one"
    return f"block {block}, the first of {len(used)} valid ones (chosen by its place in the run, not by its values)"


def time_scale(trials: Sequence[TrialSummary]) -> Scale:
    """From the earliest bin of requests to the end of the last one."""
    return _scale((trial.timeline.start_s, trial.timeline.bin_s) for trial in trials)


def sampled_scale(trials: Sequence[TrialSummary]) -> Scale:
    """From the earliest bin of readings to the end of the last one."""
    return _scale((trial.timeline.sampled_s, trial.timeline.bin_s) for trial in trials)


def _scale(bins: Iterable[tuple[Sequence[float], float]]) -> Scale:
    known = [(starts, bin_s) for starts, bin_s in bins if starts]
    least = min((starts[0] for starts, _ in known), default=0.0)
    shown = min((start for starts, _ in known for start in starts if start >= 0), default=least)  # what was measured
    high = max((starts[-1] + bin_s for starts, bin_s in known), default=1.0)
    return span(shown, high, least=least if least < shown else None)


def phases_of_requests(trials: Sequence[TrialSummary]) -> tuple[Stretch, ...]:
    """The phases that the bins of requests of these trials reach into."""
    return _phases(trials, time_scale(trials))


def phases_of_readings(trial: TrialSummary) -> tuple[Stretch, ...]:
    """The phases that the bins of readings of one trial reach into."""
    return _phases([trial], sampled_scale([trial]))


def _phases(trials: Sequence[TrialSummary], x: Scale) -> tuple[Stretch, ...]:
    """Each phase from its earliest start in any of the trials to the next one; what fills no half bin is left out.

    The first one begins with its bin. The cool-down begins where the last measure phase has ended.
    """
    least_s = max((trial.timeline.bin_s for trial in trials), default=1.0) / 2
    first = x.low if x.least is None else x.least
    starts: dict[Phase, float] = {}
    for phase in Phase:
        known = [own for trial in trials if (own := _start_s(trial, phase)) is not None]
        if known:
            starts[phase] = max(known) if phase is Phase.COOLDOWN else min(known)
    ends = [*list(starts.values())[1:], max(map(_end_s, trials), default=0.0)]
    return tuple(
        Stretch(
            name=PHASE_NAMES[phase],
            low=first if start - first < least_s else start,
            high=min(end, x.high),
            measured=phase is Phase.MEASURE,
        )
        for (phase, start), end in zip(starts.items(), ends, strict=False)
        if min(end, x.high) - max(start, first) >= least_s
    )


def _start_s(trial: TrialSummary, phase: Phase) -> float | None:
    """Relative to the measure phase; None of a phase that the trial does not have."""
    window = trial.record.phases.get(phase)
    return None if window is None else window.start_s - trial.record.measure.start_s


def _end_s(trial: TrialSummary) -> float:
    return max(window.end_s for window in trial.record.phases.values()) - trial.record.measure.start_s


def middles(trial: TrialSummary) -> list[float]:
    """The middle of every bin of a trial's requests."""
    return [start_s + trial.timeline.bin_s / 2 for start_s in trial.timeline.start_s]


def sampled_middles(trial: TrialSummary) -> list[float]:
    """The middle of every bin of a trial's readings."""
    return [start_s + trial.timeline.bin_s / 2 for start_s in trial.timeline.sampled_s]


def thinning(trials: Sequence[TrialSummary], kept: str) -> str:
    """Tell what a point stands for, and what is kept of the readings behind it."""
    lengths = bin_lengths(trials)
    return f"Each point is a bin of {lengths}: {kept}." if lengths else ""


def bin_lengths(trials: Sequence[TrialSummary]) -> str:
    """The lengths of the trials' bins in words; empty without trials."""
    bins = sorted({trial.timeline.bin_s for trial in trials})
    return f"{' or '.join(f'{bin_s:g}' for bin_s in bins)} s" if bins else ""


def thinned(trials: Sequence[TrialSummary]) -> bool:
    """Tell whether some bins hold more than a second, so that they show extremes beside their mean."""
    return any(trial.timeline.bin_s > 1 for trial in trials)


def in_unit(track: Track, unit: float) -> Track:
    """The values of every bin in ``unit``, that is divided by it."""
    return tuple(None if value is None else value / unit for value in track)
