"""The rows that the sampler writes, column by column as in lab.record.types (not imported here: polars is heavy)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class ProcessRow(NamedTuple):
    """One row of the process table: lab.record.types.PROCESSES."""

    t_s: float
    pid: int
    started_s: float
    role: str
    service: str
    user_s: float
    system_s: float
    cpu_s: float
    runqueue_s: float | None
    rss_bytes: int
    pss_bytes: int | None
    uss_bytes: int | None
    pss_anon_bytes: int | None
    threads: int
    ctx_switches: int
    command: str


class CgroupRow(NamedTuple):
    """One row of the cgroup table: lab.record.types.CGROUPS."""

    t_s: float
    service: str
    container: str
    cpu_s: float | None
    anon_bytes: int | None
    file_bytes: int | None
    usage_bytes: int | None
    periods: int | None
    throttled_periods: int | None
    throttled_s: float | None
    oom_kills: int | None


class ConnectionRow(NamedTuple):
    """One row of the connection table: lab.record.types.CONNECTIONS."""

    t_s: float
    client_port: int
    pid: int
    service: str


class HostRow(NamedTuple):
    """One row of the host table: lab.record.types.HOST."""

    t_s: float
    busy_s: float
    steal_s: float
    total_s: float
    psi_cpu_some_s: float | None
    psi_memory_some_s: float | None
    psi_io_some_s: float | None
    memory_available_bytes: int
    load_cpu_s: float | None
    load_cpu_max_s: float | None
    load_rss_bytes: int | None
    sampler_cpu_s: float
    sampler_rss_bytes: int
    lab_cpu_s: float | None
    lab_rss_bytes: int | None
    engine_cpu_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What one reading gave."""

    processes: list[ProcessRow]
    cgroups: list[CgroupRow]
    host: HostRow
    connections: list[ConnectionRow] = field(default_factory=list)


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "processes": ProcessRow._fields,
    "cgroups": CgroupRow._fields,
    "host": HostRow._fields,
    "connections": ConnectionRow._fields,
}
