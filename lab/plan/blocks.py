"""Expand a scenario into blocks of trials: seeded order, ids, estimated duration. Pure and printable."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from lab.errors import ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.loading import loaded_s
from lab.plan.order import rows
from lab.plan.points import Point, points_of, trial_id
from lab.plan.trial import Trial
from lab.plan.verbs import check_verbs
from lab.scenario.model import Scenario

BOOT_ESTIMATE_S = 4.0  # containers created, started and ready: measured 1.5 to 4 s for 4 processes on two cores
OVERHEAD_ESTIMATE_S = 3.0  # Locust's start, collection, removal


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
    check_verbs(scenario)
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


def _estimated_s(trial: Trial) -> float:
    return BOOT_ESTIMATE_S + loaded_s(trial.scenario) + OVERHEAD_ESTIMATE_S


def service_names(scenario: Scenario) -> tuple[str, ...]:
    """Every name by which a service of any arm may be asked for: a certificate must have it."""
    plan = build_plan(scenario, blocks=1)
    topologies = (
        build_topology(trial.scenario, trial, nominal_ports(trial.scenario, trial.arm)) for trial in plan.trials
    )
    return tuple(dict.fromkeys(service.name for topology in topologies for service in topology.services))
