"""Load by hand: a person at Locust's own page starts and stops it, in the closed model; nothing of it is judged."""

from __future__ import annotations

import math
import shutil
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
from lab.live.figures import TrialFollower
from lab.load.inside.status import Status, read_status
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.outcome import LoadOutcome, LoadProgress, outcome, progress
from lab.load.web.process import WebProcess
from lab.plan.deeds import deed
from lab.plan.topology import Topology
from lab.plan.trial import Trial
from lab.plan.verbs import lacks, unprepared
from lab.report.parts.acts import act_words
from lab.run.drive import Drive, Driving, load_plan
from lab.run.scene import Act
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
    """Without schedule, points, primary metrics and expectations: nothing is judged, and load is one process."""
    load = replace(scenario.load, rate=None, processes=1, warmup=0.0, idle=0.0, settle=0.0)
    arms = tuple(replace(arm, control=False) for arm in scenario.arms)
    trials = replace(scenario.trials, looks=())
    plain = replace(scenario, compare=Compare(primary=()), expect=(), sweep=Sweep(), drills=(), capacity=None)
    return replace(plain, arms=arms, load=load, trials=trials)


def check_reachable(scenario: Scenario, elsewhere: str = "") -> None:
    """Raise ScenarioError where the one address of the page on this machine does not lead to an arm.

    It is in a network of its own, or is reached over TLS where another is not.
    """
    if len({arm.tls for arm in scenario.arms}) > 1:
        with_tls = " and ".join(f'"{arm.name}"' for arm in scenario.arms if arm.tls)
        raise ScenarioError(
            f"{with_tls} with TLS and other arms without: the page asks all arms at one address",
            "give all arms TLS or none, or measure with `lab run`",
        )
    for arm in scenario.arms:
        if (choice := scenario.network_of(arm, elsewhere)).network is Network.OWN:
            raise ScenarioError(
                f'arm "{arm.name}" is in a network of its own ({choice.why}), which no page on this machine reaches',
                'say network = "host" where the command takes {port}, or measure with `lab run`',
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

    def __init__(self, scenario: Scenario, web: WebProcess, port: int, verbs: Collection[Verb] = ()) -> None:
        self.port = port
        self.web = web
        self.wish: Wish | None = None
        self.up = False
        """An arm has been up."""
        self._scenario = scenario
        self._homes: Mapping[str, str] = {}
        self._verbs = verbs
        self._whim: Verb | None = None
        self._acts: tuple[Sequence[Act], bool] = ((), False)

    @property
    def pids(self) -> tuple[int, ...]:
        """The process of the page."""
        return (self.web.pid,)

    @contextmanager
    def start(self, trial: Trial, topology: Topology, staging: Path) -> Iterator[Driving]:
        """The page says which arm is on its way."""
        self.web.deploying(trial.arm.name, [arm.name for arm in self._scenario.arms])
        self._plan = page_plan(self._scenario, topology, staging)
        self._status: Status | None = None
        self.wish = self._whim = None
        self._acts = ((), False)
        self._possible = possible(self._scenario, trial.arm, self._verbs)
        yield self

    def attested(self, deployment: Deployment, evidence: Evidence) -> None:
        """The page can show which process served."""
        services = {address: service.name for service in deployment.services for address in service.addresses}
        self._homes = homes_of(evidence, services)
        self.up = True

    @contextmanager
    def users(self, fallback: Fallback, header: str) -> Iterator[None]:
        """Let tests be started inside the block. When it ends, all users have ended."""
        self._plan.raw.mkdir()
        self._plan.write()
        upstream_of = self._plan.upstream_of if fallback == "upstream" else ""
        verbs = [{"verb": verb.value, "deed": deed(Drill(verb=verb))} for verb in self._possible]
        self.web.open(self._plan.directory, upstream_of=upstream_of, header=header, verbs=verbs)
        self._follower, self._looked_s = TrialFollower(self._plan.directory, self._homes), -math.inf
        try:
            yield
        finally:
            self._close()

    def poll(self) -> LoadProgress:
        """Finished, once the person wished for something else."""
        status = self._close() if self.wish else read_status(self._plan.status_file(0))
        return progress([status or Status()])

    def nap(self, seconds: float) -> None:
        """Listen to the person, and have the page draw the processes."""
        if self.listen(seconds) is None and monotonic() >= self._looked_s + LOOK_S:
            self._looked_s = monotonic()
            acts, busy = self._acts
            self.web.show(self._follower.look().rows, [_told(act) for act in acts], busy=busy)

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
        status = self._close()
        if status.measure_start_s is None:
            return None
        found = outcome(self._plan, [status], target, t0_monotonic_s, connections)
        shutil.rmtree(self._plan.raw)
        return found

    def _close(self) -> Status:
        self._whim = None
        if self._status is None:
            self._status = self.web.close()
        return self._status


def _told(act: Act) -> dict[str, Any]:
    """An act as the page shows it: its instant (CLOCK_MONOTONIC) and words."""
    to = " ".join(filter(None, (act.service, f"pid {act.pid}" if act.pid else "", act.detail)))
    return {"t_s": act.began_s, "what": act_words(act.what), "to": to}
