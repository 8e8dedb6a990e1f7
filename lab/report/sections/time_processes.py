"""CPU and memory of every process over time, in one block, a panel for each arm."""

from collections.abc import Callable, Iterator, Sequence

from lab.analysis.summary import RunSummary
from lab.analysis.trial.ledger import busiest_cores, largest_pss_bytes
from lab.analysis.trial.timeline import ProcessTrack
from lab.analysis.trial.tracks import Track
from lab.analysis.trial.trial import TrialSummary
from lab.plan.kinds import Role
from lab.report.charts.curves import Curves, Plot, Series, columns_for
from lab.report.charts.scales import linear
from lab.report.charts.svg import DASHES, Key, fill_key, stroke_key
from lab.report.content import Figure
from lab.report.parts.process_names import name_of, process_names
from lab.report.parts.time_axis import (
    TIME_TITLE,
    in_unit,
    phases_of_readings,
    sampled_middles,
    sampled_scale,
    shown_block,
    shown_trials,
    thinned,
    thinning,
)
from lab.report.parts.values import arm_names
from lab.units import MIB, format_bytes, format_ratio

MAX_TRACKS = 40  # processes of one arm in a figure; the ledger has them all
PERCENT = 0.01
DASHED = (
    *(Role.WORKER, Role.PROXY, Role.SUPERVISOR, Role.HELPER),  # solid first
    *(Role.INIT, Role.SIDECAR, Role.PLATFORM),
)
NOTHING: tuple[Track, Track] = ((), ())

Tracks = Callable[[ProcessTrack], tuple[Track, Track, Track]]  # the line, and the extremes around it


def process_figures(summary: RunSummary) -> Iterator[Figure]:
    """CPU and PSS of the processes of the first block that counts."""
    trials = shown_trials(summary)
    busiest = _told(trials, lambda trial: busiest_cores(trial.ledger, trial.record.measure), format_ratio)
    largest = _told(trials, lambda trial: largest_pss_bytes(trial.ledger), format_bytes)
    cpu = f"busiest process, mean of the measure phase: {busiest}"
    memory = f"largest process at its peak in the measure phase: {largest}"
    around = ", its extremes shaded" if thinned(trials) else ""
    cpu += f". {thinning(trials, f'the mean{around}')}"
    memory += f". {thinning(trials, f'the largest reading{around}')}"
    yield from _figure(summary, trials, "process-cpu", "CPU by process", cpu, _cpu, "CPU (% of a core)")
    yield from _figure(summary, trials, "process-memory", "Memory by process", memory, _memory, "PSS (MiB)")


def _told(
    trials: Sequence[TrialSummary], value_of: Callable[[TrialSummary], float | None], text: Callable[[float], str]
) -> str:
    """The value of every trial that has one, by arm."""
    known = [(trial.record.arm, value) for trial in trials if (value := value_of(trial)) is not None]
    return ", ".join(f"{arm} {text(value)}" for arm, value in known) or "not known"


def _cpu(process: ProcessTrack) -> tuple[Track, Track, Track]:
    around = process.cpu_extremes
    low, high = (around.low, around.high) if around else NOTHING
    return in_unit(process.cpu_cores, PERCENT), in_unit(low, PERCENT), in_unit(high, PERCENT)


def _memory(process: ProcessTrack) -> tuple[Track, Track, Track]:
    high = in_unit(process.pss_bytes, MIB)
    return high, in_unit(process.pss_low_bytes, MIB), high


def _figure(
    summary: RunSummary, trials: Sequence[TrialSummary], key: str, title: str, said: str, tracks_of: Tracks, unit: str
) -> Iterator[Figure]:
    plots = [plot for trial in trials if (plot := _plot(summary, trial, tracks_of)).series]
    if not plots:
        return
    values = [value for plot in plots for own in plot.series for track in (own.ys, own.high) for value in track]
    cut = any(len(trial.timeline.processes) > MAX_TRACKS for trial in trials)
    yield Figure(
        key=key,
        title=title,
        sentence=f"Every line is one process of {shown_block(summary)}; {said}"
        + (f" Of each arm the {MAX_TRACKS} largest are drawn." if cut else ""),
        chart=Curves(
            title=title,
            arms=(),
            plots=tuple(plots),
            x=sampled_scale(trials),
            y=linear(values, zero=True),
            x_title=TIME_TITLE,
            y_title=unit,
            keys=tuple(_keys(trials)),
            columns=columns_for(len(plots)),
            height=180,
        ),
    )


def _keys(trials: Sequence[TrialSummary]) -> Iterator[Key]:
    seen = {process.role for trial in trials for process in trial.timeline.processes}
    for place, role in enumerate(DASHED):
        if role in seen:
            yield stroke_key(role.value, DASHES[place])
    if thinned(trials):
        yield fill_key("smallest to largest reading", 0.15)


def _plot(summary: RunSummary, trial: TrialSummary, tracks_of: Tracks) -> Plot:
    arm = arm_names(summary).index(trial.record.arm)
    largest = sorted(trial.timeline.processes, key=_peak, reverse=True)[:MAX_TRACKS]
    names = process_names(trial.timeline.processes)
    series = [
        _line(
            arm, trial, process, f"{name_of(process, names)} ({process.service}, pid {process.pid})", tracks_of(process)
        )
        for process in largest
    ]
    return Plot(
        series=tuple(own for own in series if any(value is not None for value in own.ys)),
        heading=trial.record.arm,
        arm=arm,
        phases=phases_of_readings(trial),
    )


def _line(
    arm: int, trial: TrialSummary, process: ProcessTrack, name: str, tracks: tuple[Track, Track, Track]
) -> Series:
    middle, low, high = tracks
    return Series(
        arm=arm,
        name=name,
        xs=sampled_middles(trial),
        ys=middle,
        low=low,
        high=high,
        dash=DASHED.index(process.role),
    )


def _peak(process: ProcessTrack) -> float:
    return max((value for value in process.pss_bytes if value is not None), default=0.0)
