"""Synthetic runs with the exact schemas of lab/record: what a run folder would give back, without running anything.

The app of these runs has workers of about 35 MiB, a proxy hop of 0.3 ms, and arms that differ by known amounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role, ServiceKind
from lab.plan.topology import Topology
from lab.plan.trial import Trial
from lab.record.types import (
    CGROUPS,
    HOST,
    PROCESSES,
    REQUESTS,
    Environment,
    GateResult,
    LoadCounters,
    Phase,
    PhaseWindow,
    Point,
    RequestKind,
    RunInfo,
    SamplerFacts,
    ServiceRecord,
    TrialRecord,
    TrialResult,
    TrialState,
    TrialTables,
)
from lab.report.first_screen import Group
from lab.scenario.file import scenario_from_json, scenario_to_json
from lab.scenario.model import Scenario
from lab.units import MIB

Floats = npt.NDArray[np.float64]

WORKERS = {"name": "workers", "model": "workers", "front": "direct"}
WORKERS_NGINX = {"name": "workers-nginx", "model": "workers", "front": "nginx"}
REPLICAS = {"name": "replicas", "model": "replicas", "front": "nginx"}
REPLICAS_LEAST = {"name": "replicas-least", "model": "replicas", "front": "nginx", "balance": "least_conn"}
ARMS = (WORKERS, WORKERS_NGINX, REPLICAS)

EPOCH_S = 1_795_000_000.0
STARTED_AT = "2026-11-18T11:06:40+00:00"
BOOT_S, HOP_S, SERVICE_S = 2.0, 0.0003, 0.002
MEMORY_MIB = {
    Role.PROXY: 3.0,
    Role.SUPERVISOR: 18.0,
    Role.WORKER: 35.0,
    Role.HELPER: 6.0,
    Role.PLATFORM: 9.0,
    Role.SIDECAR: 21.0,
}
CPU_CORES = {
    Role.PROXY: 0.02,
    Role.SUPERVISOR: 0.001,
    Role.WORKER: 0.08,
    Role.HELPER: 0.0,
    Role.PLATFORM: 0.002,
    Role.SIDECAR: 0.1,
}


def make_scenario(arms: Sequence[Mapping[str, Any]] = ARMS, **changes: Any) -> Scenario:
    """A valid scenario; ``changes`` replace whole top-level keys."""
    document: dict[str, Any] = {
        "question": "Is one container with 4 workers as good as 4 containers behind nginx?",
        "app": {"image": "example/app:1"},
        "budget": {"processes": 4},
        "arms": list(arms),
        "load": {"locustfile": "locustfiles/json_api.py", "rate": 300, "lanes": 32, "warmup": "5s", "measure": "10s"},
        "trials": {"blocks": 2, "seed": 7},
        "compare": {"baseline": arms[0]["name"], "primary": ["memory.pss.total", "p50"]},
    }
    return scenario_from_json(document | changes)


def make_run(scenario: Scenario, **changes: Any) -> RunInfo:
    """The run.json of a run of ``scenario`` that has finished; ``changes`` replace fields."""
    trials = build_plan(scenario).trials
    info = RunInfo(
        run_id="20261118T110640Z-quickstart",
        started_at=STARTED_AT,
        lab_version="0.1.0",
        scenario=scenario_to_json(scenario),
        scenario_name="quickstart",
        environment=Environment(
            facts={
                "cpu_model": "Example CPU @ 2.50GHz",
                "cpu_count": 2,
                "memory_bytes": 8 * 1024**3,
                "kernel": "6.1.0",
                "engine": "docker",
                "network": "host",
                "docker": "20.10.24",
                "storage_driver": "overlay2",
                "cgroup_version": "1",
            }
        ),
        images={"app": {"name": "example/app:1", "digest": "sha256:" + "ab" * 32, "origin": "present"}},
        order=tuple(trial.id for trial in trials),
        states={trial.id: TrialState.DONE for trial in trials},
    )
    return replace(info, **changes)


def make_trials(scenario: Scenario) -> Iterator[TrialResult]:
    """Every trial of the plan, one at a time."""
    for trial in build_plan(scenario).trials:
        yield make_trial(trial.scenario, trial)


def make_summaries(scenario: Scenario) -> Iterator[TrialSummary]:
    """What the analysis says of every trial of the plan."""
    return (_summarised(_asked(trial.scenario, trial)) for trial in build_plan(scenario).trials)


def make_trial(scenario: Scenario, trial: Trial) -> TrialResult:
    """One finished trial: the same seed gives the same rows."""
    return _made(_asked(scenario, trial))


@dataclass(frozen=True)
class _Asked:
    """A scenario cannot be hashed; what it says in words can."""

    words: str
    scenario: Scenario = field(compare=False)
    trial: Trial = field(compare=False)


def _asked(scenario: Scenario, trial: Trial) -> _Asked:
    return _Asked(f"{scenario!r} {trial!r}", scenario, trial)


@lru_cache(maxsize=256)
def _summarised(asked: _Asked) -> TrialSummary:
    return summarise_trial(_made(asked))


@lru_cache(maxsize=64)  # the tables of some runs: many tests look at the same
def _made(asked: _Asked) -> TrialResult:
    scenario, trial = asked.scenario, asked.trial
    rng = np.random.default_rng(trial.setup_seed)
    topology = build_topology(scenario, trial, range(20000, 20000 + ports_needed(scenario, trial.arm)))
    warmup = PhaseWindow(start_s=BOOT_S, end_s=BOOT_S + scenario.load.warmup)
    measure = PhaseWindow(start_s=warmup.end_s, end_s=warmup.end_s + scenario.load.measure)
    members = list(_members(topology, trial))
    instants = np.arange(BOOT_S, measure.end_s + 0.6, 0.5)
    tables = TrialTables(
        requests=_requests(scenario, trial, measure, warmup, rng),
        processes=pl.concat([_process(member, instants, rng) for member in members]),
        cgroups=pl.concat(
            [_cgroup(service.name, members, instants) for service in (*topology.services, *topology.sidecars)]
        ),
        host=_table(HOST, **dict.fromkeys(HOST, instants) | {"node": ""}),
    )
    return TrialResult(record=_record(scenario, trial, topology, warmup, measure, tables), tables=tables)


def told(groups: Iterable[Group]) -> tuple[str, ...]:
    """All the sentences of these groups of a report."""
    return tuple(sentence for group in groups for sentence in group.sentences)


def sampler_facts(planned: float = 31.0, achieved: float = 31.0) -> SamplerFacts:
    """A sampler that took so many of its readings."""
    costs = dict.fromkeys(
        ("pss_interval_s", "cpu_s", "wall_s", "reading_s", "reading_with_pss_s", "reading_max_s"), 1.0
    )
    return SamplerFacts(planned_readings=planned, achieved_readings=achieved, **costs)


def make_gate(outcome: str = "pass", **changes: Any) -> GateResult:
    """The load generator's CPU; an invalid one is that of the sampler's readings, which spoils every metric.

    ``changes`` replace fields.
    """
    key, value = ("sampler.readings", 0.5) if outcome == "invalid" else ("load.cpu", 0.31)
    gate = GateResult(key=key, outcome="pass", value=value, limit=0.90)
    return replace(gate, **{"outcome": outcome, **changes})


def with_record(trial: TrialResult, **changes: Any) -> TrialResult:
    """The same trial with other fields in its record."""
    return replace(trial, record=replace(trial.record, **changes))


def with_tables(trial: TrialResult, **tables: pl.DataFrame) -> TrialResult:
    """The same trial with other tables."""
    return replace(trial, tables=replace(trial.tables, **tables))


def table_of(schema: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], **defaults: Any) -> pl.DataFrame:
    """A table with every column of ``schema``: a row's own value, else the default, else null."""
    return pl.DataFrame(
        {name: [row.get(name, defaults.get(name)) for row in rows] for name in schema}, schema=pl.Schema(schema)
    )


@dataclass(frozen=True)
class _Member:
    pid: int
    role: Role
    service: str
    scale: float
    command: str


def _members(topology: Topology, trial: Trial) -> Iterator[_Member]:
    pid = 4000 + 100 * trial.block
    for service in (*topology.services, *topology.sidecars):
        if service.kind is ServiceKind.SIDECAR:
            roles = [Role.SIDECAR, Role.SIDECAR]
        elif service.kind is ServiceKind.PROXY:
            roles = [Role.PROXY, Role.PROXY]
        elif trial.arm.model.kind == "workers":
            roles = [Role.SUPERVISOR, Role.HELPER, *(Role.WORKER,) * topology.processes]
        else:
            roles = [Role.WORKER]
        for role in (*roles, Role.PLATFORM):
            pid += 1
            yield _Member(pid, role, service.name, 1 + 0.001 * (pid % 7), f"{role} of {service.name}")


def _table(schema: Mapping[str, Any], **columns: Any) -> pl.DataFrame:
    return pl.DataFrame({name: columns[name] for name in schema}).cast(pl.Schema(schema))


def _requests(
    scenario: Scenario, trial: Trial, measure: PhaseWindow, warmup: PhaseWindow, rng: np.random.Generator
) -> pl.DataFrame:
    rate = scenario.load.rate or 200.0
    count = int(rate * (measure.end_s - warmup.start_s))
    begun = np.sort(np.random.default_rng(trial.schedule_seed).uniform(warmup.start_s, measure.end_s, count))
    sent = begun + rng.exponential(0.0002, count)
    done = sent + (HOP_S if trial.arm.fronted else 0.0) + rng.lognormal(np.log(SERVICE_S), 0.5, count)
    lane = rng.integers(0, scenario.load.lanes, count)
    balanced = trial.arm.model.kind == "replicas"
    server = np.arange(count) % 4 if balanced else np.minimum(lane % 7, scenario.budget.processes - 1)
    names = np.array([f"server-{place}" for place in range(scenario.budget.processes)])
    failed = rng.random(count) < 0.0005
    return _table(
        REQUESTS,
        t_scheduled_s=begun if scenario.load.rate else [None] * count,
        t_sent_s=sent,
        t_done_s=done,
        status=np.where(failed, 503, 200),
        bytes=120,
        name="/items/[id]",
        served_by=names[server % scenario.budget.processes],
        phase=np.where(begun < measure.start_s, Phase.WARMUP.value, Phase.MEASURE.value),
        kind=RequestKind.ARRIVAL.value,
        error=pl.Series(np.where(failed, "HTTP 503", "")).replace("", None),
        lane=lane,
        opened_s=None,
        resumed=None,
    )


def _process(member: _Member, instants: Floats, rng: np.random.Generator) -> pl.DataFrame:
    size = MEMORY_MIB[member.role] * MIB * member.scale * (1 + 0.002 * rng.standard_normal(len(instants)))
    cpu_s = CPU_CORES[member.role] * instants
    read = np.arange(len(instants)) % 2 == 0  # PSS at 1 Hz on a grid of 2 Hz
    return _table(
        PROCESSES,
        t_s=instants,
        pid=member.pid,
        started_s=EPOCH_S + member.pid,
        role=member.role.value,
        service=member.service,
        user_s=0.7 * cpu_s,
        system_s=0.3 * cpu_s,
        cpu_s=cpu_s,
        runqueue_s=0.1 * cpu_s,
        rss_bytes=1.4 * size,
        pss_bytes=_where(read, size),
        uss_bytes=_where(read, 0.8 * size),
        pss_anon_bytes=_where(read, 0.75 * size),
        threads=2,
        ctx_switches=500 * cpu_s,
        command=member.command,
        node="",
    )


def _where(read: npt.NDArray[np.bool_], values: Floats) -> list[float | None]:
    return [value if known else None for known, value in zip(read, values.tolist(), strict=True)]


def _cgroup(service: str, members: Sequence[_Member], instants: Floats) -> pl.DataFrame:
    inside = [member.role for member in members if member.service == service and member.role != Role.PLATFORM]
    anon = int(sum(0.75 * MEMORY_MIB[role] * MIB for role in inside))
    counters = dict.fromkeys(
        ("periods", "throttled_periods", "throttled_s", "oom_kills", "limit_hits", "psi_memory_some_s"), 0
    )
    return _table(
        CGROUPS,
        t_s=instants,
        service=service,
        container=f"{service}-id",
        cpu_s=instants * sum(CPU_CORES[role] for role in inside),
        anon_bytes=anon,
        file_bytes=5 * MIB,
        usage_bytes=anon + 5 * MIB,
        node="",
        **counters,
    )


def _record(
    scenario: Scenario,
    trial: Trial,
    topology: Topology,
    warmup: PhaseWindow,
    measure: PhaseWindow,
    tables: TrialTables,
) -> TrialRecord:
    services = tuple(
        ServiceRecord(
            name=service.name,
            kind=service.kind.value,
            container_id=f"{service.name}-id",
            image=service.image,
            image_digest="sha256:" + "ab" * 32,
            argv=service.argv,
            ports=service.ports,
            files={file.path: file.text for file in service.files},
        )
        for service in (*topology.services, *topology.sidecars)
    )
    return TrialRecord(
        trial_id=trial.id,
        block=trial.block,
        position=trial.position,
        arm=trial.arm.name,
        model=trial.arm.model.kind,
        front=trial.arm.front.kind,
        point=Point(key=trial.point.key, processes=topology.processes, rate=scenario.load.rate),
        state=TrialState.DONE,
        started_at=STARTED_AT,
        started_monotonic_s=1000.0,
        boot_s=BOOT_S,
        phases={
            Phase.BOOT: PhaseWindow(start_s=0.0, end_s=BOOT_S),
            Phase.WARMUP: warmup,
            Phase.MEASURE: measure,
            Phase.COOLDOWN: PhaseWindow(start_s=measure.end_s, end_s=measure.end_s + 0.5),
        },
        services=services,
        load=counted(tables.requests, open_model=scenario.load.rate is not None),
        attribution="header",
        sampler=sampler_facts(),
        shared_files={},
        gates=(make_gate(),),
    )


def counted(requests: pl.DataFrame, **values: Any) -> LoadCounters:
    """What an honest load process would have counted for these rows."""
    rows = requests.filter(pl.col("kind").is_in([RequestKind.ARRIVAL, RequestKind.EMPTY]))
    dropped = requests.filter(kind=RequestKind.DROP.value).height
    unfinished = rows.filter(pl.col("t_done_s").is_null(), kind=RequestKind.ARRIVAL.value).height
    honest = LoadCounters(
        open_model=True,
        lanes=32,
        scheduled=rows.height + dropped,
        started=rows.height - unfinished,
        dropped=dropped,
        unfinished=unfinished,
        dispatch_lag_p99_s=0.0011,
    )
    return replace(honest, **values)
