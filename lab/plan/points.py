"""The points of a run: settings beside the arms, each of which has a comparison of its own (METHOD 9, 10.10). Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from lab.errors import ScenarioError
from lab.plan.axes import Axis, swept_axes
from lab.plan.loading import with_lanes
from lab.scenario.capacity import Capacity
from lab.scenario.compare import Compare
from lab.scenario.drills import Drill
from lab.scenario.model import Scenario
from lab.scenario.refusals import refusing
from lab.scenario.sweep import Sweep

MAX_POINTS = 24
PARTS = ("budget", "load")  # the tables that a sweep changes
# The name of a trial: its block, the key of its point if it has one, its arm; each of the last two of at most 40.
TRIAL_ID = r"b\d{2,5}-[a-z0-9][a-z0-9-]{0,80}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One setting: the ``scenario`` as its trials have it, without the others, and the ``drill`` if it is one.

    ``key`` is "" for the only point of a run, else a part of the names of its trials; ``title`` is for people.
    """

    key: str
    title: str
    scenario: Scenario
    drill: Drill | None = None


def points_of(scenario: Scenario) -> tuple[Point, ...]:
    """Every point in the order of the scenario; one where it sweeps nothing. Raises ScenarioError (exit 2)."""
    if scenario.drills:
        return tuple(
            Point(
                key=drill.key if len(scenario.drills) > 1 else "",
                title=drill.key,
                scenario=replace(scenario, drills=(drill,)),
                drill=drill,
            )
            for drill in scenario.drills
        )
    if scenario.capacity:
        return (Point(key="", title="", scenario=_climbing(scenario, scenario.capacity)),)
    if not scenario.sweep:
        return (Point(key="", title="", scenario=scenario),)
    axes = swept_axes(scenario)
    combinations = list(product(*(axis.swept(scenario) for axis in axes)))
    if len(combinations) > MAX_POINTS:
        raise ScenarioError(f"sweep: {len(combinations)} points, {MAX_POINTS} at most", "give fewer values")
    return tuple(_swept(scenario, dict(zip(axes, values, strict=True))) for values in combinations)


def _climbing(scenario: Scenario, capacity: Capacity) -> Scenario:
    """Each trial climbs the whole ladder, after a warm-up at the rate of its lowest rung."""
    if not capacity.rates:
        raise ScenarioError(
            "capacity: which rates to try is not known yet",
            "`lab capacity SCENARIO` finds them in a pilot; or give capacity.slo and capacity.rates",
        )
    load = with_lanes(scenario.load, capacity.rates[-1], capacity.objective.limit_s)
    return replace(scenario, load=replace(load, rate=capacity.rates[0], measure=capacity.length_s))


def _swept(scenario: Scenario, values: Mapping[Axis, Any]) -> Point:
    title = ", ".join(axis.called(value) for axis, value in values.items())
    budget, load = ({axis.key: value for axis, value in values.items() if axis.part == part} for part in PARTS)
    with refusing(f"sweep: at {title}: ", "leave that value out"):  # a model that cannot have so many processes
        there = replace(
            scenario, sweep=Sweep(), budget=replace(scenario.budget, **budget), load=replace(scenario.load, **load)
        )
    return Point(key="-".join(axis.short(value) for axis, value in values.items()), title=title, scenario=there)


def without(point: Point, fallen: Collection[str]) -> Point:
    """The point as the arms have it that can run there; as it is where none can.

    What cannot be judged without the others is not: their numbers stand for themselves.
    """
    there = point.scenario
    arms = tuple(arm for arm in there.arms if arm.name not in fallen)
    if not arms or len(arms) == len(there.arms):
        return point
    asked, names = there.compare, [arm.name for arm in arms]
    judged = tuple(name for name in there.judged if name in names)
    if judged and there.baseline in names:
        headline = tuple(name for name in asked.headline if name in names)
        compare = replace(asked, judged=judged, headline=headline)
    else:
        compare = Compare(primary=(), baseline=names[0])
    return replace(point, scenario=replace(there, arms=arms, compare=compare, expect=()))


def no_easier(point: Point, than: Point) -> bool:
    """Tell whether an arm starts no more easily at a point than at another: as many processes in as little room."""
    there, other = point.scenario.budget, than.scenario.budget
    within = there.cpus.within(other.cpus) and there.memory.within(other.memory)
    return within and there.processes >= other.processes


def trial_id(block: int, point: str, arm: str) -> str:
    """``"b03-replicas"``, or with the key of its point ``"b03-n4-replicas"``."""
    return "-".join(filter(None, (f"b{block:02d}", point, arm)))


def listed_blocks(order: Collection[str], scenario: Scenario, point: str) -> int:
    """How many blocks of a point are in a run's list of trials, replacements included."""
    listed = frozenset(order)
    return sum(trial_id(block, point, scenario.arms[0].name) in listed for block in range(1, len(order) + 1))
