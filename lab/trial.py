"""One trial: deploy one arm fresh, attest it, sample it, drive load at it, take it down, keep what was measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from lab.analysis.attestation import Evidence, caveats
from lab.analysis.gates import run_gates
from lab.attest import Collect, attest, fallback_of
from lab.engines import Deployment, Engine
from lab.engines.evidence import collect
from lab.errors import LoadError
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.locust_process import LoadOutcome, LoadProcess, LoadProgress, start_load
from lab.plan import MAX_WARMUP_S, MIN_WARMUP_REQUESTS, Plan, Trial, build_topology, ports_needed, queue_limit
from lab.records import GateResult, Phase, PhaseWindow, TrialRecord, TrialResult, TrialState
from lab.results import RunFolder, read_records, read_tables
from lab.sampling.plan import SamplerPlan
from lab.sampling.sampler import Sampler, SamplerOutcome, start_sampler

POLL_S = 0.1
DEATH_CHECK_EVERY_S = 1.0
LOAD_GRACE_S = 60.0  # Locust's start, on_start of every lane, and draining, on top of the phases
BURST_S = 1.0  # five readings, 0.2 s apart (METHOD 4.4)


class Observer(Protocol):
    """Who watches a run: the live view, or plain lines, or nobody."""

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """A trial begins; ``number`` counts from 1."""

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """About ten times a second while load runs."""

    def trial_finished(self, record: TrialRecord) -> None:
        """A trial is on disk."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a trial is made with; tests pass fakes, everyone else passes nothing (STYLE 4)."""

    collect_evidence: Collect = collect
    start_load: Callable[[LoadPlan], AbstractContextManager[LoadProcess]] = start_load
    start_sampler: Callable[[SamplerPlan], AbstractContextManager[Sampler]] = start_sampler
    run_gates: Callable[[TrialResult, int], tuple[GateResult, ...]] = run_gates
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that the trials of one run have in common."""

    plan: Plan
    folder: RunFolder
    engine: Engine
    observer: Observer
    tools: Tools = field(default_factory=Tools)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one trial gave; ``t0`` and ``ready`` are CLOCK_MONOTONIC, ``started_at`` is ISO 8601."""

    t0: float
    ready: float
    started_at: str
    deployment: Deployment
    evidence: Evidence
    loaded: LoadOutcome
    sampled: SamplerOutcome


def run_trial(run: Run, trial: Trial, staging: Path) -> TrialRecord:
    """One fresh deployment of one arm and one load run; everything measured is in ``staging`` afterwards."""
    scenario, tools = run.plan.scenario, run.tools
    t0, started_at = tools.clock(), datetime.now(UTC).isoformat(timespec="milliseconds")
    ports = run.engine.free_ports(ports_needed(scenario, trial.arm), trial.setup_seed)
    with run.engine.deploy(build_topology(scenario, trial, ports)) as deployment:
        ready = tools.clock()
        try:
            evidence = attest(trial, deployment, _first_runtime(run), tools.collect_evidence)
            fallback = fallback_of(evidence, deployment.topology)
            with tools.start_sampler(_sampler_plan(run, deployment, t0, staging, fallback)) as sampler:
                tools.sleep(scenario.load.idle)
                with tools.start_load(_load_plan(run, trial, deployment, staging, fallback)) as load:
                    _drive(run, trial, load, sampler, deployment)
                    sampled = sampler.result(staging)
                    loaded = load.result(staging / "requests.parquet", t0, sampled.connections)
        finally:
            _keep_logs(deployment, staging)
    measured = Measured(
        t0=t0,
        ready=ready,
        started_at=started_at,
        deployment=deployment,
        evidence=evidence,
        loaded=loaded,
        sampled=sampled,
    )
    return _with_gates(_record(trial, measured), evidence, staging, tools)


def _first_runtime(run: Run) -> Mapping[str, str] | None:
    for record in read_records(run.folder.path, run.folder.info):
        runtime: Mapping[str, str] = record.attestation["runtime"]
        return runtime
    return None


def _drive(run: Run, trial: Trial, load: LoadProcess, sampler: Sampler, deployment: Deployment) -> None:
    """Wait until the load has ended; tell the sampler when to look closely. Raises LabError as soon as a part fails."""
    tools, asked = run.tools, run.plan.scenario.load
    sampler.watch_load(load.pids)
    give_up_at = tools.clock() + MAX_WARMUP_S + asked.warmup + asked.measure + LOAD_GRACE_S
    next_death_check = tools.clock()
    ordered: set[str] = set()
    while not (progress := load.poll()).finished:
        for label, instant_s in _bursts(progress, asked.warmup):
            if label not in ordered:
                sampler.burst_at(instant_s, label)
                ordered.add(label)
        run.observer.progress(trial, progress)
        sampler.check()
        if tools.clock() >= next_death_check:
            deployment.check()
            next_death_check = tools.clock() + DEATH_CHECK_EVERY_S
        if tools.clock() > give_up_at:
            raise LoadError(f"{trial.id}: Locust has not ended the load in time", "see locust.log beside the trial")
        tools.sleep(POLL_S)
    deployment.check()


def _bursts(progress: LoadProgress, warmup_s: float) -> Iterator[tuple[str, float]]:
    """When to look closely (METHOD 4.4), as far as it is known: before each phase ends, not in the next one.

    A warm-up that is prolonged for a starved process has its burst where it would have ended otherwise.
    """
    if progress.warmup_start_s is not None:
        yield "end of warmup", progress.warmup_start_s + max(0.0, warmup_s - BURST_S)
    if progress.measure_end_s is not None:
        yield "end of measure", progress.measure_end_s - BURST_S


def _sampler_plan(run: Run, deployment: Deployment, t0: float, staging: Path, fallback: Fallback) -> SamplerPlan:
    load = run.plan.scenario.load
    return SamplerPlan(
        targets=deployment.targets,
        t0_monotonic_s=t0,
        expected_s=load.idle + load.warmup + load.measure,
        lab_pid=os.getpid(),
        watched_port=deployment.topology.port if fallback == "socket" else 0,
        pooled=not deployment.topology.pool.unlimited,
        directory=staging,
    )


def _load_plan(run: Run, trial: Trial, deployment: Deployment, staging: Path, fallback: Fallback) -> LoadPlan:
    load = run.plan.scenario.load
    return LoadPlan(
        locustfile=load.locustfile,
        base_url=deployment.topology.base_url,
        rate=load.rate,
        schedule=load.schedule,
        seed=trial.schedule_seed,
        lanes=load.lanes,
        load_processes=load.processes,
        user_classes=load.users,
        tags=load.tags,
        exclude_tags=load.exclude_tags,
        serving_processes=deployment.topology.processes,
        warmup_s=load.warmup,
        min_warmup_requests=MIN_WARMUP_REQUESTS,
        max_warmup_s=max(MAX_WARMUP_S, load.warmup),
        measure_s=load.measure,
        queue_limit=queue_limit(load.rate or 0.0),
        directory=staging,
        fallback=fallback,
    )


def _record(trial: Trial, measured: Measured) -> TrialRecord:
    loaded, deployment = measured.loaded, measured.deployment
    instants = (
        measured.t0,
        measured.ready,
        loaded.warmup_start_s,
        loaded.measure_start_s,
        loaded.measure_end_s,
        loaded.finished_s,
    )
    marks = [instant - measured.t0 for instant in instants]
    return TrialRecord(
        trial_id=trial.id,
        block=trial.block,
        position=trial.position,
        arm=trial.arm.name,
        model=trial.arm.model,
        front=trial.arm.front,
        processes=deployment.topology.processes,
        state=TrialState.DONE,
        started_at=measured.started_at,
        started_monotonic_s=measured.t0,
        boot_s=deployment.boot_s,
        phases={
            phase: PhaseWindow(start_s=start, end_s=end)
            for phase, start, end in zip(Phase, marks[:-1], marks[1:], strict=True)
        },
        services=deployment.services,
        load=loaded.counters,
        attribution=loaded.attribution,
        attestation=asdict(measured.evidence),
        sampler=measured.sampled.facts,
    )


def _with_gates(record: TrialRecord, evidence: Evidence, staging: Path, tools: Tools) -> TrialRecord:
    """Judge the trial by what was written, not by what is in memory: a report rebuilt later sees the same."""
    gates = tools.run_gates(TrialResult(record=record, tables=read_tables(staging)), os.cpu_count() or 1)
    return replace(record, gates=(*gates, *caveats(evidence)))


def _keep_logs(deployment: Deployment, staging: Path) -> None:
    for service, text in deployment.logs().items():
        if text:
            (staging / f"{service}.log").write_text(text, encoding="utf-8")
