"""The things that are kept of a measured trial: its record and the logs of its services."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lab.attest.claims import Evidence
from lab.engines import Deployment, JobRun
from lab.errors import LabError
from lab.load.locust_process import LoadOutcome
from lab.plan.trial import Trial
from lab.record.told import Executions
from lab.record.types import (
    ClockOffset,
    DrillRecord,
    Event,
    JobRecord,
    LadderRecord,
    NodeRecord,
    Phase,
    PhaseWindow,
    Point,
    RungRecord,
    TrialRecord,
    TrialState,
)
from lab.run.ends import Ends
from lab.sampling.sampler import SamplerOutcome
from lab.scenario.capacity import Capacity
from lab.scenario.drills import Drill


@dataclass(frozen=True)
class Deployed:
    """An arm that is up; ``t0`` and ``ready`` are CLOCK_MONOTONIC, ``started_at`` is ISO 8601."""

    t0: float
    ready: float
    started_at: str
    deployment: Deployment
    ends: Ends

    @property
    def epoch_s(self) -> float:
        """The trial's start in epoch seconds, to the millisecond: what the engine's instants are compared with."""
        return datetime.fromisoformat(self.started_at).timestamp()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The results of one trial, before they are a record.

    ``settle_s``: how long the arm rested after the load, until ``settled`` (CLOCK_MONOTONIC); 0: it did not.
    ``clocks``: those of the arm's machines.
    """

    deployed: Deployed
    evidence: Evidence
    events: Sequence[Event] = ()
    executions: Executions | None = None
    loaded: LoadOutcome
    sampled: SamplerOutcome
    settle_s: float = 0.0
    settled: float = 0.0
    clocks: tuple[ClockOffset | None, ...] = ()


def trial_record(trial: Trial, measured: Measured, rate: float | None = None) -> TrialRecord:
    """The record of a trial that was measured; its gates are not judged yet. ``rate``: arrivals a second."""
    loaded, deployed = measured.loaded, measured.deployed
    deployment = deployed.deployment
    return TrialRecord(
        trial_id=trial.id,
        block=trial.block,
        position=trial.position,
        arm=trial.arm.name,
        model=trial.arm.model.kind,
        front=trial.arm.front.kind,
        point=Point(key=trial.point.key, processes=deployment.topology.processes, rate=rate),
        state=TrialState.DONE,
        started_at=deployed.started_at,
        started_monotonic_s=deployed.t0,
        boot_s=deployment.boot_s,
        phases=_phases(measured),
        services=deployment.services,
        load=loaded.counters,
        attribution=loaded.attribution,
        attestation=measured.evidence,
        settle_s=measured.settle_s,
        sampler=measured.sampled.facts,
        shared_files=measured.sampled.shared_files,
        jobs=tuple(_job_record(job, deployed) for job in deployment.jobs),
        events=tuple(measured.events),
        executions=measured.executions,
        drill=_drill_record(trial.point.drill),
        ladder=_ladder_record(trial.scenario.capacity, loaded.measure_start_s - deployed.t0),
        clock=loaded.clocks[0],
        nodes=tuple(_nodes(measured)),
    )


def _phases(measured: Measured) -> dict[Phase, PhaseWindow]:
    """Where each phase begins and ends, in seconds of the trial."""
    loaded, deployed = measured.loaded, measured.deployed
    instants = (
        deployed.t0,
        deployed.ready,
        loaded.warmup_start_s,
        loaded.measure_start_s,
        loaded.measure_end_s,
        measured.settled if measured.settle_s else loaded.finished_s,
    )
    marks = [instant - deployed.t0 for instant in instants]
    return {
        phase: PhaseWindow(start_s=start, end_s=end)
        for phase, start, end in zip(Phase, marks[:-1], marks[1:], strict=True)
    }


def _nodes(measured: Measured) -> Iterator[NodeRecord]:
    """The machines of a run on nodes, those of the arm first and those that drive load last."""
    deployment, sampled, loaded = measured.deployed.deployment, measured.sampled, measured.loaded
    names, clocks = [part.node for part in deployment.parts if part.node], [*measured.clocks]
    if not names:
        return
    if deployment.generators:
        names, clocks = [*names, *(each.name for each in deployment.generators)], [*clocks, *loaded.clocks]
    loads = [*[None] * (len(names) - len(loaded.parts)), *loaded.parts]
    for name, clock, facts, load in zip(names, clocks, (sampled.facts, *sampled.beside), loads, strict=True):
        yield NodeRecord(name=name, clock=clock, sampler=facts, load=load)


def _drill_record(drill: Drill | None) -> DrillRecord | None:
    return DrillRecord(verb=drill.verb.value, slo_s=drill.slo, hold_s=drill.hold) if drill else None


def _ladder_record(capacity: Capacity | None, measure_s: float) -> LadderRecord | None:
    """``measure_s``: when the measure phase began, as an instant of the trial."""
    if capacity is None:
        return None
    rungs = (
        RungRecord(
            rate=rung.rate,
            start_s=measure_s + rung.start_s,
            count_s=measure_s + rung.count_s,
            end_s=measure_s + rung.end_s,
        )
        for rung in capacity.rungs
    )
    return LadderRecord(slo=capacity.slo, rungs=tuple(rungs))


def _job_record(job: JobRun, deployed: Deployed) -> JobRecord:
    return JobRecord(
        name=job.name,
        service=job.service,
        argv=job.argv,
        start_s=job.began_epoch_s - deployed.epoch_s,
        end_s=job.ended_epoch_s - deployed.epoch_s,
    )


@contextmanager
def failed_logs_kept(staging: Path) -> Iterator[None]:
    """Keep what the services of a deployment that failed had printed: nothing else of them is left then."""
    try:
        yield
    except LabError as error:
        _write_logs(error.logs, staging)
        raise


@contextmanager
def logs_kept(deployment: Deployment, staging: Path) -> Iterator[None]:
    """Keep what the services printed beside the tables when the block ends or fails; not when it is interrupted."""
    try:
        yield
    except Exception:
        _keep_logs(deployment, staging)
        raise
    _keep_logs(deployment, staging)


def _keep_logs(deployment: Deployment, staging: Path) -> None:
    _write_logs(deployment.logs(), staging)


def _write_logs(logs: Mapping[str, str], staging: Path) -> None:
    for service, text in logs.items():
        if text:
            (staging / f"{service}.log").write_text(text, encoding="utf-8")
