"""The trials over time: throughput, failures and latency of every block, CPU and memory of every process."""

from collections.abc import Callable, Iterator, Sequence

from lab.analysis.arms import ArmSummary, ArmTimeline
from lab.analysis.summary import RunSummary
from lab.analysis.trial.timeline import TIMELINE_QUANTILES, Timeline, middle_bin, mostly_known
from lab.analysis.trial.tracks import Extremes, Track
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import PRINT_BEYOND
from lab.report.charts.curves import Curves, Plot, Series
from lab.report.charts.scales import linear
from lab.report.charts.svg import Key, fill_key, stroke_key
from lab.report.content import Figure, Section, section
from lab.report.parts.time_axis import (
    TIME_TITLE,
    bin_lengths,
    in_unit,
    middles,
    phases_of_requests,
    thinned,
    thinning,
    time_scale,
)
from lab.report.parts.values import arm_names, told_by_arm
from lab.report.sections.names import event_table
from lab.report.sections.time_processes import process_figures
from lab.units import format_count, format_seconds

MS = 1e-3
SECONDS_SHADED = "smallest to largest second"


def time_section(summary: RunSummary) -> Section:
    """Throughput, failures and latency of every trial; CPU and memory of the processes in one block."""
    figures = (throughput_figure(summary), failure_figure(summary), *latency_figures(summary))
    told = (event_figure(summary), event_table(summary))
    return section("time", "Over time", *figures, *told, *process_figures(summary), short="Time")


def throughput_figure(summary: RunSummary) -> Figure | None:
    """Successful requests a second."""
    series = _series(summary, lambda line: line.throughput, lambda line: line.throughput_extremes)
    rates = told_by_arm(summary, "throughput")
    medians = f"; of the measure phase, blocks' medians: {rates}" if rates else ""
    sentence = f"Successful requests by the second in which they ended{medians}."
    return _figure(summary, "throughput", "Throughput", sentence, series, "requests a second")


def failure_figure(summary: RunSummary) -> Figure | None:
    """Failed requests a second; None when there were none."""
    series = _series(summary, lambda line: line.failures, lambda line: line.failure_extremes)
    if not any(any(own.ys) for own in series):
        return None
    counts = [f"{arm.name} {sum(trial.counts.failures for trial in summary.of_arm(arm.name))}" for arm in summary.arms]
    sentence = f"Failed requests and dropped arrivals; in the measure phases of all blocks: {', '.join(counts)}."
    return _figure(summary, "failures", "Failures", sentence, series, "failures a second")


def event_figure(summary: RunSummary) -> Figure | None:
    """Events of the locustfile a second; None when there were none."""
    series = _series(summary, lambda line: line.events)
    counts = [f"{arm.name} {sum(line.events for line in arm.events)}" for arm in summary.arms]
    sentence = f"Events that the locustfile fired itself; in the measure phases of all blocks: {', '.join(counts)}."
    return _figure(summary, "events", "Events of the locustfile", sentence, series, "events a second")


def latency_figures(summary: RunSummary) -> Iterator[Figure | None]:
    """The median, the highest quantile that most bins have enough requests for, and the slowest request.

    Where that is not the highest of all, its caption says what was missing; without any, that of the slowest does.
    """
    lines = [trial.timeline for trial in summary.trials]
    tails = [quantile for quantile in TIMELINE_QUANTILES[1:] if mostly_known(lines, quantile)]
    missing = "" if TIMELINE_QUANTILES[-1] in tails else f" {_too_few(summary.trials)}"
    for quantile in (TIMELINE_QUANTILES[0], *tails[-1:]):
        name = f"p{100 * quantile:g}"
        sentence = f"{name} of the requests scheduled in each bin with at least {PRINT_BEYOND} beyond it; "
        note = missing if quantile in tails else ""
        yield _latency_figure(summary, name, f"{name} over time", sentence, _quantile_of(quantile), note)
    sentence, note = "The slowest request of each bin; ", "" if tails else missing
    yield _latency_figure(summary, "slowest", "Slowest request", sentence, lambda line: line.slowest, note)


def _too_few(trials: Sequence[TrialSummary]) -> str:
    """Tell why the highest quantile is not drawn: what it takes in each bin, and what there is."""
    highest = TIMELINE_QUANTILES[-1]
    middle = middle_bin(trial.timeline for trial in trials)
    needed = format_count(round(PRINT_BEYOND / (1 - highest)))
    found = "none" if middle is None else format_count(middle)
    return f"p{100 * highest:g} needs {needed} requests in a bin of {bin_lengths(trials)}; the median bin has {found}."


def _quantile_of(quantile: float) -> Callable[[Timeline | ArmTimeline], Track]:
    return lambda line: line.quantiles.get(quantile, ())


def _latency_figure(
    summary: RunSummary,
    name: str,
    title: str,
    sentence: str,
    track_of: Callable[[Timeline | ArmTimeline], Track],
    note: str = "",
) -> Figure | None:
    series = _series(summary, lambda line: in_unit(track_of(line), MS))
    low = time_scale(summary.trials).low
    shown = [(own.arm, y or 0.0) for own in series for y in _within(own.xs, own.ys, low)]
    peaks = [
        f"{arm.name} {format_seconds(highest * MS)}"
        for place, arm in enumerate(summary.arms)
        if (highest := max((y for own, y in shown if own == place), default=0.0))
    ]
    said = f"{sentence}highest point of any block: {', '.join(peaks) or 'none'}.{note}"
    return _figure(summary, f"time-{name}", title, said, series, f"{name} (ms)")


def _series(
    summary: RunSummary,
    track_of: Callable[[Timeline | ArmTimeline], Track],
    extremes_of: Callable[[Timeline], Extremes | None] = lambda _: None,
) -> list[Series]:
    """Every block faint, and the median over the blocks strong."""
    places = {name: place for place, name in enumerate(arm_names(summary))}
    series = [
        _block(places[trial.record.arm], trial, track_of(trial.timeline), extremes_of(trial.timeline))
        for trial in summary.trials
        if track_of(trial.timeline)
    ]
    return [*series, *(_median(place, arm, track_of) for place, arm in enumerate(summary.arms) if arm.trials)]


def _block(place: int, trial: TrialSummary, track: Track, extremes: Extremes | None) -> Series:
    return Series(
        arm=place,
        name=f"{trial.record.arm}, block {trial.record.block}",
        xs=middles(trial),
        ys=track,
        faint=True,
        low=extremes.low if extremes else (),
        high=extremes.high if extremes else (),
        opacity=0.1,
    )


def _median(place: int, arm: ArmSummary, track_of: Callable[[Timeline | ArmTimeline], Track]) -> Series:
    half = arm.timeline.bin_s / 2
    xs = [start_s + half for start_s in arm.timeline.start_s]
    return Series(arm=place, name=f"{arm.name}, median of the blocks", xs=xs, ys=track_of(arm.timeline))


def _figure(
    summary: RunSummary, key: str, title: str, sentence: str, series: list[Series], y_title: str
) -> Figure | None:
    x = time_scale(summary.trials)
    values = [value for own in series for track in (own.ys, own.high) for value in _within(own.xs, track, x.low)]
    if not any(value is not None for value in values):
        return None
    bands = any(own.high for own in series)
    kept = "the mean of its seconds, with the smallest and the largest shaded" if bands else "all that ended in it"
    kept = "every request that began in it counts" if key.startswith("time-") else kept
    return Figure(
        key=key,
        title=title,
        sentence=f"{sentence} {thinning(summary.trials, kept)}",
        chart=Curves(
            title=title,
            arms=tuple(arm_names(summary)),
            plots=(Plot(series=tuple(series), phases=phases_of_requests(summary.trials)),),
            x=x,
            y=linear(values, zero=True),
            x_title=TIME_TITLE,
            y_title=y_title,
            keys=_keys(shaded=bands and thinned(summary.trials)),
        ),
    )


def _within(xs: Sequence[float], track: Sequence[float | None], low: float) -> list[float | None]:
    """The values that are drawn at first: a slow first second of the warm-up would press all others to the ground."""
    return [value for x, value in zip(xs, track, strict=False) if x >= low]


def _keys(*, shaded: bool) -> tuple[Key, ...]:
    lines = (stroke_key("median of the blocks"), stroke_key("one block", width=1, opacity=0.4))
    return (*lines, *((fill_key(SECONDS_SHADED, 0.2),) if shaded else ()))
