"""One trial: deploy one arm fresh, attest it, sample it, drive load at it, take it down, keep what was measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from lab.analysis.gates import run_gates
from lab.attest.attest import Collect, attest, fallback_of
from lab.attest.claims import Evidence, caveats
from lab.attest.evidence import collect
from lab.engines import Deployment, Engine
from lab.errors import LoadError
from lab.host.interrupts import INTERRUPTS
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.locust_process import LoadProcess, LoadProgress, start_load
from lab.plan.blocks import MAX_WARMUP_S, MIN_WARMUP_REQUESTS, Plan, Trial, build_topology, ports_needed, queue_limit
from lab.plan.upstream import reference
from lab.record.folder import RunFolder, read_records, read_tables
from lab.record.types import GateResult, TrialRecord, TrialResult
from lab.run.steps import Step, Steps
from lab.run.trial_record import Deployed, Measured, logs_kept, trial_record
from lab.sampling.launch import Launch
from lab.sampling.plan import SamplerPlan
from lab.sampling.sampler import Sampler, start_sampler

POLL_S = 0.1
DEATH_CHECK_EVERY_S = 1.0
LOAD_GRACE_S = 60.0  # Locust's start, on_start of every lane, and draining, on top of the phases
BURST_S = 1.0  # five readings, 0.2 s apart (METHOD 4.4)


class Observer(Protocol):
    """Who watches a run: the live view, or plain lines, or nobody."""

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """A trial begins; ``number`` counts from 1."""

    def attested(self, trial: Trial, evidence: Evidence) -> None:
        """The arm is up and is what it says; nothing is sampled or sent yet."""

    def step(self, trial: Trial, name: str) -> None:
        """A step of the trial begins: a value of steps.Step."""

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """About ten times a second while load runs."""

    def trial_finished(self, record: TrialRecord) -> None:
        """A trial is on disk."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a trial is made with; tests pass fakes, everyone else passes nothing (STYLE 4)."""

    collect_evidence: Collect = collect
    start_load: Callable[[LoadPlan], AbstractContextManager[LoadProcess]] = start_load
    start_sampler: Callable[[SamplerPlan, Launch], AbstractContextManager[Sampler]] = start_sampler
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


def run_trial(run: Run, trial: Trial, staging: Path, steps: Steps | None = None) -> TrialRecord:
    """One fresh deployment of one arm and one load run; everything measured is in ``staging`` afterwards.

    Interrupts are admitted in every step but the last: a trial that is being taken down has its record already.
    """
    steps = steps or Steps(staging)
    with INTERRUPTS.deferred():
        steps.enter(Step.PREPARE)
        t0, started_at = run.tools.clock(), datetime.now(UTC).isoformat(timespec="milliseconds")
        ports = run.engine.free_ports(ports_needed(run.plan.scenario, trial.arm), trial.setup_seed)
        topology = build_topology(run.plan.scenario, trial, ports)
        steps.enter(Step.DEPLOY)
        with run.engine.deploy(topology) as deployment, steps.then_tear_down(), logs_kept(deployment, staging):
            measured = _measure(run, trial, staging, steps, Deployed(t0, run.tools.clock(), started_at, deployment))
            with INTERRUPTS.admitted():
                record = with_gates(trial_record(trial, measured), measured.evidence, staging, run.tools)
    return record


def _measure(run: Run, trial: Trial, staging: Path, steps: Steps, deployed: Deployed) -> Measured:
    """Attest the arm, sample it, drive load at it, collect."""
    tools, deployment, t0 = run.tools, deployed.deployment, deployed.t0
    steps.enter(Step.ATTEST)
    with INTERRUPTS.admitted():
        evidence = attest(trial, deployment, _earlier_runtime(run, trial), tools.collect_evidence)
        run.observer.attested(trial, evidence)
    fallback = fallback_of(evidence, deployment.topology)
    steps.enter(Step.WARM_UP)
    with tools.start_sampler(_sampler_plan(run, deployment, t0, staging, fallback), deployment.launch) as sampler:
        with INTERRUPTS.admitted():
            tools.sleep(run.plan.scenario.load.idle)
        with tools.start_load(_load_plan(run, trial, deployment, staging, fallback)) as load, INTERRUPTS.admitted():
            _drive(run, trial, load, sampler, deployment, steps)
            steps.enter(Step.COLLECT)
            sampled = sampler.result(staging)
            loaded = load.result(staging / "requests.parquet", t0, sampled.connections)
    return Measured(deployed=deployed, evidence=evidence, loaded=loaded, sampled=sampled)


def _earlier_runtime(run: Run, trial: Trial) -> Mapping[str, str] | None:
    """The runtime of the first trial from the same image: another image may have another one, it is compared whole."""
    digest = run.folder.info.image_digest(trial.arm.image_key)
    alike = {arm.name for arm in run.plan.scenario.arms if run.folder.info.image_digest(arm.image_key) == digest}
    for record in read_records(run.folder.path, run.folder.info):
        if record.arm in alike:
            runtime: Mapping[str, str] = record.attestation.get("runtime", {})
            return runtime
    return None


def _drive(run: Run, trial: Trial, load: LoadProcess, sampler: Sampler, deployment: Deployment, steps: Steps) -> None:
    """Wait until the load has ended; tell the sampler when to look closely. Raises LabError as soon as a part fails."""
    tools, asked = run.tools, run.plan.scenario.load
    sampler.watch_load(load.pids)
    give_up_at = tools.clock() + MAX_WARMUP_S + asked.warmup + asked.measure + LOAD_GRACE_S
    next_death_check = tools.clock()
    ordered: set[str] = set()
    while not (progress := load.poll()).finished:
        steps.enter(_step_of(progress, tools.clock()))
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
        tools.sleep(_nap_s(progress, tools.clock()))
    steps.enter(Step.COOL_DOWN)  # which may have been shorter than a look
    deployment.check()


def _step_of(progress: LoadProgress, now_s: float) -> Step:
    if progress.measure_start_s is None or now_s < progress.measure_start_s:
        return Step.WARM_UP
    return Step.MEASURE if progress.measure_end_s is None or now_s < progress.measure_end_s else Step.COOL_DOWN


def _nap_s(progress: LoadProgress, now_s: float) -> float:
    """Until the next look; the end of the measure phase is not overslept."""
    left_s = (progress.measure_end_s or 0.0) - now_s
    return min(POLL_S, left_s) if left_s > 0 else POLL_S


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
        watched_port=deployment.topology.entry.port if fallback == "socket" else 0,
        pooled=not deployment.topology.pool.unlimited,
        directory=staging,
    )


def _load_plan(run: Run, trial: Trial, deployment: Deployment, staging: Path, fallback: Fallback) -> LoadPlan:
    load = run.plan.scenario.load
    return LoadPlan(
        locustfile=load.locustfile,
        base_url=deployment.topology.entry.url,
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
        upstream_of=reference(deployment.topology.upstream_of),
    )


def with_gates(record: TrialRecord, evidence: Evidence, staging: Path, tools: Tools) -> TrialRecord:
    """Judge the trial by what was written, not by what is in memory: a report rebuilt later sees the same."""
    gates = tools.run_gates(TrialResult(record=record, tables=read_tables(staging)), os.cpu_count() or 1)
    return replace(record, gates=(*gates, *caveats(evidence)))
