"""The driver of a trial's load: the scenario's schedule, or a person. Everything else about a trial is the same."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import polars as pl

from lab.attest.claims import Evidence
from lab.engines import Deployment
from lab.load.interpreter import interpreter_of
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.locust_process import LoadOutcome, LoadProgress, Loads
from lab.plan.loading import MIN_WARMUP_REQUESTS, queue_limit, warmup_s
from lab.plan.topology import Topology
from lab.plan.trial import Trial
from lab.run.scene import Act
from lab.scenario.capacity import Rung
from lab.scenario.drills import Drill
from lab.scenario.model import Load
from lab.scenario.network import Network
from lab.units import cores_of


class Driving(Protocol):
    """The load of one trial. It exists before the arm does, and waits for it."""

    @property
    def pids_by_machine(self) -> tuple[tuple[int, ...], ...]:
        """The load processes of each machine that drives load, as its sampler must know them."""

    def users(self, fallback: Fallback, header: str) -> AbstractContextManager[None]:
        """Inside, requests may be sent: the arm is up. On leaving nobody asks it for anything any more."""

    def poll(self) -> LoadProgress:
        """Tell how far the load is. Raises LoadError as soon as it has failed."""

    def nap(self, seconds: float) -> None:
        """Wait; only here an interrupt is admitted. It raises KeyboardInterrupt, or ends the load."""

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None) -> LoadOutcome | None:
        """Write the request table of a load that has finished; None when nothing was asked."""


class Drive(Protocol):
    """Makes the load of every trial of a run.

    ``by_hand``: a person ends it, else it lasts as long as the trial's scenario says. ``port``: where clients must find
    every arm, 0 for any.
    """

    by_hand: bool = False
    port: int = 0

    def start(self, trial: Trial, topology: Topology, staging: Path) -> AbstractContextManager[Driving]:
        """A load that waits for its arm; on leaving nothing of it is left. Raises LoadError when it cannot be used."""

    def attested(self, deployment: Deployment, evidence: Evidence) -> None:  # noqa: ARG002  most need not know it
        """Take note that the arm is up."""
        return

    def asked(self) -> Drill | None:
        """What a person wants to be done to the arm now, if anything: once each."""
        return None

    def acted(self, acts: Sequence[Act], *, busy: bool) -> None:  # noqa: ARG002  most need not know it
        """Take note of what was done to the arm so far; ``busy``: something still is."""
        return

    def get_ready(self) -> None:
        """Do beforehand what the next trial's load needs: nothing is measured now."""
        return


class Scheduled(Drive):
    """Load as the scenario asks for it: `lab run`, `lab selfcheck`. ``inside``: for arms in networks of their own."""

    def __init__(self, loads: Loads, inside: Loads | None = None) -> None:
        self._loads = {Network.HOST: loads, Network.OWN: inside or loads}
        self._last: tuple[Network, Load] | None = None

    def start(self, trial: Trial, topology: Topology, staging: Path) -> AbstractContextManager[Driving]:
        """Locust without a page."""
        load = replace(trial.scenario.load, warmup=warmup_s(trial.scenario))
        self._last = topology.network, load
        rungs = trial.scenario.capacity.rungs if trial.scenario.capacity else ()
        plan = load_plan(load, topology, trial.schedule_seed, staging, rungs=rungs)
        bad_after_s = trial.point.drill.slo if trial.point.drill else 0.0
        plan = replace(plan, kernel_times=not trial.scenario.tls, bad_after_s=bad_after_s)
        return self._loads[topology.network].start(plan)

    def get_ready(self) -> None:
        """Import Locust, where the last trial did: most arms of a run have one kind of network."""
        if self._last is not None:
            network, load = self._last
            self._loads[network].get_ready(load.all_processes, interpreter_of(load))


def load_plan(
    load: Load,
    topology: Topology,
    seed: int,
    directory: Path,
    min_warmup_requests: int = MIN_WARMUP_REQUESTS,
    rungs: tuple[Rung, ...] = (),
) -> LoadPlan:
    """Write down what the load processes of one trial are asked to do. No other place does.

    ``rungs``: of the ladder that its measure phase climbs, if it does.
    """
    return LoadPlan(
        locustfile=load.locustfile,
        root=load.root or load.locustfile.parent,
        base_url=topology.entry.url,
        further_urls=tuple(each.url for each in topology.further_entries),
        rate=load.rate,
        schedule=load.schedule,
        seed=seed,
        lanes=load.lanes,
        load_processes=load.all_processes,
        machines=load.machines,
        user_classes=load.users,
        tags=load.tags,
        exclude_tags=load.exclude_tags,
        args=load.args,
        python=interpreter_of(load),
        serving_processes=topology.processes,
        warmup_s=load.warmup,
        min_warmup_requests=min_warmup_requests,
        measure_s=load.measure,
        queue_limit=queue_limit(rungs[-1].rate if rungs else load.rate or 0.0),
        stretches=tuple((rung.start_s, rung.end_s, rung.rate) for rung in rungs),
        cores=cores_of(load.cores),
        directory=directory,
        upstream_of=topology.upstream_of,
        trust=topology.entry.trust,
    )
