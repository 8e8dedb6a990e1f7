"""The keys of a scenario file, validated: out come frozen dataclasses. What may be chosen by name is in kinds."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from lab.metrics import METRICS, Group
from lab.metrics.capacity import CAPACITY
from lab.metrics.limits import LIMITS
from lab.scenario.app import App as App
from lab.scenario.app import Restart
from lab.scenario.arm import APP_IMAGE as APP_IMAGE
from lab.scenario.arm import Arm as Arm
from lab.scenario.beside import MAX_BESIDE, Job, Sidecar, check_beside
from lab.scenario.budget import Budget
from lab.scenario.capacity import Capacity
from lab.scenario.choices import AUTO, EngineName, Images, default_images
from lab.scenario.commands import check_command
from lab.scenario.compare import STRICT, Compare, Expect, check_expectations, unknown
from lab.scenario.drills import MAX_DRILLS, Drill, Verb, check_drills, nearest_verb
from lab.scenario.kinds import ENGINES, MODELS, Asked
from lab.scenario.limits import LimitSearch
from lab.scenario.load import Load as Load
from lab.scenario.network import Network, NetworkChoice, check_network, choose_network
from lab.scenario.nodes import MAX_NODES, Node, check_nodes
from lab.scenario.swarm import SwarmOptions, check_swarm_options
from lab.scenario.sweep import Sweep
from lab.scenario.trials import Trials


@dataclass(config=STRICT, kw_only=True)
class Scenario:
    """A resolved scenario file: every key present, every path absolute.

    It is read from run folders too, also from those of earlier versions: what is asked only of a scenario that is to be
    run stands in lab.scenario.runnable.
    """

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    app: App
    arms: Annotated[tuple[Arm, ...], Field(min_length=1, max_length=64)]
    budget: Budget
    load: Load
    engine: EngineName = AUTO
    network: Literal["auto", "host", "own"] = "auto"
    nodes: Annotated[tuple[Node, ...], Field(max_length=MAX_NODES)] = ()
    swarm: SwarmOptions = field(default_factory=SwarmOptions)
    ports: Annotated[str, Field(pattern=r"^\d{1,5}-\d{1,5}$")] = "20000-29999"
    images: Images = field(default_factory=default_images)
    sidecars: Annotated[tuple[Sidecar, ...], Field(max_length=MAX_BESIDE)] = ()
    jobs: Annotated[tuple[Job, ...], Field(max_length=MAX_BESIDE)] = ()
    trials: Trials = field(default_factory=Trials)
    compare: Compare = field(default_factory=Compare)
    expect: Annotated[tuple[Expect, ...], Field(max_length=100)] = ()
    sweep: Sweep = field(default_factory=Sweep)
    drills: Annotated[tuple[Drill, ...], Field(max_length=MAX_DRILLS)] = ()
    capacity: Capacity | None = None
    limits: LimitSearch | None = None

    @model_validator(mode="after")
    def _names_agree(self) -> Scenario:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"arms need different names, got {', '.join(names)}")
        if self.compare.baseline and self.compare.baseline not in names:
            raise ValueError("compare.baseline: " + unknown("arm", self.compare.baseline, names))
        self._check_judged(names)
        check_expectations(self.expect, names)
        check_beside(self.sidecars, self.jobs)
        self._check_points()
        machines = "first" if self.engine == AUTO else ENGINES[self.engine].machines
        check_nodes(self.nodes, self.load.nodes, self.engine, machines)
        check_swarm_options(self.swarm, [node.name for node in self.arm_nodes], swarm=machines == "all")
        for arm in self.arms:
            check_network(arm.name, self.network_of(arm), self.load.python is not None, self.nodes, self.sidecars)
        low, high = self.port_range
        if not 1024 <= low <= high <= 65535:
            raise ValueError(f'ports: expected "LOW-HIGH" between 1024 and 65535, got "{self.ports}"')
        for arm in self.arms:
            fixed = self.app.port is not None and self.network_of(arm).network is Network.OWN
            check_command(self.app, arm, port_is_fixed=fixed)
            asked = Asked(
                processes=self.budget.processes,
                command=self.command_of(arm),
                target=self.app.target,
                loop=self.app.loop,
                http=self.app.http,
                proxy_headers=arm.proxy_headers,
            )
            if refusal := MODELS[arm.model.kind].refusal(arm.model, asked):
                raise ValueError(f'arm "{arm.name}": {refusal}')
        return self

    def _check_points(self) -> None:
        """What a run varies beside its arms."""
        check_drills(self.drills)
        if self.drills and self.sweep:
            raise ValueError("sweep and drills: a run has one or the other; make two scenarios of it")
        self._check_drills()
        if self.capacity and (self.sweep or self.drills):
            raise ValueError("capacity: a run climbs a ladder, or sweeps, or drills; make scenarios of their own of it")
        climbed = [key for key in self.compare.primary if key == CAPACITY]
        if climbed and not self.capacity:
            raise ValueError(f"compare.primary: {CAPACITY} is what a ladder of rates tells: add [capacity]")
        if self.capacity and self.load.rate is None:
            raise ValueError("capacity: load.rate is needed: a ladder is of arrivals a second")
        self._check_limits()
        if self.trials.looks and (self.sweep or len(self.drills) > 1):
            raise ValueError("trials.looks: a run of several points has a fixed number of blocks")

    def _check_limits(self) -> None:
        """A search for limits is a question of its own."""
        searched = [key for key in self.compare.primary if key in LIMITS.values()]
        if searched and not self.limits:
            raise ValueError(f"compare.primary: {searched[0]} is what a search for limits tells: add [limits]")
        if self.limits and (self.sweep or self.drills or self.capacity):
            raise ValueError("limits: a search has no sweep, drills or capacity beside it; make scenarios of them")
        if self.limits and self.load.rate is None:
            raise ValueError("limits: load.rate is needed: whether the objective is held goes by what was due")

    def _check_drills(self) -> None:
        """What they take of load, budget and metrics."""
        drilled = [key for key in self.compare.primary if METRICS[key].group is Group.DRILL]
        if drilled and not self.drills:
            raise ValueError(
                f"compare.primary: {drilled[0]} is a metric of drills: add [[drills]], or judge another one"
            )
        for drill in self.drills:
            if drill.verb is Verb.OOM and self.budget.memory.mode == "none":
                raise ValueError(
                    f'budget.memory: the drill "{drill.key}" fills it, and without a limit that would be the memory of '
                    f'the machine: write memory = "split:512MiB", or take verb = "{nearest_verb(drill.verb)}"'
                )
        if self.drills and self.load.rate is None:
            raise ValueError("drills: load.rate is needed: what was not served is counted by what was due")

        of_swarms = {drill.key: "update" if drill.update else drill.verb for drill in self.drills if drill.of_a_swarm}
        if of_swarms and (self.engine == AUTO or not ENGINES[self.engine].updates):
            key, what = next(iter(of_swarms.items()))
            raise ValueError(f'drills: "{what}" of "{key}" takes a Swarm: leave it out, or say engine = "swarm"')

    @property
    def tls(self) -> bool:
        """Tell whether clients of any arm connect over TLS: then the run needs a certificate."""
        return any(arm.tls for arm in self.arms)

    def network_of(self, arm: Arm, elsewhere: str = "") -> NetworkChoice:
        """The network of an arm's containers; ``elsewhere``: as lab.scenario.network.choose_network has it."""
        elsewhere = elsewhere or (f"the arms run on node {self.nodes[0].name}" if self.nodes else "")
        sidecars = [sidecar.name for sidecar in self.sidecars]
        return choose_network(arm.network, self.network, self.app.port, elsewhere, sidecars)

    def command_of(self, arm: Arm) -> str:
        """The command that an arm's app is started with: its own, or that of the app; "" is uvicorn."""
        return arm.command or self.app.command

    def _check_judged(self, names: list[str]) -> None:
        controls = [arm.name for arm in self.arms if arm.control]
        for name in self.compare.judged:
            if name not in names:
                raise ValueError("compare.judged: " + unknown("arm", name, names))
            if name in (self.baseline, *controls):
                what = "the baseline" if name == self.baseline else "a control"
                raise ValueError(f"compare.judged: {name!r} is {what}, and not judged")
        for name in self.compare.headline:
            if name not in self.judged:
                raise ValueError("compare.headline: " + unknown("judged arm", name, self.judged))
        if self.baseline in controls and self.compare.primary:  # else nothing is compared, as in a run of one arm
            raise ValueError(f"arms: {self.baseline!r} is the baseline, which is compared with: it cannot be a control")

    def restart_of(self, arm: Arm) -> Restart:
        """What Docker does when a container of an arm's app has ended."""
        return arm.restart or self.app.restart

    @property
    def load_nodes(self) -> tuple[Node, ...]:
        """The nodes that drive load, in the order of ``load.nodes``, where others than the first drive it."""
        others = {node.name: node for node in self.nodes[1:]}
        return tuple(others[name] for name in self.load.nodes if name in others)

    @property
    def arm_nodes(self) -> tuple[Node, ...]:
        """The nodes that run parts of arms, where the engine uses all of them: those that drive no load."""
        return tuple(node for node in self.nodes if node not in self.load_nodes)

    @property
    def expendable(self) -> tuple[Node, ...]:
        """The nodes of a Swarm that an arm may lose: neither the first, nor that of the front, nor one of load."""
        return tuple(n for n in self.nodes[1:] if n.name not in self.load.nodes and not self.swarm.has_front(n.name))

    @property
    def beside(self) -> tuple[Sidecar | Job, ...]:
        """Everything that is no part of an arm."""
        return (*self.sidecars, *self.jobs)

    @property
    def judged(self) -> tuple[str, ...]:
        """The arms that get a verdict on each primary metric, in the order of the file."""
        wanted = self.compare.judged
        arms = [arm for arm in self.arms if arm.name != self.baseline]
        return tuple(arm.name for arm in arms if (arm.name in wanted if wanted else not arm.control))

    @property
    def asked(self) -> tuple[str, ...]:
        """The arms that the question is about: ``compare.headline``, or all that are judged."""
        return self.compare.headline or self.judged

    @property
    def judged_intervals(self) -> int:
        """Tell how many verdicts share the error: primary metrics × judged arms; at least one."""
        return max(1, len(self.compare.primary) * len(self.judged))

    @property
    def port_range(self) -> tuple[int, int]:
        """First and last port that arms may listen on."""
        low, _, high = self.ports.partition("-")
        return int(low), int(high)

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with: ``compare.baseline``, or the first arm."""
        return self.compare.baseline or self.arms[0].name

    @property
    def lab_command(self) -> str:
        """The command that carries it out; one arm under one limit, a try of `lab limits`, is a run."""
        tried = len(self.arms) == 1 and self.budget.memory.amount is not None
        return "lab capacity" if self.capacity else "lab limits" if self.limits and not tried else "lab run"


SCENARIO: TypeAdapter[Scenario] = TypeAdapter(Scenario)
