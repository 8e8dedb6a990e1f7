"""Expand a scenario into blocks of trials: seeded order, ids, estimated duration. Pure and printable."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from lab.errors import ScenarioError
from lab.plan.beside import check_names, stages_before
from lab.plan.certificate import Certificate
from lab.plan.fronts.front import FrontPlace, front_of
from lab.plan.models.model import AppPlace, model_of
from lab.plan.order import rows
from lab.plan.points import Point, points_of, trial_id
from lab.plan.topology import Endpoint, Topology
from lab.plan.upstream import reference
from lab.scenario.model import Arm, Scenario
from lab.scenario.network import DEFAULT_PORT, Network
from lab.scenario.secret import plain

BOOT_ESTIMATE_S = 4.0  # containers created, started and ready: measured 1.5 to 4 s for 4 processes on two cores
OVERHEAD_ESTIMATE_S = 3.0  # Locust's start, collection, removal
MIN_WARMUP_REQUESTS = 100  # for each serving process (METHOD 6.3)
WARMUP_MARGIN = 1.25  # so many times that number is expected of each: arrivals come by chance
LEAST_WARMUP_S = 5.0  # a shorter one leaves a doubt (METHOD 6.3)
FRONT_PORT = 8080  # of a front's first service in a network of its own: no program needs a right to listen there
NOMINAL = Certificate()  # of a plan: nothing is made for it
MAX_WARMUP_S = 30.0  # a slower rate does not prolong the warm-up further; processes that had too few are findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One fresh deployment of one arm + one load run at one point of the run.

    ``block`` counts from 1, ``position`` from 0 inside the block.
    """

    id: str
    point: Point
    block: int
    position: int
    arm: Arm
    schedule_seed: int
    setup_seed: int

    @property
    def scenario(self) -> Scenario:
        """The scenario as its point has it."""
        return self.point.scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every trial of a run, in the order in which they will run."""

    scenario: Scenario
    trials: tuple[Trial, ...]

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return max(trial.block for trial in self.trials)

    @property
    def estimated_s(self) -> float:
        """Tell how long the run should take, in seconds, without building images."""
        return sum(map(_estimated_s, self.trials))

    @property
    def points(self) -> tuple[Point, ...]:
        """Its points, in the order of the scenario."""
        return points_of(self.scenario)

    def extension(self, point: str, blocks: range) -> tuple[Trial, ...]:
        """The trials of further blocks of a point: what the same seed would have planned if more had been asked for."""
        longer = build_plan(self.scenario, max(blocks, default=0) or self.blocks)
        return tuple(trial for trial in longer.trials if trial.point.key == point and trial.block in blocks)


def _estimated_s(trial: Trial) -> float:
    return BOOT_ESTIMATE_S + loaded_s(trial.scenario) + OVERHEAD_ESTIMATE_S


def loaded_s(scenario: Scenario) -> float:
    """How long an arm is up for: idle, warm-up, measure and settle."""
    load = scenario.load
    return load.idle + warmup_s(scenario) + load.measure + load.settle


def warmup_s(scenario: Scenario) -> float:
    """How long every trial warms up: as asked, or until each serving process can have had its requests (METHOD 6.3).

    The same for all arms, for what is measured after more requests is another state of the app. Nobody knows before
    what the closed model will ask for: there it is as asked.
    """
    load = scenario.load
    needed = WARMUP_MARGIN * MIN_WARMUP_REQUESTS * scenario.budget.processes / load.rate if load.rate else 0.0
    return max(load.warmup, min(MAX_WARMUP_S, needed))


def build_plan(scenario: Scenario, blocks: int | None = None) -> Plan:
    """Blocks of one trial of every arm at every point, in seeded balanced order: see ``lab.plan.order``.

    Raises ScenarioError.
    """
    rng = Random(scenario.trials.seed)
    points = points_of(scenario)
    orders = {point.key: rows(len(scenario.arms), rng) for point in points}
    trials: list[Trial] = []
    for block in range(1, (blocks or scenario.trials.blocks) + 1):
        for point in _shuffled(points, rng):
            trials += _of_block(block, point, next(orders[point.key]), rng)
    _refuse_equal_names(trials)
    for trial in trials[: len(scenario.arms) * len(points)]:  # what cannot be deployed is refused before all else
        build_topology(trial.scenario, trial, nominal_ports(trial.scenario, trial.arm))
    return Plan(scenario=scenario, trials=tuple(trials))


def _refuse_equal_names(trials: Sequence[Trial]) -> None:
    """Names of points and arms are joined: "kill" with "late-workers" is "kill-late" with "workers"."""
    if again := [name for name, times in Counter(trial.id for trial in trials).items() if times > 1]:
        raise ScenarioError(f"two trials would be called {again[0]}", "give the arm or the drill another name")


def _shuffled(points: tuple[Point, ...], rng: Random) -> list[Point]:
    """In another order in every block; a run with one point draws nothing for it."""
    return rng.sample(points, len(points)) if len(points) > 1 else list(points)


def _of_block(block: int, point: Point, order: Sequence[int], rng: Random) -> Iterator[Trial]:
    """The trials of one block at one point: all of them do identical work (METHOD 1.1)."""
    schedule_seed = rng.getrandbits(32)
    for position, arm in enumerate(point.scenario.arms[number] for number in order):
        yield Trial(
            id=trial_id(block, point.key, arm.name),
            point=point,
            block=block,
            position=position,
            arm=arm,
            schedule_seed=schedule_seed,
            setup_seed=rng.getrandbits(32),
        )


def with_scenario(plan: Plan, scenario: Scenario) -> Plan:
    """The same trials of a scenario whose arms have the same names: such as one whose secrets have been looked up."""
    points = {point.key: point for point in points_of(scenario)}
    arms = {arm.name: arm for arm in scenario.arms}
    trials = tuple(replace(trial, arm=arms[trial.arm.name], point=points[trial.point.key]) for trial in plan.trials)
    return Plan(scenario=scenario, trials=trials)


def ports_needed(scenario: Scenario, arm: Arm, elsewhere: str = "") -> int:
    """Tell how many TCP ports of this machine an arm listens on: none in a network of its own."""
    if scenario.network_of(arm, elsewhere).network is Network.OWN:
        return 0
    return _listeners(scenario, arm)


def _listeners(scenario: Scenario, arm: Arm) -> int:
    return int(model_of(arm).containers(arm.model, scenario.budget.processes)) + front_of(arm).hops


def build_topology(
    scenario: Scenario,
    trial: Trial,
    ports: Sequence[int],
    elsewhere: str = "",
    certificate: Certificate = NOMINAL,
) -> Topology:
    """Describe what the engine must bring up for a trial; ``ports`` holds ``ports_needed`` free ports.

    ``elsewhere``: why the engine's processes are not this machine's, "" if they are. ``certificate``: the run's.
    """
    arm, budget = trial.arm, scenario.budget
    model, front = model_of(arm), front_of(arm)
    network = scenario.network_of(arm, elsewhere).network
    if network is Network.OWN:
        ports = own_ports(scenario, arm)
    app = replace(_app_place(scenario, arm, ports, network), certificate=certificate)
    services = list(model.services(arm.model, app))
    listening = (endpoint for service in services for endpoint in service.endpoints)
    before = FrontPlace(
        app=tuple(secured(endpoint, certificate) if arm.tls_in_app else endpoint for endpoint in listening),
        ports=tuple(ports[len(app.ports) :]),
        limits=budget.share(1, budget.processes + front.hops),
        network=network,
        certificate=certificate,
    )
    hops = [replace(hop, host=network.host_of(hop.name)) for hop in front.services(arm.front, before)]
    entry = front.entry(arm.front, before)
    entry = replace(entry, host=hops[0].host) if hops else entry
    beside = tuple(stages_before(scenario, app))
    Random(trial.setup_seed).shuffle(services)  # start order is set-up noise to be randomised (METHOD 6.6)
    arm_services = (*services, *hops)
    check_names(arm_services, beside)
    return Topology(
        trial_id=trial.id,
        services=arm_services,
        entry=secured(entry, certificate) if arm.tls else entry,
        app=before.app,
        processes=budget.processes,
        serving=model.serving(arm.model, budget.processes),
        ready_path=scenario.app.ready_path,
        ready_timeout_s=scenario.app.ready_timeout,
        probe_headers={name: plain(value) for name, value in scenario.app.probe_headers.items()},
        server_header=scenario.app.server_header,
        client_path=scenario.app.client_path,
        pool=budget.pool(),
        upstream_of=reference(front.reader(arm.front)),
        network=network,
        before=beside,
    )


def secured(endpoint: Endpoint, certificate: Certificate) -> Endpoint:
    """The same over TLS, where who has signed the certificate is trusted and nobody else."""
    return replace(endpoint, scheme="https", trust=certificate.authority)


def service_names(scenario: Scenario) -> tuple[str, ...]:
    """Every name by which a service of any arm may be asked for: a certificate must have it."""
    plan = build_plan(scenario, blocks=1)
    topologies = (
        build_topology(trial.scenario, trial, nominal_ports(trial.scenario, trial.arm)) for trial in plan.trials
    )
    return tuple(dict.fromkeys(service.name for topology in topologies for service in topology.services))


def _app_place(scenario: Scenario, arm: Arm, ports: Sequence[int], network: Network) -> AppPlace:
    """The first of the ports are those of the app's containers; a container has a share for each of its processes."""
    budget = scenario.budget
    containers = model_of(arm).containers(arm.model, budget.processes)
    return AppPlace(
        app=scenario.app,
        arm=arm,
        processes=budget.processes,
        ports=tuple(ports[:containers]),
        limits=budget.share(budget.processes // containers, budget.processes + front_of(arm).hops),
        network=network,
    )


def own_ports(scenario: Scenario, arm: Arm) -> tuple[int, ...]:
    """The ports of an arm in a network of its own: every container has all of them for itself."""
    app = scenario.app.port or DEFAULT_PORT
    containers = model_of(arm).containers(arm.model, scenario.budget.processes)
    return (*(app for _ in range(containers)), *range(FRONT_PORT, FRONT_PORT + front_of(arm).hops))


def nominal_ports(scenario: Scenario, arm: Arm) -> tuple[int, ...]:
    """The ports shown by `lab plan`: the first of the range; a run takes whichever are free."""
    low, _ = scenario.port_range
    return tuple(range(low, low + ports_needed(scenario, arm)))


def queue_limit(rate: float) -> int:
    """Arrivals that may wait or be in flight before further ones are dropped (METHOD 1.4)."""
    return max(64, math.ceil(2.0 * rate))
