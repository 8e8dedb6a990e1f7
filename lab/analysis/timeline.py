"""How one trial went over time: throughput, failures, latency, and CPU and memory of every process, in equal bins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.counters import counter_at
from lab.analysis.eligibility import PRINT_BEYOND
from lab.analysis.latency import MEASURED_KINDS
from lab.analysis.ledger import PROCESS, ProcessLine
from lab.records import Phase, RequestKind, TrialRecord, TrialTables
from lab.topology import Role

Floats = npt.NDArray[np.float64]
Track = tuple[float | None, ...]

MAX_BINS = 120
BIN_LENGTHS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
TIMELINE_QUANTILES = (0.50, 0.90, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTrack:
    """One process over time: ``cpu_cores`` is the mean of each bin, ``pss_bytes`` its largest reading."""

    role: Role
    service: str
    ordinal: int
    pid: int
    cpu_cores: Track
    pss_bytes: Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Bins of ``bin_s`` seconds; ``start_s`` are their starts relative to the start of the measure phase.

    ``throughput`` and ``failures`` are per second, by the instant of completion; ``quantiles`` are response times by
    scheduled instant, None in bins with too few observations.
    """

    bin_s: float
    start_s: tuple[float, ...]
    throughput: Track
    failures: Track
    quantiles: Mapping[float, Track]
    processes: tuple[ProcessTrack, ...]


def timeline(record: TrialRecord, tables: TrialTables, ledger: tuple[ProcessLine, ...]) -> Timeline:
    """The whole bins from the start of warm-up to the end of measure; processes are those of ``ledger``."""
    zero_s = record.measure.start_s
    warmup = record.phases.get(Phase.WARMUP, record.measure)
    span_s = record.measure.end_s - warmup.start_s
    bin_s = next((length for length in BIN_LENGTHS_S if span_s / length <= MAX_BINS), BIN_LENGTHS_S[-1])
    edges: Floats = bin_s * np.arange(
        -_whole(zero_s - warmup.start_s, bin_s), _whole(record.measure.length_s, bin_s) + 1, dtype=np.float64
    )
    rows = tables.requests.filter(pl.col("kind").is_in([kind.value for kind in MEASURED_KINDS]))
    ok = pl.col("error").is_null() & pl.col("t_done_s").is_not_null() & (pl.col("kind") != RequestKind.DROP)
    ended = pl.coalesce("t_done_s", "t_sent_s", "t_scheduled_s") - zero_s
    return Timeline(
        bin_s=bin_s,
        start_s=tuple(edges[:-1].tolist()),
        throughput=_per_second(rows.filter(ok).select(ended).to_series(), edges),
        failures=_per_second(rows.filter(~ok).select(ended).to_series(), edges),
        quantiles=_quantiles(rows.filter(ok), zero_s, edges, open_model=record.load.open_model),
        processes=_tracks(tables.processes, ledger, zero_s, edges),
    )


def _whole(length_s: float, bin_s: float) -> int:
    return int(length_s / bin_s + 0.01)  # phases end some milliseconds early or late


def _per_second(instants_s: pl.Series, edges: Floats) -> Track:
    counts, _ = np.histogram(instants_s.drop_nulls().to_numpy(), edges)
    return tuple((counts / np.diff(edges)).tolist())


def _quantiles(done: pl.DataFrame, zero_s: float, edges: Floats, *, open_model: bool) -> Mapping[float, Track]:
    begun = "t_scheduled_s" if open_model else "t_sent_s"
    times = done.select(begun, "t_done_s").drop_nulls().to_numpy()
    bins = np.searchsorted(edges, times[:, 0] - zero_s, side="right") - 1
    taken_s = times[:, 1] - times[:, 0]
    order = np.lexsort((taken_s, bins))
    bins, taken_s = bins[order], taken_s[order]
    places = np.arange(len(edges) - 1)
    first, after = np.searchsorted(bins, places), np.searchsorted(bins, places, side="right")
    counts = after - first
    tracks: dict[float, Track] = {}
    for quantile in TIMELINE_QUANTILES:
        rank = np.ceil(np.round(quantile * counts, 6)).astype(int) - 1
        shown = counts - 1 - rank >= PRINT_BEYOND
        values = taken_s[np.where(shown, first + rank, 0)] if len(taken_s) else np.zeros(len(places))
        tracks[quantile] = _track(np.where(shown, values, np.nan))
    return tracks


def _tracks(
    processes: pl.DataFrame, ledger: tuple[ProcessLine, ...], zero_s: float, edges: Floats
) -> tuple[ProcessTrack, ...]:
    readings = processes.sort("t_s").partition_by(PROCESS, as_dict=True, maintain_order=True)
    return tuple(_process_track(line, readings[line.pid, line.started_s], zero_s, edges) for line in ledger)


def _process_track(line: ProcessLine, readings: pl.DataFrame, zero_s: float, edges: Floats) -> ProcessTrack:
    t_s = readings["t_s"].to_numpy() - zero_s
    cpu_s = counter_at(edges, t_s, readings["cpu_s"].to_numpy())
    alive = (edges[1:] > t_s[0]) & (edges[:-1] <= t_s[-1])
    return ProcessTrack(
        role=line.role,
        service=line.service,
        ordinal=line.ordinal,
        pid=line.pid,
        cpu_cores=_track(np.where(alive, np.diff(cpu_s) / np.diff(edges), np.nan)),
        pss_bytes=_largest(readings, zero_s, edges),
    )


def _largest(readings: pl.DataFrame, zero_s: float, edges: Floats) -> Track:
    known = readings.select("t_s", "pss_bytes").drop_nulls()
    bins = np.searchsorted(edges, known["t_s"].to_numpy() - zero_s, side="right") - 1
    inside = (bins >= 0) & (bins < len(edges) - 1)
    largest = np.full(len(edges) - 1, -np.inf)
    np.maximum.at(largest, bins[inside], known["pss_bytes"].to_numpy()[inside].astype(np.float64))
    return _track(np.where(np.isfinite(largest), largest, np.nan))


def _track(values: Floats) -> Track:
    return tuple(None if np.isnan(value) else float(value) for value in values)
