"""How the trials went over time, and whether the machine drifted from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lab.analysis.eligibility import PRINT_BEYOND
from lab.analysis.metrics import METRICS
from lab.analysis.summary import RunSummary
from lab.analysis.timeline import TIMELINE_QUANTILES, ProcessTrack, Track
from lab.analysis.trial import TrialSummary
from lab.report.cells import axis
from lab.report.charts.lines import order_chart, process_chart, time_chart
from lab.report.content import Figure, Section
from lab.report.points import arm_names, short, shorten
from lab.topology import Role
from lab.units import MIB

MAX_TRACKS = 40  # processes of one arm in a figure; the ledger has them all
MS = 1e-3
DASHED = (Role.WORKER, Role.PROXY, Role.SUPERVISOR, Role.HELPER, Role.PLATFORM)  # solid first


def time_section(summary: RunSummary) -> Section:
    """Throughput, failures and latency of every trial; CPU and memory of the processes in one block."""
    figures = (
        throughput_figure(summary),
        failure_figure(summary),
        *latency_figures(summary),
        *process_figures(summary),
    )
    return Section(
        key="time", title="Over time", sentences=_thinning(summary), parts=tuple(figure for figure in figures if figure)
    )


def _thinning(summary: RunSummary) -> tuple[str, ...]:
    bins = sorted({trial.timeline.bin_s for trial in summary.trials})
    if not bins:
        return ()
    return (
        f"Each point is a bin of {' or '.join(f'{bin_s:g}' for bin_s in bins)} s; the measure phase begins at 0, "
        "what is left of it is the warm-up.",
    )


def throughput_figure(summary: RunSummary) -> Figure | None:
    """Successful requests a second."""
    rows = list(_track_rows(summary, {t.record.trial_id: t.timeline.throughput for t in summary.trials}))
    return _time_figure(
        summary,
        "throughput",
        "Throughput",
        "Successful requests by the second in which they ended.",
        rows,
        "requests a second",
    )


def failure_figure(summary: RunSummary) -> Figure | None:
    """Failed requests a second; None when there were none."""
    rows = list(_track_rows(summary, {t.record.trial_id: t.timeline.failures for t in summary.trials}))
    if not any(any(row["value"]) for row in rows):
        return None
    return _time_figure(
        summary, "failures", "Failures", "Failed requests and dropped arrivals.", rows, "failures a second"
    )


def latency_figures(summary: RunSummary) -> Iterator[Figure | None]:
    """The median, and the highest quantile that most bins have enough requests for."""
    tails = [quantile for quantile in TIMELINE_QUANTILES[1:] if _mostly_known(summary.trials, quantile)]
    for quantile in (TIMELINE_QUANTILES[0], *tails[-1:]):
        tracks = {t.record.trial_id: _in(t.timeline.quantiles[quantile], MS) for t in summary.trials}
        name = f"p{100 * quantile:g}"
        sentence = f"{name} of the requests scheduled in each bin that has at least {PRINT_BEYOND} beyond it."
        yield _time_figure(
            summary, f"time-{name}", f"{name} over time", sentence, list(_track_rows(summary, tracks)), f"{name} (ms)"
        )


def _mostly_known(trials: Sequence[TrialSummary], quantile: float) -> bool:
    values = [value for trial in trials for value in trial.timeline.quantiles[quantile]]
    return sum(value is not None for value in values) > len(values) / 2


def _time_figure(
    summary: RunSummary, key: str, title: str, sentence: str, rows: list[dict[str, Any]], unit: str
) -> Figure | None:
    if not rows:
        return None
    return Figure(key=key, title=title, sentence=sentence, spec=time_chart(rows, arm_names(summary), unit))


def _track_rows(summary: RunSummary, tracks: Mapping[str, Track]) -> Iterator[dict[str, Any]]:
    for trial in summary.trials:
        series = _series(trial, tracks[trial.record.trial_id])
        yield {"arm": trial.record.arm, "block": trial.record.block, **series}


def _series(trial: TrialSummary, track: Track) -> dict[str, list[float | None]]:
    return {"s": shorten(trial.timeline.start_s), "value": shorten(track)}


def process_figures(summary: RunSummary) -> Iterator[Figure | None]:
    """CPU and PSS of every process in the first block that counts."""
    block = next(iter(summary.decision.used or summary.blocks), None)
    shown = [trial for trial in summary.trials if trial.record.block == block]
    cut = any(len(trial.timeline.processes) > MAX_TRACKS for trial in shown)
    limit = f" Of each arm the {MAX_TRACKS} largest are drawn." if cut else ""
    for key, title, track_of, unit in (
        ("process-cpu", "CPU by process", lambda process: _in(process.cpu_cores, 0.01), "CPU (% of a core)"),
        ("process-memory", "Memory by process", lambda process: _in(process.pss_bytes, MIB), "PSS (MiB)"),
    ):
        rows = [row for trial in shown for row in _process_rows(trial, track_of)]
        if rows:
            roles = [role.value for role in DASHED if any(row["role"] == role.value for row in rows)]
            yield Figure(
                key=key,
                title=title,
                sentence=f"Every line is one process of block {block}.{limit}",
                spec=process_chart(rows, arm_names(summary), roles, unit),
            )


def _process_rows(trial: TrialSummary, track_of: Callable[[ProcessTrack], Track]) -> Iterator[dict[str, Any]]:
    for process in sorted(trial.timeline.processes, key=_largest, reverse=True)[:MAX_TRACKS]:
        track = track_of(process)
        if any(value is not None for value in track):
            name = f"{process.role} {process.service}/{process.ordinal}, pid {process.pid}"
            yield {"arm": trial.record.arm, "process": name, "role": process.role.value, **_series(trial, track)}


def _largest(track: ProcessTrack) -> float:
    return max((value for value in track.pss_bytes if value is not None), default=0.0)


def order_section(summary: RunSummary, order: Sequence[str]) -> Section:
    """Every primary metric in the order in which the trials ran: drift of the machine shows here."""
    rows: list[dict[str, Any]] = []
    titles: list[str] = []
    for key in dict.fromkeys(summary.scenario.compare.primary):
        metric = METRICS[key]
        values = {trial.record.trial_id: trial.values[key] for trial in summary.trials}
        divisor, unit = axis(metric.unit, values.values())
        title = f"{key} ({unit})" if unit else key
        titles.append(title)
        rows += [
            {
                "title": title,
                "arm": trial.record.arm,
                "trial": trial.record.trial_id,
                "place": order.index(trial.record.trial_id) + 1,
                "value": short(value / divisor),
            }
            for trial in summary.trials
            if (value := values[trial.record.trial_id]) is not None
        ]
    if not rows:
        return Section(key="order", title="Was the machine quiet?")
    sentence = "A trend from left to right that all arms share is the machine's, not an arm's."
    figure = Figure(
        key="order",
        title="In the order of the run",
        sentence=sentence,
        spec=order_chart(rows, arm_names(summary), titles),
    )
    return Section(key="order", title="Was the machine quiet?", parts=(figure,))


def _in(track: Track, unit: float) -> Track:
    return tuple(None if value is None else value / unit for value in track)
