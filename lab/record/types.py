"""HUB: the frozen types that cross from DO to CONCLUDE. Raw facts in seconds, bytes and cumulative counters.

All ``*_s`` instants are CLOCK_MONOTONIC seconds relative to the trial's ``started_monotonic_s``; the clock is shared by
every process of the machine (Python's perf_counter and monotonic both read it on Linux).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import polars as pl

SCHEMA_VERSION = 1  # 1: first version


class Phase(StrEnum):
    """The phases of a trial, in order."""

    BOOT = "boot"
    IDLE = "idle"
    WARMUP = "warmup"
    MEASURE = "measure"
    COOLDOWN = "cooldown"


class RequestKind(StrEnum):
    """What a row of the request table is."""

    ARRIVAL = "arrival"  # first request of a scheduled arrival (open) or of a task (closed)
    FOLLOW = "follow"  # a further request of the same task: service time only
    START = "start"  # made by on_start, before the lane took its first arrival: in no result
    DROP = "drop"  # an arrival that found the queue full: never sent, a failure
    EMPTY = "empty"  # an arrival whose task made no request


class TrialState(StrEnum):
    """What became of a trial."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseWindow:
    """Half-open interval [start_s, end_s) of one phase."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """A service as it really ran: its container, image and full command."""

    name: str
    kind: str
    container_id: str
    image: str
    image_digest: str
    argv: tuple[str, ...]
    ports: tuple[int, ...]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCounters:
    """What the load process counted itself, to be checked against the rows.

    ``scheduled`` = ``started`` + ``dropped`` + ``unfinished``: no arrival is ever lost without a trace.
    """

    open_model: bool
    lanes: int
    scheduled: int
    started: int
    dropped: int
    unfinished: int
    dispatch_lag_p99_s: float | None = None
    starved_workers: int = 0
    user_errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate over one trial: what was measured, against which limits, and what follows."""

    key: str
    outcome: str  # "pass" | "caveat" | "invalid"
    value: float | None
    limit: float | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """Everything measured in one trial, except the tables."""

    trial_id: str
    block: int
    position: int
    arm: str
    model: str
    front: str
    processes: int
    state: TrialState
    started_at: str  # ISO 8601, UTC
    started_monotonic_s: float
    boot_s: float
    phases: Mapping[Phase, PhaseWindow]
    services: tuple[ServiceRecord, ...]
    load: LoadCounters
    attribution: str  # how served_by was found: "header", "socket", "upstream" or "none"
    attestation: Mapping[str, Any] = field(default_factory=dict)
    sampler: Mapping[str, float] = field(default_factory=dict)
    gates: tuple[GateResult, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def measure(self) -> PhaseWindow:
        """The window whose numbers count."""
        return self.phases[Phase.MEASURE]


REQUESTS: Mapping[str, Any] = {
    "t_scheduled_s": pl.Float64,  # null: not an arrival of the open model
    "t_sent_s": pl.Float64,  # null: never sent (drop, empty)
    "t_done_s": pl.Float64,  # null: never sent, or still in flight when the trial ended
    "status": pl.Int32,  # HTTP status; 0: no response
    "bytes": pl.Int64,
    "name": pl.String,
    "served_by": pl.String,  # null: not attributed
    "phase": pl.String,
    "kind": pl.String,
    "error": pl.String,  # null: success
    "lane": pl.Int32,
}

PROCESSES: Mapping[str, Any] = {
    "t_s": pl.Float64,
    "pid": pl.Int32,
    "started_s": pl.Float64,  # epoch seconds; (pid, started_s) names a process
    "role": pl.String,
    "service": pl.String,
    "user_s": pl.Float64,  # cumulative
    "system_s": pl.Float64,  # cumulative
    "cpu_s": pl.Float64,  # cumulative, user + system
    "runqueue_s": pl.Float64,  # cumulative wait for a core, /proc/PID/schedstat; null where the kernel has none
    "rss_bytes": pl.Int64,
    "pss_bytes": pl.Int64,  # null: not read at this instant, or not readable
    "uss_bytes": pl.Int64,  # null: as pss_bytes
    "pss_anon_bytes": pl.Int64,  # null: read in bursts only
    "threads": pl.Int32,
    "ctx_switches": pl.Int64,  # cumulative, voluntary + involuntary
    "command": pl.String,  # first 120 characters of the command line
}

CONNECTIONS: Mapping[str, Any] = {  # read beside PROCESSES when requests are attributed by socket, and not kept
    "t_s": pl.Float64,
    "client_port": pl.UInt16,
    "pid": pl.Int32,  # the one process of the arm that holds the server's end
    "service": pl.String,
}

POOL = ""  # as ``container``: the parent cgroup of a pooled budget; its row repeats what the containers' rows hold

CGROUPS: Mapping[str, Any] = {
    "t_s": pl.Float64,
    "service": pl.String,
    "container": pl.String,
    "cpu_s": pl.Float64,  # cumulative
    "anon_bytes": pl.Int64,
    "file_bytes": pl.Int64,
    "usage_bytes": pl.Int64,
    "periods": pl.Int64,  # cumulative CFS periods
    "throttled_periods": pl.Int64,  # cumulative
    "throttled_s": pl.Float64,  # cumulative
    "oom_kills": pl.Int64,  # cumulative; null where the kernel does not count
}

HOST: Mapping[str, Any] = {
    "t_s": pl.Float64,
    "busy_s": pl.Float64,  # cumulative over all cores, everything but idle, iowait and steal
    "steal_s": pl.Float64,  # cumulative
    "total_s": pl.Float64,  # cumulative, all states
    "psi_cpu_some_s": pl.Float64,  # cumulative stall; null where the kernel has no PSI
    "psi_memory_some_s": pl.Float64,
    "psi_io_some_s": pl.Float64,
    "memory_available_bytes": pl.Int64,
    "load_cpu_s": pl.Float64,  # cumulative, all Locust processes
    "load_cpu_max_s": pl.Float64,  # cumulative of the busiest load process
    "load_rss_bytes": pl.Int64,
    "sampler_cpu_s": pl.Float64,  # cumulative
    "sampler_rss_bytes": pl.Int64,
    "lab_cpu_s": pl.Float64,  # cumulative
    "lab_rss_bytes": pl.Int64,
    "engine_cpu_s": pl.Float64,  # cumulative, dockerd + containerd + shims; null without Docker
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTables:
    """The raw rows of one trial; column meanings stand beside the schemas above."""

    requests: pl.DataFrame
    processes: pl.DataFrame
    cgroups: pl.DataFrame
    host: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """A record with its tables, as results.py reads it back."""

    record: TrialRecord
    tables: TrialTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run took place; unlike environments do not mix (STYLE 8). Values are plain JSON."""

    facts: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.facts[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How many requests a second the load generator makes at most on this machine: see lab/run/calibration.py."""

    ceiling_per_s: float
    load_processes: int
    lanes: int
    measured_at: str  # ISO 8601, UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """run.json: what was planned, where, and what became of each trial."""

    run_id: str
    started_at: str
    lab_version: str
    scenario: Mapping[str, Any]
    scenario_name: str
    environment: Environment
    images: Mapping[str, Mapping[str, str]]  # key -> ImageRecord.describe(): name, digest, id, origin, versions, …
    order: tuple[str, ...]
    states: Mapping[str, TrialState]
    cut: str = ""  # why the run ended early; empty when it did not
    inputs: Mapping[str, str] = field(default_factory=dict)  # "locustfile" -> sha256: what the scenario only names
    noise_floor: Mapping[str, Any] = field(default_factory=dict)  # of the machine, as known then: lab/run/floors.py
    left_out: Mapping[str, str] = field(default_factory=dict)  # trial -> why it could not be read; empty on disk
    calibration: Calibration | None = None  # None: the generator's ceiling on this machine is not known
    exploratory: bool = False  # a session of `lab ui`: closed model by hand, one trial a visit, no verdict
    schema_version: int = SCHEMA_VERSION

    def image_digest(self, key: str) -> str:
        """The digest of an image by its key, which is Arm.image_key or "nginx"; "" when it is not known."""
        return self.images.get(key, {}).get("digest", "")
