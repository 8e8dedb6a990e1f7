"""A session by hand: one arm after the other behind one URL, Locust's web UI in front of it, everything recorded.

Every visit of an arm is a trial of a run folder that is marked as exploratory: the closed model, driven by hand,
without a plan and without a verdict.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from lab.attest.attest import attest, fallback_of
from lab.attest.claims import Evidence, homes_of
from lab.engines import Engine
from lab.errors import LabError
from lab.host.interrupts import INTERRUPTS
from lab.live.figures import TrialFollower
from lab.load.load_plan import LoadPlan
from lab.load.outcome import outcome
from lab.load.web.process import WebProcess, start_web
from lab.plan.blocks import Trial, build_topology, ports_needed
from lab.plan.topology import Endpoint, Topology
from lab.plan.upstream import reference
from lab.record.folder import RunFolder, disk_errors
from lab.record.types import TrialRecord, TrialState
from lab.run.by_hand_plans import sampler_plan, web_plan
from lab.run.trial import Tools, with_gates
from lab.run.trial_record import Deployed, Measured, logs_kept, trial_record
from lab.sampling.sampler import Sampler
from lab.scenario.file import scenario_to_json
from lab.scenario.model import Arm, Scenario
from lab.scenario.secret import NO_SECRETS, Redactor

LOOK_S = 1.0

StartWeb = Callable[[LoadPlan], AbstractContextManager[WebProcess]]


class Watcher:
    """What a session tells; by default nobody listens."""

    def deploying(self, arm: str) -> None:
        """An arm is on its way."""

    def serving(self, url: str) -> None:
        """The page is there; the first arm may still be on its way."""

    def ready(self, arm: str) -> None:
        """An arm is up, the page shows it."""

    def kept(self, record: TrialRecord) -> None:
        """A visit is on disk."""

    def not_kept(self, arm: str) -> None:
        """No test was started during a visit: there is nothing to keep."""

    def failed(self, arm: str, error: LabError) -> None:
        """An arm did not come up, or died; the session goes on."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What comes next: another arm, or the end (None). ``interrupted``: by a signal, not by the person at the page."""

    arm: str | None
    interrupted: bool = False


@dataclass(kw_only=True)
class Session:
    """One session. ``scenario`` is what ``web_plans.by_hand`` gave; tests pass other tools."""

    scenario: Scenario
    folder: RunFolder
    engine: Engine
    watcher: Watcher = field(default_factory=Watcher)
    tools: Tools = field(default_factory=Tools)
    start_web: StartWeb = start_web
    redact: Redactor = NO_SECRETS
    _kept: Counter[str] = field(default_factory=Counter)
    _runtimes: dict[str, Mapping[str, str]] = field(default_factory=dict)  # by digest: of each image's first visit
    _port: int = 0

    def run(self, arm: str) -> bool:
        """Serve the page until the person or a signal ends the session; was it a signal?

        Raises the LabError of the first arm when it does not come up; later the page says so and offers the others.
        KeyboardInterrupt when a signal came while everything was being taken down already.
        """
        most = max(ports_needed(self.scenario, each) for each in self.scenario.arms)
        self._port = self.engine.free_ports(most, self.scenario.trials.seed)[0]
        plan = web_plan(self.scenario, Endpoint(port=self._port).url, self.folder.path)
        with INTERRUPTS.deferred(), self.start_web(plan) as web:
            self.watcher.serving(web.url)
            wish = Wish(arm)
            while wish.arm is not None:
                wish = self._attend(web, next(each for each in self.scenario.arms if each.name == wish.arm))
        return wish.interrupted

    def _attend(self, web: WebProcess, arm: Arm) -> Wish:
        """One visit, however it ends, and what the person wants after it."""
        web.deploying(arm.name, [each.name for each in self.scenario.arms])
        self.watcher.deploying(arm.name)
        trial = self._next_trial(arm)
        staging = self.folder.stage(trial.id)
        try:
            with INTERRUPTS.owing(f"folder {staging}"), disk_errors(staging):
                wish, record = self._visit(web, trial, staging)
        except KeyboardInterrupt:
            shutil.rmtree(staging)
            return Wish(None, interrupted=True)
        except LabError as error:
            self._list(trial)
            self.folder.abandon(trial.id, TrialState.FAILED, f"{trial.id}: {str(error).removeprefix(f'{trial.id}: ')}")
            if not self._runtimes or web.dead:
                raise
            self.folder.note_cut("")  # the session goes on; the trial's own state says what became of it
            web.fail(self.redact(str(error)))
            self.watcher.failed(arm.name, error)
            return self._wait(web)
        self._keep(trial, record, staging)
        return wish

    def _next_trial(self, arm: Arm) -> Trial:
        """The nth visit of an arm that is kept is its trial in block n."""
        block = self._kept[arm.name] + 1
        seed = Random(f"{self.scenario.trials.seed}/{block}/{arm.name}").getrandbits(32)
        return Trial(
            id=f"b{block:02d}-{arm.name}",
            block=block,
            position=self._kept.total(),
            arm=arm,
            schedule_seed=seed,
            setup_seed=seed,
        )

    def _visit(self, web: WebProcess, trial: Trial, staging: Path) -> tuple[Wish, TrialRecord | None]:
        """Deploy, attest, sample, serve, take down; no record when no test was started."""
        tools = self.tools
        t0, started_at = tools.clock(), datetime.now(UTC).isoformat(timespec="milliseconds")
        with self.engine.deploy(self._topology(trial)) as deployment, logs_kept(deployment, staging):
            deployed = Deployed(t0, tools.clock(), started_at, deployment)
            with INTERRUPTS.admitted():
                image = self.folder.info.image_digest(trial.arm.image_key)
                evidence = attest(trial, deployment, self._runtimes.get(image), tools.collect_evidence)
            self._runtimes.setdefault(image, evidence.runtime)
            wish, measured = self._sampled(web, trial, staging, deployed, evidence)
        if measured is None:
            return wish, None
        return wish, with_gates(trial_record(trial, measured), evidence, staging, tools)

    def _sampled(
        self, web: WebProcess, trial: Trial, staging: Path, deployed: Deployed, evidence: Evidence
    ) -> tuple[Wish, Measured | None]:
        """Serve the arm and collect what was measured."""
        topology, t0 = deployed.deployment.topology, deployed.t0
        fallback = fallback_of(evidence, topology)
        plan = replace(web_plan(self.scenario, topology.entry.url, staging), fallback=fallback)
        sampling = sampler_plan(deployed.deployment, t0, staging, fallback)
        with self.tools.start_sampler(sampling, deployed.deployment.launch) as sampler:
            sampler.watch_load([web.pid])
            plan.raw.mkdir()
            plan.write()
            web.open(staging, upstream_of=reference(topology.upstream_of) if fallback == "upstream" else "")
            self.watcher.ready(trial.arm.name)
            services = {port: service.name for service in deployed.deployment.services for port in service.ports}
            follower = TrialFollower(staging, homes_of(evidence, services))
            try:
                wish = self._serve(web, follower, deployed, sampler)
            finally:
                status = web.close()
            if status.measure_start_s is None:
                return wish, None
            sampled = sampler.result(staging)
            loaded = outcome(plan, [status], staging / "requests.parquet", t0, sampled.connections)
            shutil.rmtree(plan.raw)
        return wish, Measured(deployed=deployed, evidence=evidence, loaded=loaded, sampled=sampled)

    def _serve(self, web: WebProcess, follower: TrialFollower, deployed: Deployed, sampler: Sampler) -> Wish:
        """Until the person wants something else, a signal comes, or a part dies."""

        def look() -> None:
            sampler.check()
            deployed.deployment.check()
            web.show(follower.look().rows)

        return self._wait(web, look)

    def _wait(self, web: WebProcess, look: Callable[[], None] = lambda: None) -> Wish:
        """The next wish; looks around once a second meanwhile."""
        next_look = self.tools.clock()
        try:
            with INTERRUPTS.admitted():
                while True:
                    if (message := web.wish(max(0.0, next_look - self.tools.clock()))) is not None:
                        return Wish(message.get("arm"))
                    if self.tools.clock() >= next_look:
                        look()
                        next_look = self.tools.clock() + LOOK_S
        except KeyboardInterrupt:
            return Wish(None, interrupted=True)

    def _topology(self, trial: Trial) -> Topology:
        """The arm with clients at the session's port, wherever in its list of ports that belongs."""
        needed = ports_needed(self.scenario, trial.arm)
        place = build_topology(self.scenario, trial, range(needed)).entry.port
        ports = [port for port in self.engine.free_ports(needed, trial.setup_seed) if port != self._port]
        return build_topology(self.scenario, trial, [*ports[:place], self._port, *ports[place : needed - 1]])

    def _keep(self, trial: Trial, record: TrialRecord | None, staging: Path) -> None:
        if record is None:
            shutil.rmtree(staging)
            self.watcher.not_kept(trial.arm.name)
            return
        self._list(trial)
        self.folder.commit(record)
        self._kept[trial.arm.name] += 1
        visited = tuple(arm for arm in self.scenario.arms if self._kept[arm.name])
        trials = replace(self.scenario.trials, blocks=max(self._kept.values()))
        scenario = scenario_to_json(replace(self.scenario, arms=visited, trials=trials))
        self.folder.write_info(replace(self.folder.info, scenario=scenario))  # a report shall miss no other arm
        self.watcher.kept(record)

    def _list(self, trial: Trial) -> None:
        if trial.id not in self.folder.info.order:  # an arm that failed may be tried again
            self.folder.extend([trial.id])
