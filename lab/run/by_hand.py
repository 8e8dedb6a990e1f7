"""Load by hand: a person at Locust's own page starts and stops it, in the closed model; nothing of it is judged."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import polars as pl

from lab.attest.claims import Evidence, homes_of
from lab.engines import Deployment
from lab.errors import ScenarioError
from lab.host.interrupts import INTERRUPTS
from lab.live.trial import TrialFollower
from lab.load.inside.status import Status
from lab.load.interpreter import interpreter_of
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.locust_process import Loads
from lab.load.outcome import LoadOutcome, LoadProgress, progress
from lab.load.web.process import WebProcess
from lab.plan.deeds import deed
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Topology
from lab.plan.trial import Trial
from lab.plan.verbs import lacks, unprepared
from lab.report.parts.acts import act_words
from lab.run.drive import Drive, Driving, load_plan
from lab.run.scene import Act
from lab.run.visit import ByWorkers, OnPage, Visit
from lab.scenario.arm import Arm
from lab.scenario.compare import Compare
from lab.scenario.drills import Drill, Verb
from lab.scenario.model import Scenario
from lab.scenario.network import Network
from lab.scenario.sweep import Sweep

LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A person's wish for what comes next: another arm, or the end (None)."""

    arm: str | None


def by_hand(scenario: Scenario) -> Scenario:
    """Without schedule, points, primary metrics and expectations: nothing is judged.

    Load is one process; on nodes as many workers as the scenario has load processes.
    """
    processes = scenario.load.processes if scenario.nodes else 1
    load = replace(scenario.load, rate=None, processes=processes, warmup=0.0, idle=0.0, settle=0.0)
    arms = tuple(replace(arm, control=False) for arm in scenario.arms)
    trials = replace(scenario.trials, looks=())
    plain = replace(
        scenario, compare=Compare(primary=()), expect=(), sweep=Sweep(), drills=(), capacity=None, limits=None
    )
    return replace(plain, arms=arms, load=load, trials=trials)


def check_reachable(scenario: Scenario, elsewhere: str = "") -> None:
    """Raise ScenarioError where the users of one page cannot reach every arm from where they are.

    One is in a network of its own, or is reached over TLS, where another is not.
    """
    if len({arm.tls for arm in scenario.arms}) > 1:
        with_tls = " and ".join(f'"{arm.name}"' for arm in scenario.arms if arm.tls)
        raise ScenarioError(
            f"{with_tls} with TLS and other arms without: the page asks all arms at one address",
            "give all arms TLS or none, or measure with `lab run`",
        )
    networks = {arm.name: scenario.network_of(arm, elsewhere) for arm in scenario.arms}
    if len({choice.network for choice in networks.values()}) > 1:
        name, choice = next(each for each in networks.items() if each[1].network is Network.OWN)
        raise ScenarioError(
            f'arm "{name}" is in a network of its own ({choice.why}), and another arm is not: the page asks all arms '
            "from one place",
            'say network = "own", or "host", for the whole scenario, or measure with `lab run`',
        )


def page_plan(scenario: Scenario, topology: Topology, directory: Path) -> LoadPlan:
    """The closed model of the scenario's locustfile; phases and users are up to the person."""
    return load_plan(scenario.load, topology, scenario.trials.seed, directory, min_warmup_requests=0)


def possible(scenario: Scenario, arm: Arm, engine: Collection[Verb]) -> tuple[Verb, ...]:
    """The verbs that an arm has everything for, of those that its engine can do."""
    missing = lacks(arm, scenario).keys() | unprepared(arm, scenario).keys()
    return tuple(verb for verb in Verb if verb in engine and verb not in missing)


class ByHand(Drive, Driving):
    """Load by a person at Locust's own page, which outlives the arms: `lab ui`. One arm at a time."""

    by_hand = True

    def __init__(
        self,
        scenario: Scenario,
        web: WebProcess,
        port: int,
        verbs: Collection[Verb] = (),
        workers: Loads | None = None,
    ) -> None:
        self.port = port
        self.web = web
        self._workers = workers
        self.wish: Wish | None = None
        self.up = False
        """An arm has been up."""
        self._scenario = scenario
        self._homes: Mapping[str, str] = {}
        self._fronts: Collection[str] = ()
        self._verbs = verbs
        self._whim: Verb | None = None
        self._acts: tuple[Sequence[Act], bool] = ((), False)

    @property
    def pids_by_machine(self) -> tuple[tuple[int, ...], ...]:
        """Those of the visit."""
        return self._visit.pids_by_machine

    def get_ready(self) -> None:
        """Import Locust in the workers of the next visit."""
        if self._workers:
            load = self._scenario.load
            self._workers.get_ready(load.all_processes, interpreter_of(load))

    @contextmanager
    def start(self, trial: Trial, topology: Topology, staging: Path) -> Iterator[Driving]:
        """The page says which arm is on its way."""
        self.web.deploying(trial.arm.name, [arm.name for arm in self._scenario.arms])
        self._plan = page_plan(self._scenario, topology, staging)
        self._closed: Sequence[Status] = ()
        self.wish = self._whim = None
        self._acts = ((), False)
        self._possible = possible(self._scenario, trial.arm, self._verbs)
        with self._visiting() as self._visit:
            yield self

    @contextmanager
    def _visiting(self) -> Iterator[Visit]:
        if self._workers is None:
            yield OnPage(self.web, self._plan)
            return
        with self._workers.start(replace(self._plan, by_hand=True), relay=self.web.relay) as load:
            yield ByWorkers(self.web, load)

    def attested(self, deployment: Deployment, evidence: Evidence) -> None:
        """The page can show which process served."""
        services = {address: service.name for service in deployment.services for address in service.addresses}
        self._homes = homes_of(evidence, services)
        self._fronts = {service.name for service in deployment.services if service.kind == ServiceKind.PROXY}
        self.up = True

    @contextmanager
    def users(self, fallback: Fallback, header: str) -> Iterator[None]:
        """Let tests be started inside the block. When it ends, all users have ended."""
        upstream_of = self._plan.upstream_of if fallback == "upstream" else ""
        verbs = [{"verb": verb.value, "deed": deed(Drill(verb=verb))} for verb in self._possible]
        with self._visit.users(fallback, header):
            self.web.open(self._plan.directory, upstream_of=upstream_of, header=header, verbs=verbs)
            self._follower, self._looked_s = TrialFollower(self._plan.directory, self._homes), -math.inf
            try:
                yield
            finally:
                self._close()

    def poll(self) -> LoadProgress:
        """Finished, once the person wished for something else."""
        return progress(self._close()) if self.wish else self._visit.poll()

    def nap(self, seconds: float) -> None:
        """Listen to the person, and have the page draw the processes."""
        if self.listen(seconds) is None and monotonic() >= self._looked_s + LOOK_S:
            self._looked_s = monotonic()
            acts, busy = self._acts
            self.web.show(self._follower.look().rows, [_told(act, self._fronts) for act in acts], busy=busy)

    def listen(self, seconds: float) -> Wish | None:
        """The person's next wish, if one comes in time. An interrupt is one."""
        try:
            with INTERRUPTS.admitted():
                message = self.web.wish(seconds)
        except KeyboardInterrupt:
            self.wish = Wish(None)
        else:
            self.wish = None if message is None or message["said"] == "act" else Wish(message.get("arm"))
            if message and message["said"] == "act" and message["verb"] in self._possible:
                self._whim = Verb(message["verb"])
        return self.wish

    def asked(self) -> Drill | None:
        """What the person chose in the menu of the page."""
        verb, self._whim = self._whim, None
        return Drill(verb=verb) if verb else None

    def acted(self, acts: Sequence[Act], *, busy: bool) -> None:
        """The page draws them with the next look."""
        self._acts = (acts, busy)

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None) -> LoadOutcome | None:
        """The latest test is the measure phase; None when none was started."""
        if self._close()[0].measure_start_s is None:
            return None
        return self._visit.result(target, t0_monotonic_s, connections)

    def _close(self) -> Sequence[Status]:
        self._whim = None
        self._closed = self._closed or self._visit.close()
        return self._closed


def _told(act: Act, fronts: Collection[str]) -> dict[str, Any]:
    """An act as the page shows it: its instant (CLOCK_MONOTONIC) and words."""
    to = " ".join(filter(None, (act.service, f"pid {act.pid}" if act.pid else "", act.detail)))
    return {"t_s": act.began_s, "what": act_words(act.what, front=act.service in fronts), "to": to}
