"""The one place where effects meet: run every trial of a plan; what one trial measured is on disk before the next."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from lab.analysis.gates import run_gates
from lab.engines import Deployment, Engine
from lab.errors import InterruptedRunError, LabError, LoadError
from lab.load.locust_process import LoadOutcome, LoadPlan, LoadProcess, LoadProgress, start_load
from lab.plan import MAX_WARMUP_S, MIN_WARMUP_REQUESTS, Plan, Trial, build_topology, ports_needed, queue_limit
from lab.records import Phase, PhaseWindow, TrialRecord, TrialResult, TrialState
from lab.results import RunFolder, read_tables
from lab.sampling.sampler import Sampler, SamplerOutcome, SamplerPlan, start_sampler
from lab.scenario import Scenario

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

    start_load: Callable[[LoadPlan], AbstractContextManager[LoadProcess]] = start_load
    start_sampler: Callable[[SamplerPlan], AbstractContextManager[Sampler]] = start_sampler
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def run_plan(plan: Plan, folder: RunFolder, engine: Engine, observer: Observer, tools: Tools | None = None) -> None:
    """Run every trial in order. A failed or interrupted trial ends the run; what was finished stays and is readable.

    Raises the LabError of the trial that failed, or InterruptedRunError.
    """
    tools = tools or Tools()
    for number, trial in enumerate(plan.trials, start=1):
        observer.trial_started(trial, number, len(plan.trials))
        staging = folder.stage(trial.id)
        try:
            record = run_trial(plan.scenario, trial, staging, engine, observer, tools)
        except KeyboardInterrupt:
            _abandon(folder, trial, TrialState.INTERRUPTED, f"interrupted during {trial.id}")
            raise InterruptedRunError(f"interrupted during {trial.id}; {number - 1} finished trials are kept") from None
        except LabError as error:
            _abandon(folder, trial, TrialState.FAILED, f"{trial.id}: {error}")
            raise
        folder.commit(record)
        observer.trial_finished(record)


def _abandon(folder: RunFolder, trial: Trial, state: TrialState, reason: str) -> None:
    """Note why there is no such trial; its logs stay beside the finished ones when they can explain a failure."""
    staging = folder.path / "trials" / f".{trial.id}.part"
    if state is TrialState.FAILED:
        staging.rename(folder.path / "trials" / f"{trial.id}.failed")
    else:
        shutil.rmtree(staging)
    folder.write_info(replace(folder.info, states={**folder.info.states, trial.id: state}, cut=reason))


def run_trial(
    scenario: Scenario, trial: Trial, staging: Path, engine: Engine, observer: Observer, tools: Tools
) -> TrialRecord:
    """One fresh deployment of one arm and one load run; everything measured is in ``staging`` afterwards."""
    t0, started_at = tools.clock(), datetime.now(UTC).isoformat(timespec="milliseconds")
    ports = engine.free_ports(ports_needed(scenario, trial.arm), trial.setup_seed)
    with engine.deploy(build_topology(scenario, trial, ports)) as deployment:
        ready = tools.clock()
        try:
            with tools.start_sampler(_sampler_plan(scenario, deployment, t0, staging)) as sampler:
                tools.sleep(scenario.load.idle)
                with tools.start_load(_load_plan(scenario, trial, deployment, staging)) as load:
                    _drive(scenario, trial, load, sampler, deployment, observer, tools)
                    loaded = load.result(staging / "requests.parquet", t0)
                sampled = sampler.result(staging)
        finally:
            _keep_logs(deployment, staging)
    record = _record(scenario, trial, deployment, loaded, sampled, t0, ready, started_at)
    return _with_gates(record, staging)


def _drive(
    scenario: Scenario,
    trial: Trial,
    load: LoadProcess,
    sampler: Sampler,
    deployment: Deployment,
    observer: Observer,
    tools: Tools,
) -> None:
    """Wait until the load has ended; tell the sampler when to look closely. Raises LabError as soon as a part fails."""
    sampler.watch_load(load.pids)
    give_up_at = tools.clock() + MAX_WARMUP_S + scenario.load.warmup + scenario.load.measure + LOAD_GRACE_S
    next_death_check = tools.clock()
    bursts_ordered = False
    while not (progress := load.poll()).finished:
        if progress.measure_end_s is not None and not bursts_ordered:
            sampler.burst_at(tools.clock(), "end of warmup")
            sampler.burst_at(progress.measure_end_s - BURST_S, "end of measure")
            bursts_ordered = True
        observer.progress(trial, progress)
        sampler.check()
        if tools.clock() >= next_death_check:
            deployment.check()
            next_death_check = tools.clock() + DEATH_CHECK_EVERY_S
        if tools.clock() > give_up_at:
            raise LoadError(f"{trial.id}: Locust has not ended the load in time", "see locust.log beside the trial")
        tools.sleep(POLL_S)
    deployment.check()


def _sampler_plan(scenario: Scenario, deployment: Deployment, t0: float, staging: Path) -> SamplerPlan:
    load = scenario.load
    return SamplerPlan(
        targets=deployment.targets,
        t0_monotonic_s=t0,
        expected_s=load.idle + load.warmup + load.measure,
        lab_pid=os.getpid(),
        directory=staging,
    )


def _load_plan(scenario: Scenario, trial: Trial, deployment: Deployment, staging: Path) -> LoadPlan:
    load = scenario.load
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
        serving_processes=scenario.budget.processes,
        warmup_s=load.warmup,
        min_warmup_requests=MIN_WARMUP_REQUESTS,
        max_warmup_s=max(MAX_WARMUP_S, load.warmup),
        measure_s=load.measure,
        queue_limit=queue_limit(load.rate or 0.0),
        directory=staging,
    )


def _record(
    scenario: Scenario,
    trial: Trial,
    deployment: Deployment,
    loaded: LoadOutcome,
    sampled: SamplerOutcome,
    t0: float,
    ready: float,
    started_at: str,
) -> TrialRecord:
    warmup, measure, end, finished = (
        instant - t0
        for instant in (loaded.warmup_start_s, loaded.measure_start_s, loaded.measure_end_s, loaded.finished_s)
    )
    return TrialRecord(
        trial_id=trial.id,
        block=trial.block,
        position=trial.position,
        arm=trial.arm.name,
        model=trial.arm.model,
        front=trial.arm.front,
        processes=scenario.budget.processes,
        state=TrialState.DONE,
        started_at=started_at,
        started_monotonic_s=t0,
        boot_s=deployment.boot_s,
        phases={
            Phase.BOOT: PhaseWindow(start_s=0.0, end_s=ready - t0),
            Phase.IDLE: PhaseWindow(start_s=ready - t0, end_s=warmup),
            Phase.WARMUP: PhaseWindow(start_s=warmup, end_s=measure),
            Phase.MEASURE: PhaseWindow(start_s=measure, end_s=end),
            Phase.COOLDOWN: PhaseWindow(start_s=end, end_s=finished),
        },
        services=deployment.services,
        load=loaded.counters,
        attribution=loaded.attribution,
        attestation={"servers": dict(deployment.servers)},
        sampler=sampled.facts,
    )


def _with_gates(record: TrialRecord, staging: Path) -> TrialRecord:
    """Judge the trial by what was written, not by what is in memory: a report rebuilt later sees the same."""
    gates = run_gates(TrialResult(record=record, tables=read_tables(staging)), os.cpu_count() or 1)
    return replace(record, gates=gates)


def _keep_logs(deployment: Deployment, staging: Path) -> None:
    for service, text in deployment.logs().items():
        if text:
            (staging / f"{service}.log").write_text(text, encoding="utf-8")
