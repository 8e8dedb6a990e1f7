"""One trial: start its load, deploy an arm fresh, attest it, sample it, let the load at it, take it down, keep it."""

import math
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lab.analysis.findings import run_findings
from lab.attest.attest import attest, fallback_of
from lab.attest.claims import Evidence, caveats
from lab.attest.runtime import check_gil
from lab.errors import InterruptedRunError, LabError, LoadError
from lab.host.interrupts import INTERRUPTS
from lab.load.load_plan import Fallback
from lab.plan.loading import loaded_s
from lab.plan.models.model import model_of
from lab.plan.trial import Trial
from lab.record.disk import disk_errors
from lab.record.folder import read_records, read_tables
from lab.record.types import Event, TrialRecord, TrialResult, TrialState
from lab.run.abandoned import abandon, lose, lost_node
from lab.run.drill import Acting, acting, given_up
from lab.run.drive import Drive, Driving
from lab.run.ends import Ends
from lab.run.pace import nap_s, step_of
from lab.run.samplers import Samplers, samplers
from lab.run.startup import restart_one, step_events
from lab.run.steps import Step, Steps
from lab.run.tools import Run
from lab.run.topology import topology_of
from lab.run.trial_record import Deployed, Measured, failed_logs_kept, logs_kept, trial_record
from lab.sampling.grid import FASTEST_S, LOOKS_ENOUGH
from lab.sampling.plan import SamplerPlan
from lab.scenario.model import Arm

DEATH_CHECK_EVERY_S = 1.0
LATE = "while it served"  # an extension module may be imported at any time
LOAD_GRACE_S = 60.0  # on_start of every lane, and draining, on top of the phases
BY_HAND_S = FASTEST_S * LOOKS_ENOUGH  # a load without an end is sampled as a short one: the page wants PSS each second


def run_trial(run: Run, trial: Trial, drive: Drive) -> TrialRecord | None:
    """Make one trial, whole in the run folder or not at all; None when there is nothing to keep of it.

    Raises InterruptedRunError, LostError where a machine that drives load is gone, or the LabError of what failed; the
    folder says why there is no such trial. Interrupts are admitted until the load has ended: then the trial is
    measured, and is kept.
    """
    staging = run.folder.stage(trial.id)
    steps = Steps(staging, lambda step: run.view.trial_step(trial, step), run.tools.clock)
    try:
        with disk_errors(staging):
            record = _Making(run=run, trial=trial, drive=drive, staging=staging, steps=steps).record()
            if record is None:
                shutil.rmtree(staging)
                return None
            run.folder.extend([trial.id])
            run.folder.commit(record)
    except KeyboardInterrupt:
        told = f"interrupted during {trial.id} while {steps.said}"
        abandon(run, trial, TrialState.INTERRUPTED, told)
        raise InterruptedRunError(f"{told}; finished trials are kept") from None
    except LabError as error:
        error.args = (f"{trial.id} failed while {steps.said}: {str(error).removeprefix(f'{trial.id}: ')}",)
        if node := lost_node(run, trial, error):
            raise lose(run, trial, node, error) from None
        trouble = abandon(run, trial, TrialState.FAILED, str(error), error)
        error.hint = "; ".join(filter(None, [error.hint, trouble]))
        raise
    except Exception as error:  # a fault of the lab itself keeps its traceback
        abandon(run, trial, TrialState.FAILED, f"{trial.id} failed while {steps.said}: {error!r}")
        raise
    run.view.trial_finished(record)
    return record


@dataclass(frozen=True, kw_only=True)
class _Making:
    """One trial in the making; everything measured is in ``staging`` afterwards."""

    run: Run
    trial: Trial
    drive: Drive
    staging: Path
    steps: Steps

    def record(self) -> TrialRecord | None:
        """One load and one fresh deployment of one arm."""
        run, trial, clock = self.run, self.trial, self.run.tools.clock
        with INTERRUPTS.deferred():
            self.steps.enter(Step.PREPARE)
            topology = topology_of(run.engine, trial, self.drive.port, run.certificate)
            with self.drive.start(trial, topology, self.staging) as driving:
                t0, started_at = clock(), datetime.now(UTC).isoformat(timespec="milliseconds")
                self.steps.enter(Step.DEPLOY)
                with (
                    failed_logs_kept(self.staging),
                    run.engine.deploy(topology) as deployment,
                    self.steps.then_tear_down(),
                    logs_kept(deployment, self.staging),
                ):
                    ends = Ends(happened=deployment.happened, t0=t0, clock=clock)
                    measured = self._measure(driving, Deployed(t0, clock(), started_at, deployment, ends))
                if measured is None:
                    return None
                rate = trial.scenario.load.rate if measured.loaded.counters.open_model else None
                record = trial_record(trial, measured, rate)
                return _with_gates(record, measured.evidence, self.staging, run)

    def _measure(self, driving: Driving, deployed: Deployed) -> Measured | None:
        """Attest the arm, sample it, let the load at it, collect."""
        run, deployment, t0, clock = self.run, deployed.deployment, deployed.t0, self.run.tools.clock
        self.steps.enter(Step.ATTEST)
        with INTERRUPTS.admitted():
            evidence = attest(self.trial, deployment, _earlier_runtime(run, self.trial), run.tools.collect_evidence)
            self.drive.attested(deployment, evidence)
            run.view.attested(self.trial, evidence)
        fallback = fallback_of(evidence, deployment.topology)
        self.steps.enter(Step.WARM_UP)
        plan = self._sampler_plan(deployed, fallback)
        with samplers(run.tools.start_sampler, plan, deployment, driving.pids_by_machine) as sampler:
            with INTERRUPTS.admitted():
                run.tools.sleep(self.trial.scenario.load.idle)
            with (
                driving.users(fallback, deployment.topology.server_header),
                acting(self.trial, deployment, run.certificate.next) as drill,
            ):
                self._follow(driving, sampler, deployed, drill)
                settle_s = self._settle(sampler, deployed, drill)
                settled = clock()
                check_gil(deployment.topology, deployment.logs().values() if deployment.topology.threaded else (), LATE)
                self.steps.enter(Step.COLLECT)
                self.drive.get_ready()
                sampled, clocks = sampler.result(self.staging), tuple(part.clock() for part in deployment.parts)
                loaded = driving.result(self.staging / "requests.parquet", t0, sampled.connections)
        if loaded is None:
            return None
        happened = (*drill.events(t0), *given_up(self.trial, loaded, t0), *self._events(deployed))
        return Measured(
            deployed=deployed,
            evidence=evidence,
            events=sorted(happened, key=lambda event: event.t_s),
            executions=deployment.executed(),
            loaded=loaded,
            sampled=sampled,
            settle_s=settle_s,
            settled=settled,
            clocks=clocks,
        )

    def _events(self, deployed: Deployed) -> Iterator[Event]:
        """What happened to the arm, and what it told of its start-up steps.

        Everything is measured, so that now one process may be restarted to count again: that is the lab's doing.
        """
        yield from deployed.ends.all()
        if self.trial.scenario.trials.restart_one:
            self.steps.enter(Step.RESTART)
            yield restart_one(deployed.deployment, self.staging, deployed.epoch_s)
        yield from step_events(deployed.deployment, deployed.epoch_s)

    def _sampler_plan(self, deployed: Deployed, fallback: Fallback) -> SamplerPlan:
        topology = deployed.deployment.topology
        watched = topology.entry if fallback == "socket" else None
        return SamplerPlan(
            targets=deployed.deployment.targets,
            t0_monotonic_s=deployed.t0,
            measure_s=BY_HAND_S if self.drive.by_hand else self.trial.scenario.load.measure,
            lab_pid=0 if self.run.engine.elsewhere else os.getpid(),
            watched_port=watched.port if watched else 0,
            watched_service=deployed.deployment.service_at(watched) if watched else "",
            pooled=not topology.pool.unlimited,
            threads=topology.threaded,
            directory=self.staging,
        )

    def _follow(self, driving: Driving, sampler: Samplers, deployed: Deployed, drill: Acting) -> None:
        """Wait until the load has ended. Raises LabError when a part fails."""
        clock = self.run.tools.clock
        give_up_at = math.inf if self.drive.by_hand else clock() + loaded_s(self.trial.scenario) + LOAD_GRACE_S
        next_death_check = clock()
        while not (progress := driving.poll()).finished:
            self.steps.enter(step_of(progress, clock()))
            self.run.view.progress(self.trial, progress)
            sampler.check()
            drill.look(progress.measure_start_s)
            deployed.ends.look()
            if (asked := self.drive.asked()) is not None:
                drill.do(asked)
            self.drive.acted(drill.acts, busy=drill.busy)
            if clock() >= next_death_check:
                drill.check()
                next_death_check = clock() + DEATH_CHECK_EVERY_S
            if clock() > give_up_at:
                raise LoadError(f"{self.trial.id}: Locust has not ended the load in time", "see its locust.log")
            driving.nap(nap_s(progress, clock()))
        self.steps.enter(Step.COOL_DOWN)  # which may have been shorter than a look
        drill.check()

    def _settle(self, sampler: Samplers, deployed: Deployed, drill: Acting) -> float:
        """Let the arm rest, still read, after a load that the scenario made. Gives the seconds that were asked for."""
        settle_s, clock = 0.0 if self.drive.by_hand else self.trial.scenario.load.settle, self.run.tools.clock
        end_s = clock() + settle_s
        while (left_s := end_s - clock()) > 0:
            with INTERRUPTS.admitted():
                self.run.tools.sleep(min(DEATH_CHECK_EVERY_S, left_s))
            sampler.check()
            deployed.ends.look()
            drill.check()
        return settle_s


def _earlier_runtime(run: Run, trial: Trial) -> Mapping[str, str] | None:
    """The runtime of the first trial of the same server from the same image; others are compared whole."""

    def runs(arm: Arm) -> tuple[str, str]:
        return run.folder.info.image_digest(arm.image_key), model_of(arm).server(arm.model)

    alike = {arm.name for arm in run.plan.scenario.arms if runs(arm) == runs(trial.arm)}
    for record in read_records(run.folder.path, run.folder.info):
        if record.arm in alike:
            return record.attestation.runtime
    return None


def _with_gates(record: TrialRecord, evidence: Evidence, staging: Path, run: Run) -> TrialRecord:
    """Judge the trial by what was written, not by what is in memory: a report rebuilt later sees the same."""
    trial = TrialResult(record=record, tables=read_tables(staging))
    cores = run.folder.info.environment.known.cpu_online or os.cpu_count() or 1  # the engine's machine
    gates, findings = run.tools.run_gates(trial, cores), run_findings(trial, cores)
    return replace(record, gates=(*gates, *caveats(evidence)), findings=findings)
