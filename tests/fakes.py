"""Fakes at the edge of the world: an engine, a load and a sampler that write down what is done to them.

They stand where the world begins, nowhere else: plan, run folder, gates and reports are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import polars as pl

from lab.attest.claims import Evidence
from lab.attest.runtime import FREE_THREADED, INTERPRETER
from lab.engines import Deployment, Engine, StepMark
from lab.load.load_plan import LoadPlan
from lab.load.locust_process import LoadOutcome, LoadProgress, Loads
from lab.load.place import HERE, Place
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service, Topology
from lab.plan.trial import Trial
from lab.record.run_types import EngineFacts
from lab.record.schema import Outcome
from lab.record.types import (
    CGROUPS,
    HOST,
    PROCESSES,
    REQUESTS,
    GateResult,
    LoadCounters,
    ServiceRecord,
    TrialRecord,
    TrialResult,
)
from lab.run.tools import Tools
from lab.run.view import QuietView
from lab.sampling.sampler import Sampler, SamplerOutcome
from lab.scenario.model import Load
from tests.builders import EPOCH_S, sampler_facts, table_of

RUNTIME = {"loop": "uvloop", "http": "httptools"}


@dataclass
class World:
    """Everything outside: ``journal`` is the order of effects, ``fail_at`` raises there."""

    journal: list[str] = field(default_factory=list)
    fail_at: Mapping[str, BaseException] = field(default_factory=dict)
    runtime: Callable[[Topology], Mapping[str, str]] = lambda _topology: RUNTIME
    invalid_blocks: frozenset[int] = frozenset()
    now_s: float = 100.0
    neighbours: tuple[str, ...] = ()
    log: str = "hello from the app\n"
    while_asleep: Callable[[], object] = lambda: None
    load: type[FakeLoad] = field(default_factory=lambda: FakeLoad)
    plans: list[LoadPlan] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Write down an effect, or fail at it."""
        self.journal.append(what)
        if what in self.fail_at:
            raise self.fail_at[what]

    @property
    def engine(self) -> Engine:
        """The engine of this world."""
        return cast(Engine, FakeEngine(self))

    @property
    def tools(self) -> Tools:
        """The tools of this world; time passes only when somebody sleeps."""
        return Tools(
            collect_evidence=self._evidence,
            loads=lambda _directory, _place: nullcontext(cast(Loads, FakeLoads(self))),
            start_sampler=self._sampler,
            run_gates=self._gates,
            clock=lambda: self.now_s,
            sleep=self.sleep,
        )

    def sleep(self, duration_s: float) -> None:
        """Let time pass."""
        self.while_asleep()
        self.now_s += duration_s

    def _gates(self, result: TrialResult, cpu_count: int) -> tuple[GateResult, ...]:
        """Fakes measure nothing, which the real gates rightly refuse."""
        return (gate("invalid" if result.record.block in self.invalid_blocks else "pass"),)

    def _evidence(self, deployment: Deployment) -> Evidence:
        self.note("attest")
        topology = deployment.topology
        replicas = len(topology.app) > 1
        one = {"worker": 1} if replicas or topology.threaded else {"supervisor": 1, "worker": topology.processes}
        names = [service.name for service in topology.services if service.kind is ServiceKind.APP]
        return Evidence(
            servers=deployment.servers,
            roles=dict.fromkeys(names, one),
            listeners={endpoint.address: "somebody" for endpoint in topology.endpoints},
            upstreams=tuple(endpoint.address for endpoint in topology.app if topology.fronted),
            runtime={**self.runtime(topology), **({INTERPRETER: FREE_THREADED} if topology.threaded else {})},
            neighbours=self.neighbours,
        )

    @contextmanager
    def _sampler(self, plan: Any, launch: Any) -> Iterator[Sampler]:
        self.note("sample")
        try:
            yield cast(Sampler, FakeSampler(self))
        finally:
            self.note("sampler stopped")


class FakeEngine:
    """Deploys nothing and says that all of it answered."""

    name = "fake"
    elsewhere = ""

    def __init__(self, world: World) -> None:
        self._world = world

    def describe(self) -> EngineFacts:
        return EngineFacts(engine="fake")

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:
        return tuple(range(20000, 20000 + count))

    def load_place(self, _load: Load) -> AbstractContextManager[Place]:
        return nullcontext(HERE)

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        self._world.note("deploy")
        try:
            yield Deployment(
                topology=topology,
                services=tuple(map(_service_record, topology.services)),
                targets=(),
                boot_s=1.0,
                servers={f"server-{number}": 1 for number in range(topology.processes)},
                strangers=(),
                neighbours=(),
                check=lambda: self._world.note("check"),
                logs=lambda: {"app": self._world.log},
                steps=lambda: [StepMark(service="app", name="migrate", begins=True, epoch_s=EPOCH_S)],
                restart=lambda service, pid: self._world.note(f"restart {service} {pid}"),
            )
        finally:
            self._world.note("undeploy")


def _service_record(service: Service) -> ServiceRecord:
    return ServiceRecord(
        name=service.name,
        kind=service.kind,
        container_id="",
        image=service.image,
        image_digest="",
        argv=service.argv,
        ports=service.ports,
    )


class FakeLoads:
    """Starts loads that do nothing."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get_ready(self, processes: int, python: str) -> None:
        self._world.note("get ready")

    @contextmanager
    def start(self, plan: LoadPlan, *, relay: object = None) -> Iterator[FakeLoad]:
        assert (relay is not None) == plan.by_hand
        self._world.plans.append(plan)
        self._world.note("load")
        try:
            yield self._world.load(self._world)
        finally:
            self._world.note("load gone")


class FakeLoad:
    """Takes 3 s of this world's time and asks once."""

    pids_by_machine = ((1,),)
    answers = 1

    def __init__(self, world: World) -> None:
        self._world = world
        self._started_s = 0.0

    @contextmanager
    def users(self, fallback: str, header: str) -> Iterator[None]:
        self._world.note("users")
        self._started_s = self._world.now_s
        try:
            yield
        finally:
            self._world.note("users stopped")

    def nap(self, seconds: float) -> None:
        self._world.sleep(seconds)

    def poll(self) -> LoadProgress:
        self._world.note("poll")
        started = self._started_s
        return LoadProgress(
            phase="measure",
            finished=self._world.now_s >= started + 3,
            warmup_start_s=started,
            measure_start_s=started + 1,
            measure_end_s=started + 2.5,
            sent=0,
            failed=0,
            dropped=0,
        )

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        self._world.note("load result")
        started = self._started_s
        table_of(REQUESTS, [_answered(started + 1.5 - t0_monotonic_s)] * self.answers).write_parquet(target)
        return LoadOutcome(
            counters=LoadCounters(open_model=True, lanes=1, scheduled=1, started=1, dropped=0, unfinished=0),
            attribution="none",
            warmup_start_s=started,
            measure_start_s=started + 1,
            measure_end_s=started + 2.5,
            finished_s=started + 3,
            replaced=0,
            rows=1,
        )


def _answered(at_s: float) -> Mapping[str, object]:
    """The row of an arrival that was answered within a millisecond."""
    instants = {"t_scheduled_s": at_s, "t_sent_s": at_s, "t_done_s": at_s + 0.001}
    return {**instants, "status": 200, "bytes": 1, "name": "/", "phase": "measure", "kind": "arrival", "lane": 0}


class FakeSampler:
    """Samples nothing."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check(self) -> None:
        """Alive."""

    def result(self, target: Path) -> SamplerOutcome:
        self._world.note("sampler result")
        for name, schema in {"processes": PROCESSES, "cgroups": CGROUPS, "host": HOST}.items():
            pl.DataFrame(schema=dict(schema)).write_parquet(target / f"{name}.parquet")
        return SamplerOutcome(facts=sampler_facts())


class Silent(QuietView):
    """A view that keeps the finished records and the steps."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.finished: list[TrialRecord] = []

    def trial_step(self, trial: Trial, name: str) -> None:
        """Keep where it is."""
        self.steps.append(f"{trial.id} {name}")

    def trial_finished(self, record: TrialRecord) -> None:
        """Keep it."""
        self.finished.append(record)


def gate(outcome: Outcome) -> GateResult:
    """A gate result of one outcome."""
    return GateResult(key="sampler.readings", outcome=outcome, value=0.5, limit=0.9)
