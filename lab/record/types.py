"""HUB: the frozen types that cross from DO to CONCLUDE. Raw facts in seconds, bytes and cumulative counters.

Words, columns and instants are those of lab.record.schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from lab.plan.kinds import ServiceKind
from lab.record.evidence import Count as Count
from lab.record.evidence import Evidence as Evidence
from lab.record.evidence import Finite, Instant, Seconds
from lab.record.load_types import ClientPolicy as ClientPolicy
from lab.record.load_types import ClockOffset as ClockOffset
from lab.record.load_types import DrillRecord as DrillRecord
from lab.record.load_types import LadderRecord as LadderRecord
from lab.record.load_types import LoadCounters as LoadCounters
from lab.record.load_types import NodeLoad as NodeLoad
from lab.record.load_types import RungRecord as RungRecord
from lab.record.run_types import Calibration as Calibration
from lab.record.run_types import Environment as Environment
from lab.record.run_types import LostTrial as LostTrial
from lab.record.run_types import RunInfo as RunInfo
from lab.record.schema import POOL as POOL
from lab.record.schema import SCHEMA_VERSION as SCHEMA_VERSION
from lab.record.schema import TABLES, Attribution, Outcome
from lab.record.schema import Phase as Phase
from lab.record.schema import RequestKind as RequestKind
from lab.record.schema import TrialState as TrialState
from lab.record.told import Executions as Executions
from lab.record.told import SamplerFacts as SamplerFacts
from lab.scenario.network import LOOPBACK

MAX_PROCESSES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseWindow:
    """Half-open interval [start_s, end_s) of one phase."""

    start_s: Instant
    end_s: Instant

    @property
    def length_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """A service as it really ran: its container, image and full command.

    ``host`` is how the others reached it, ``address`` what that was then: 127.0.0.1 twice, or a name and its address.
    """

    name: str
    kind: str
    container_id: str
    image: str
    image_digest: str
    argv: tuple[str, ...]
    ports: tuple[int, ...]
    host: str = LOOPBACK
    address: str = LOOPBACK
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def addresses(self) -> tuple[str, ...]:
        """``("172.18.0.2:8000", "app-1:8000")``: every way in which an answer may name it."""
        hosts = dict.fromkeys((self.address, self.host))
        return tuple(f"{host}:{port}" for host in hosts for port in self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One run of a job before the arm was started: it ended with exit code 0. Instants are those of the engine."""

    name: str
    service: str
    argv: tuple[str, ...]
    start_s: Instant
    end_s: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """One machine of a trial: its clock against the lab's, the word of its sampler on itself, and what it sent.

    ``load``: None where it drove none, or all of it.
    """

    name: str
    clock: ClockOffset | None = None
    sampler: SamplerFacts | None = None
    load: NodeLoad | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate over one trial: what was measured, against which limit, and what follows. The report has the words.

    ``value`` is None where the gate could not be checked (a caveat) or does not apply (a pass); ``why`` is then the
    word for the reason, one of lab.report.parts.gate_words. ``node``: of several machines the one that decided.
    """

    key: str
    outcome: Outcome
    value: Finite | None
    limit: Finite | None
    why: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that the arm did and a reader must know (METHOD 2). It makes no trial invalid.

    ``value`` is beyond ``limit``; None: it could not be told whether, for the reason ``subject``. Else ``subject`` is
    the part of the arm that it is about, empty for the whole.
    """

    key: str
    value: Finite | None
    limit: Finite
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event: what happened to an arm at one instant of the trial. ``kind``: EventKind; ``detail``: the exit code.

    What the lab did on purpose has a kind that begins with ACTION, and happened between ``t_s`` and ``until_s``.
    """

    t_s: Instant
    kind: str
    service: str = ""
    pid: int = 0
    detail: str = ""
    until_s: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of a run, as this trial had it. Comparisons stay inside a point; ``key`` is "" for the only one."""

    key: str = ""
    processes: Annotated[int, Field(ge=1, le=MAX_PROCESSES)]
    rate: Finite | None = None  # arrivals a second; None: closed model, or not recorded (schema version 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """Everything measured in one trial, except the tables.

    ``settle_s``: how long the arm rested at the end of the cool-down, when nobody asked it for anything; 0: it did not.
    ``shared_files``: name of each file that the lab's own processes had mapped beside the arm → bytes of PSS that this
    may have taken from the arm; None where nobody could look.
    """

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
    boot_s: Seconds
    phases: Mapping[Phase, PhaseWindow]
    services: tuple[ServiceRecord, ...]
    load: LoadCounters
    attribution: Attribution
    attestation: Evidence = field(default_factory=Evidence)
    sampler: SamplerFacts | None = None
    settle_s: Seconds = 0.0
    shared_files: Mapping[str, Count] | None = None
    gates: tuple[GateResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    events: tuple[Event, ...] = ()
    jobs: tuple[JobRecord, ...] = ()
    drill: DrillRecord | None = None
    ladder: LadderRecord | None = None
    executions: Executions | None = None  # None: the app does not tell of requests
    nodes: tuple[NodeRecord, ...] = ()  # of a run on several machines, that of the arm first
    clock: ClockOffset | None = None  # None: load and lab have one clock
    schema_version: int = SCHEMA_VERSION

    @property
    def processes(self) -> int:
        """N, the number of serving processes."""
        return self.point.processes

    @property
    def sidecars(self) -> frozenset[str]:
        """Names of the services beside the arm."""
        return frozenset(service.name for service in self.services if service.kind == ServiceKind.SIDECAR)

    @property
    def measure(self) -> PhaseWindow:
        """The window whose numbers count."""
        return self.phases[Phase.MEASURE]


POLARS: Mapping[str, Mapping[str, Any]] = {
    table: {column.name: getattr(pl, column.type) for column in columns} for table, columns in TABLES.items()
}
REQUESTS, PROCESSES, CGROUPS, HOST, THREADS, CONNECTIONS, USER_EVENTS = POLARS.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTables:
    """The raw rows of one trial; lab.record.schema says what each column means."""

    requests: pl.DataFrame
    processes: pl.DataFrame
    cgroups: pl.DataFrame
    host: pl.DataFrame
    threads: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=dict(THREADS)))
    user_events: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=dict(USER_EVENTS)))

    @property
    def arm_host(self) -> pl.DataFrame:
        """The readings of the machine that ran the arm: the first of a run on nodes."""
        return self.host.filter(pl.col("node").eq_missing(pl.col("node").first()))

    @property
    def load_hosts(self) -> tuple[pl.DataFrame, ...]:
        """Those of each machine that drove load: all on which load processes used CPU; else the last."""
        machines = self.host.partition_by("node", maintain_order=True)
        drove = [machine for machine in machines if machine.filter(pl.col("load_cpu_s") > 0).height]
        return tuple(drove or machines[-1:] or [self.host])


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """A record with its tables, as lab.record.reading reads it back."""

    record: TrialRecord
    tables: TrialTables
