"""How one trial went over time: throughput, failures, latency, and CPU and memory of every process, in equal bins."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.counters import complete_sum, counter_at, numbers, rows_of
from lab.analysis.trial.latency import with_ok
from lab.analysis.trial.ledger import PROCESS, ProcessLine
from lab.analysis.trial.tracks import (
    Extremes,
    ShareTrack,
    Track,
    bin_of,
    extremes,
    known_instants,
    rate_extremes,
    role_tracks,
    second_extremes,
    share_tracks,
    track,
)
from lab.metric_types import PRINT_BEYOND
from lab.plan.kinds import Role
from lab.record.types import Phase, TrialRecord, TrialTables

Floats = npt.NDArray[np.float64]

MAX_BINS = 120
BIN_LENGTHS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
TIMED = ("kind", "error", "t_scheduled_s", "t_sent_s", "t_done_s", "served_by")  # the columns that are needed here
TIMELINE_QUANTILES = (0.50, 0.90, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTrack:
    """One process over time, in the bins of ``Timeline.sampled_s``: ``pss_bytes`` is the largest value of each.

    ``cpu_cores`` is the mean over the part of the bin in which it was watched, None where that is less than half.

    ``pss_low_bytes`` is the smallest reading; ``cpu_extremes`` are those of the rate between neighbouring readings,
    None where bins are a second.
    """

    role: Role
    service: str
    ordinal: int
    pid: int
    cpu_cores: Track
    pss_bytes: Track
    pss_low_bytes: Track = ()
    cpu_extremes: Extremes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Bins of ``bin_s`` seconds; ``start_s`` are their starts relative to the start of the measure phase.

    ``throughput`` and ``failures`` are per second, by the instant of completion; ``quantiles`` are response times by
    scheduled instant, None in bins with too few observations and where they lie among failures; ``slowest`` is the
    largest of those that succeeded. Longer bins keep the extremes of their seconds: ``throughput_extremes``,
    ``failure_extremes``, None where bins are a second.
    ``events`` are the locustfile's own a second, when they were fired; empty where there were none.
    ``timed`` is of how many requests the quantiles of each bin are; ``shares`` the part of each serving process.
    ``sampled_s`` are the starts of the bins of ``processes`` and of ``memory``, summed PSS by role: as long as the
    others, but they reach as far as the readings do, from idle to cool-down.
    """

    bin_s: float
    start_s: tuple[float, ...]
    throughput: Track
    failures: Track
    quantiles: Mapping[float, Track]
    processes: tuple[ProcessTrack, ...]
    slowest: Track = ()
    timed: tuple[int, ...] = ()
    sampled_s: tuple[float, ...] = ()
    throughput_extremes: Extremes | None = None
    failure_extremes: Extremes | None = None
    memory: Mapping[Role, Track] = field(default_factory=dict)
    shares: tuple[ShareTrack, ...] = ()
    events: Track = ()


class _Readings(NamedTuple):
    """Columns of the process table."""

    t_s: Floats
    cpu_s: Floats
    pss_bytes: Floats


def timeline(record: TrialRecord, tables: TrialTables, ledger: tuple[ProcessLine, ...]) -> Timeline:
    """Requests in the whole bins from warm-up to the end of measure; the processes of ``ledger`` as far as read."""
    zero_s = record.measure.start_s
    warmup = record.phases.get(Phase.WARMUP, record.measure)
    span_s = record.measure.end_s - warmup.start_s
    bin_s = next((length for length in BIN_LENGTHS_S if span_s / length <= MAX_BINS), BIN_LENGTHS_S[-1])
    edges: Floats = bin_s * np.arange(
        -_whole(zero_s - warmup.start_s, bin_s), _whole(record.measure.length_s, bin_s) + 1, dtype=np.float64
    )
    rows = with_ok(tables.requests.select(TIMED))
    ended = pl.coalesce("t_done_s", "t_sent_s", "t_scheduled_s") - zero_s
    done = rows.filter("ok")
    ends_s, failures_s = (
        chosen.select(ended).to_series().drop_nulls().to_numpy() for chosen in (done, rows.filter(~pl.col("ok")))
    )
    quantiles, slowest, timed = _quantiles(rows, zero_s, edges, open_model=record.load.open_model)
    sampled = sampled_edges(tables.processes["t_s"].to_numpy() - zero_s, edges)
    return Timeline(
        bin_s=bin_s,
        start_s=tuple(edges[:-1].tolist()),
        throughput=_per_second(ends_s, edges),
        failures=_per_second(failures_s, edges),
        quantiles=quantiles,
        processes=_tracks(tables.processes, ledger, zero_s, sampled),
        slowest=slowest,
        timed=timed,
        sampled_s=tuple(sampled[:-1].tolist()),
        throughput_extremes=second_extremes(ends_s, edges),
        failure_extremes=second_extremes(failures_s, edges),
        memory=role_tracks(tables.processes, zero_s, sampled),
        shares=share_tracks(done, zero_s, edges),
        events=_per_second(fired_s, edges) if len(fired_s := tables.user_events["t_s"].to_numpy() - zero_s) else (),
    )


def memory_growth_bytes(line: Timeline, length_s: float) -> float | None:
    """Growth of the arm's PSS from the first to the last bin of a measure phase of ``length_s``; None when not read."""
    sums = [
        total
        for start_s, *parts in zip(line.sampled_s, *line.memory.values(), strict=True)
        if 0 <= start_s < length_s and (total := complete_sum(parts)) is not None
    ]
    return sums[-1] - sums[0] if sums else None


def middle_bin(lines: Iterable[Timeline]) -> float | None:
    """The median number of requests behind the quantiles of a bin; None without bins."""
    timed = [count for line in lines for count in line.timed]
    return float(median(timed)) if timed else None


def mostly_known(lines: Iterable[Timeline], quantile: float) -> bool:
    """True when more than half of the bins have enough requests for the quantile."""
    values = [value for line in lines for value in line.quantiles[quantile]]
    return sum(value is not None for value in values) > len(values) / 2


def sampled_edges(instants_s: Floats, edges: Floats) -> Floats:
    """The edges of requests, continued on both sides over bins of which readings cover more than half.

    At most ``MAX_BINS`` more on either side: somebody may let an arm idle for hours.
    """
    if not len(instants_s) or len(edges) < 2:
        return edges
    bin_s = float(edges[1] - edges[0])
    before = _more((float(edges[0]) - float(instants_s.min())) / bin_s)
    after = _more((float(instants_s.max()) - float(edges[-1])) / bin_s)
    continued: Floats = edges[0] + bin_s * np.arange(-before, len(edges) + after, dtype=np.float64)
    return continued


def _more(bins: float) -> int:
    return min(MAX_BINS, max(0, math.ceil(bins - 0.5)))


def _whole(length_s: float, bin_s: float) -> int:
    return int(length_s / bin_s + 0.01)  # phases end some milliseconds early or late


def _per_second(instants_s: Floats, edges: Floats) -> Track:
    counts, _ = np.histogram(instants_s, edges)
    return tuple((counts / np.diff(edges)).tolist())


def _quantiles(
    rows: pl.DataFrame, zero_s: float, edges: Floats, *, open_model: bool
) -> tuple[Mapping[float, Track], Track, tuple[int, ...]]:
    """Exact quantiles of each bin, its slowest request, and of how many requests they are.

    A request that failed is slower than all others: None where a quantile lies among those.
    """
    begun = pl.col("t_scheduled_s" if open_model else "t_sent_s")
    taken = pl.when("ok").then(pl.col("t_done_s") - begun).otherwise(math.inf)
    times = rows.filter(begun.is_not_null()).select(begun, taken.alias("taken_s")).to_numpy()
    bins = bin_of(times[:, 0] - zero_s, edges)
    taken_s = times[:, 1]
    order = np.argsort(bins.astype(np.int16), kind="stable")  # few bins: NumPy takes a radix sort for 16 bits
    bins, taken_s = bins[order], taken_s[order]
    places = np.arange(len(edges) - 1)
    first, after = np.searchsorted(bins, places), np.searchsorted(bins, places, side="right")
    for start, end in zip(first, after, strict=True):
        taken_s[start:end].sort()
    counts = after - first
    tracks: dict[float, Track] = {}
    for quantile in TIMELINE_QUANTILES:
        rank = np.ceil(np.round(quantile * counts, 6)).astype(int) - 1
        shown = counts - 1 - rank >= PRINT_BEYOND
        values = taken_s[np.where(shown, first + rank, 0)] if len(taken_s) else np.zeros(len(places))
        tracks[quantile] = track(np.where(shown & np.isfinite(values), values, np.nan))
    answered = np.isfinite(taken_s)
    return tracks, extremes(bins[answered], taken_s[answered], len(places)).high, tuple(counts.tolist())


def _tracks(
    processes: pl.DataFrame, ledger: tuple[ProcessLine, ...], zero_s: float, edges: Floats
) -> tuple[ProcessTrack, ...]:
    rows = rows_of(processes, PROCESS)
    columns = _Readings(*(numbers(processes[name]) for name in _Readings._fields))

    def own(line: ProcessLine) -> _Readings:
        return _Readings(*(column[rows[line.node, line.pid, line.started_s]] for column in columns))

    return tuple(_process_track(line, own(line), zero_s, edges) for line in ledger)


def _process_track(line: ProcessLine, readings: _Readings, zero_s: float, edges: Floats) -> ProcessTrack:
    t_s, pss_bytes = readings.t_s - zero_s, readings.pss_bytes
    cpu_s = counter_at(edges, t_s, readings.cpu_s)
    watched_s = np.diff(np.clip(edges, t_s[0], t_s[-1]))
    enough = watched_s >= np.diff(edges) / 2
    read = ~np.isnan(pss_bytes)
    instants = known_instants(t_s[read], edges)
    values = np.interp(instants, t_s[read], pss_bytes[read]) if len(instants) else instants
    pss = extremes(bin_of(instants, edges), values, len(enough))
    return ProcessTrack(
        role=line.role,
        service=line.service,
        ordinal=line.ordinal,
        pid=line.pid,
        cpu_cores=track(np.divide(np.diff(cpu_s), watched_s, where=enough, out=np.full(len(enough), np.nan))),
        pss_bytes=pss.high,
        pss_low_bytes=pss.low,
        cpu_extremes=rate_extremes(t_s, readings.cpu_s, edges),
    )
