"""The memory ledger of one trial: every process the arm costs, by role (METHOD 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.counters import increases, numbers
from lab.plan.kinds import Role
from lab.record.types import PhaseWindow

Floats = npt.NDArray[np.float64]

ARM_ROLES = (Role.PROXY, Role.SUPERVISOR, Role.WORKER, Role.HELPER)  # the order of every table; platform comes last
ROLES = (*ARM_ROLES, Role.PLATFORM)
PROCESS = ("pid", "started_s")  # names a process: a respawned worker may get an old pid


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLine:
    """One process in the measure phase: medians over its readings; peak is its largest PSS; None where never read.

    ``ordinal`` counts from 1 among the processes of the same role and service, by start time. ``cpu_s`` is its growth.
    """

    role: Role
    service: str
    ordinal: int
    pid: int
    started_s: float
    command: str
    pss_bytes: float | None
    pss_peak_bytes: float | None
    uss_bytes: float | None
    rss_bytes: float | None
    threads: float | None
    cpu_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLine:
    """All processes of one role: medians over instants of the sum over its members. ``processes`` is their number."""

    role: Role
    processes: int
    pss_bytes: float | None
    uss_bytes: float | None
    rss_bytes: float | None


def during(table: pl.DataFrame, window: PhaseWindow) -> pl.DataFrame:
    """Readings inside the half-open window."""
    return table.filter((pl.col("t_s") >= window.start_s) & (pl.col("t_s") < window.end_s))


def measured_readings(processes: pl.DataFrame, window: PhaseWindow) -> pl.DataFrame:
    """Readings of the window. Platform processes, read at few instants, count from their last one before its end."""
    platform = of_roles(processes, Role.PLATFORM).filter(pl.col("t_s") < window.end_s)
    last_s = platform["t_s"].cast(pl.Float64).to_numpy().max(initial=-np.inf)
    return pl.concat(
        [
            of_roles(during(processes, window), *ARM_ROLES),
            platform.filter(pl.col("t_s") >= min(window.start_s, last_s)),
        ]
    )


def of_roles(processes: pl.DataFrame, *roles: Role) -> pl.DataFrame:
    """Readings of processes that have one of these roles."""
    return processes.filter(pl.col("role").is_in([role.value for role in roles]))


def sums(readings: pl.DataFrame, *columns: str) -> tuple[Floats, ...]:
    """The sum of each column at each instant at which every process present was read: never a partial sum."""
    return whole_sums(_instants(readings, ("t_s",), columns), columns)


def whole_sums(instants: pl.DataFrame, columns: Sequence[str]) -> tuple[Floats, ...]:
    """Of ``_instants``: the sums of each column without those that lack a part."""
    return tuple(numbers(instants[column])[~instants[f"{column} partial"].to_numpy()] for column in columns)


def _instants(readings: pl.DataFrame, keys: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    return readings.group_by(keys, maintain_order=True).agg(
        pl.len().alias("processes"),
        *(pl.col(column).sum() for column in columns),
        *(pl.col(column).is_null().any().alias(f"{column} partial") for column in columns),
    )


def median(values: Floats) -> float | None:
    """The median, None of nothing."""
    return float(np.median(values)) if len(values) else None


def process_lines(processes: pl.DataFrame, readings: pl.DataFrame, window: PhaseWindow) -> tuple[ProcessLine, ...]:
    """One line for each process in ``measured_readings``, ordered by role, service and start.

    ``processes`` is the whole table: a counter's growth needs the readings around the window.
    """
    steady = ("pss_bytes", "uss_bytes", "rss_bytes", "threads")
    seen = (
        readings.group_by(PROCESS)
        .agg(
            pl.col("role", "service", "command").last(),
            pl.col("pss_bytes").max().alias("pss_peak_bytes"),
            *(pl.col(column).median() for column in steady),
        )
        .sort("service", "started_s", "pid")
        .with_columns(pl.int_range(1, pl.len() + 1).over("role", "service").alias("ordinal"))
    )
    cpu = {  # apart, because platform processes are read at fewer instants
        **increases(of_roles(processes, *ARM_ROLES), PROCESS, ("cpu_s",), window),
        **increases(of_roles(processes, Role.PLATFORM), PROCESS, ("cpu_s",), window),
    }
    lines = (
        ProcessLine(**row | {"role": Role(row["role"])}, cpu_s=cpu[row["pid"], row["started_s"]]["cpu_s"])
        for row in seen.iter_rows(named=True)
    )
    return tuple(sorted(lines, key=lambda line: ROLES.index(line.role)))


def role_lines(readings: pl.DataFrame) -> tuple[RoleLine, ...]:
    """One line for each role in ``measured_readings``, platform last."""
    columns = ("pss_bytes", "uss_bytes", "rss_bytes")
    instants = _instants(readings, ("role", "t_s"), columns)
    found = instants.partition_by("role", as_dict=True)
    lines = []
    for role in ROLES:
        if (own := found.get((role.value,))) is not None:
            medians = dict(zip(columns, map(median, whole_sums(own, columns)), strict=True))
            lines.append(RoleLine(role=role, processes=int(own["processes"].to_numpy().max()), **medians))
    return tuple(lines)


def busiest_cores(lines: Sequence[ProcessLine], window: PhaseWindow) -> float | None:
    """CPU of the busiest process in cores, mean of the measure phase; None when none was read."""
    return max((line.cpu_s / window.length_s for line in lines if line.cpu_s is not None), default=None)


def largest_pss_bytes(lines: Sequence[ProcessLine]) -> float | None:
    """PSS of the largest process at its peak in the measure phase; None when none was read."""
    return max((line.pss_peak_bytes for line in lines if line.pss_peak_bytes is not None), default=None)
