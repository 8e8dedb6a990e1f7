"""The moment of a run, for whoever shows it: what a view is told, and what a look at the trial's files finds."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lab.analysis.comparison import Comparison
from lab.analysis.gates import INVALID, PASS
from lab.attest.claims import Evidence, homes_of
from lab.cli.console import shown
from lab.cli.live.estimates import estimates, nothing_yet
from lab.cli.live.remarks import EVERY_S, remarks
from lab.cli.live.screen import Moment
from lab.live.trial import TrialFollower
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import Plan
from lab.plan.trial import Trial
from lab.record.folder import RunFolder
from lab.record.types import TrialRecord
from lab.run.steps import Step
from lab.run.view import QuietView


class Looks:
    """The last look at the files of one trial. It looks once a second: a look costs as much as two drawings."""

    def __init__(self, follower: TrialFollower) -> None:
        self._follower = follower
        self._next_s, self._step = 0.0, ""
        self._found: Mapping[str, Any] = {}

    def shown(self, moment: Moment) -> Moment:
        """The moment with what is known of processes, requests and machine; looked up anew when a step begins."""
        if moment.now_s >= self._next_s or moment.step != self._step:
            self._next_s, self._step, progress = moment.now_s + EVERY_S, moment.step, moment.progress
            begun_s = None if progress is None else progress.measure_start_s or progress.warmup_start_s
            machine = self._follower.machine(measuring=moment.step == Step.MEASURE)
            figures = self._follower.look(begun_s)
            self._found = {"figures": figures, "machine": machine, "remarks": remarks(machine)}
        return replace(moment, **self._found)


class Watch(QuietView):
    """Keeps the moment; says nothing. Files are read only when somebody asks what is going on, in any thread."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._folder: RunFolder | None = None
        self._moment = Moment(plan=plan, trial=plan.trials[0], estimates=nothing_yet(plan.scenario))
        self._looks: Looks | None = None
        self._looking = threading.Lock()

    @property
    def run_id(self) -> str:
        """That of the run; empty before it has a folder."""
        return self._folder.info.run_id if self._folder else ""

    def now(self) -> Moment:
        """What is going on, with the latest figures of the trial."""
        with self._looking:
            moment, looks = replace(self._moment, now_s=self._clock()), self._looks
            return looks.shown(moment) if looks else moment

    def watch(self, folder: RunFolder) -> None:
        """Name the run."""
        self._folder = folder
        self._change(name=shown(folder.info.scenario_name))

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """Nothing is known of it yet."""
        now_s, self._looks = self._clock(), None
        self._change(trial=trial, number=number, total=total, begun_s=now_s, progress=None)
        self._change(step=Step.PREPARE, step_since_s=now_s)

    def trial_step(self, trial: Trial, name: str) -> None:
        """Where there is no load, the step is what is going on."""
        self._change(trial=trial, step=name, step_since_s=self._clock())

    def waiting(self, why: str) -> None:
        """Waiting is a step; the trial has not begun."""
        self._change(step=why, begun_s=self._clock())

    def attested(self, trial: Trial, evidence: Evidence) -> None:
        """From now on there are files to follow."""
        if self._folder is not None:  # where the lab may not see who listens, no name leads to a service
            homes = homes_of(evidence, evidence.listeners)
            self._looks = Looks(TrialFollower(self._folder.staging(trial.id), homes))

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Phase and counters."""
        self._change(trial=trial, progress=progress)

    def trial_finished(self, record: TrialRecord) -> None:
        """Its gates have judged."""
        moment, outcomes = self._moment, {gate.key: gate.outcome for gate in record.gates}
        self._change(
            lengths_s=(*moment.lengths_s, self._clock() - moment.begun_s),
            caveats=moment.caveats | {key for key, outcome in outcomes.items() if outcome not in (PASS, INVALID)},
            invalid=moment.invalid + (INVALID in outcomes.values()),
        )

    def compared(self, comparison: Comparison, where: str) -> None:  # noqa: ARG002  the trial's own name has it
        """Take over the running estimates."""
        self._change(estimates=estimates(comparison))

    def _change(self, **changes: Any) -> None:
        """The moment is replaced as a whole: another thread reads it."""
        self._moment = replace(self._moment, **changes)
