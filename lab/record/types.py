"""HUB: the frozen types that cross from DO to CONCLUDE. Raw facts in seconds, bytes and cumulative counters.

Words, columns and instants are those of lab.record.schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from lab.record.schema import POOL as POOL
from lab.record.schema import SCHEMA_VERSION as SCHEMA_VERSION
from lab.record.schema import TABLES, Attribution, Outcome
from lab.record.schema import Phase as Phase
from lab.record.schema import RequestKind as RequestKind
from lab.record.schema import TrialState as TrialState


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
    """One gate over one trial: what was measured, against which limit, and what follows. The report has the words.

    ``value`` is None where the gate could not be checked (a caveat) or does not apply (a pass); ``why`` is then the
    word for the reason, one of lab.report.parts.gate_words.
    """

    key: str
    outcome: Outcome
    value: float | None
    limit: float | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that the arm did and a reader must know (METHOD 2). It makes no trial invalid.

    ``value`` is beyond ``limit``; None: it could not be told whether, for the reason ``subject``. Else ``subject`` is
    the part of the arm that it is about, empty for the whole.
    """

    key: str
    value: float | None
    limit: float
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened to an arm at one instant of the trial."""

    t_s: float
    kind: str
    service: str = ""
    pid: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a run may sweep, as this trial had it. Comparisons stay inside a point."""

    processes: int
    rate: float | None = None  # arrivals a second; None: closed model, or not recorded (schema version 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """Everything measured in one trial, except the tables."""

    trial_id: str
    block: int
    position: int
    arm: str
    model: str
    front: str
    point: Point
    state: TrialState
    started_at: str  # ISO 8601, UTC
    started_monotonic_s: float
    boot_s: float
    phases: Mapping[Phase, PhaseWindow]
    services: tuple[ServiceRecord, ...]
    load: LoadCounters
    attribution: Attribution
    attestation: Mapping[str, Any] = field(default_factory=dict)
    sampler: Mapping[str, float] = field(default_factory=dict)
    gates: tuple[GateResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    events: tuple[Event, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def processes(self) -> int:
        """N, the number of serving processes."""
        return self.point.processes

    @property
    def measure(self) -> PhaseWindow:
        """The window whose numbers count."""
        return self.phases[Phase.MEASURE]


def _polars(table: str) -> Mapping[str, Any]:
    return {column.name: getattr(pl, column.type) for column in TABLES[table]}


REQUESTS, PROCESSES, CGROUPS, HOST, CONNECTIONS = map(
    _polars, ("requests", "processes", "cgroups", "host", "connections")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTables:
    """The raw rows of one trial; lab.record.schema says what each column means."""

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
