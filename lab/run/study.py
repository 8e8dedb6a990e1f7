"""Choose which parts of a study fit into a time: a comparison, and capacity and drills in their quick forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lab.analysis.comparison import least_blocks
from lab.engines.kinds import ENGINE_KINDS
from lab.errors import UsageError
from lab.metrics import METRICS, Group
from lab.metrics.limits import LIMITS
from lab.plan.blocks import Plan, build_plan
from lab.plan.verbs import least_measure_s
from lab.run.estimate import PREPARE_S, pilot_s, slowest
from lab.scenario.choices import AUTO
from lab.scenario.drills import QUICK, Drill, Verb
from lab.scenario.load import MOST_LANES
from lab.scenario.model import Scenario
from lab.scenario.sweep import Sweep
from lab.units import format_duration, plural

DRILLS, DRILLED = "drills", "drill.harm"
APART = (Group.DRILL, Group.CAPACITY)  # metrics of runs of their own
DRILL_MEASURE_S = 20.0
DRILL_LANES = 256  # at least
NO_RATE = "capacity and drills: they need load.rate, for both go by requests that are due"
CAPACITY_LATE = "capacity: it does not fit; `lab capacity --quick` asks for it by itself"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One run of a study; ``key`` stands in its name, ``title`` is for people.

    ``nominal`` is its plan; where it ``climbs``, with a ladder that a pilot replaces: the longest one of arms that
    carry what is asked of them, so that it does not take more than was planned.
    """

    key: str
    title: str
    scenario: Scenario
    nominal: Plan
    climbs: bool = False

    @property
    def estimated_s(self) -> float:
        """Tell how long the run should take, with preparation and pilot, without building images."""
        return PREPARE_S + self.nominal.estimated_s + (pilot_s(self.scenario) if self.climbs else 0.0)


@dataclass(frozen=True, kw_only=True)
class Study:
    """The runs of a study in their order, and a sentence for each part that is left out."""

    parts: tuple[Part, ...]
    left_out: tuple[str, ...]

    @property
    def estimated_s(self) -> float:
        """Tell how long all of it should take."""
        return sum(part.estimated_s for part in self.parts)


def plan_study(scenario: Scenario, climbing: Callable[[Scenario, str], Scenario], time_s: float) -> Study:
    """The parts that fit: the least comparison, the search for capacity, drills, then more blocks of the comparison.

    ``climbing``: a scenario as the quick search for capacity asks it, under an objective. Raises UsageError where not
    even the least comparison fits.
    """
    calm = calm_of(scenario)
    first = comparison_part(calm, least_blocks(calm))
    if first.estimated_s > time_s:
        raise UsageError(
            f"--time: {format_duration(time_s)} is too short: the least comparison, {first.nominal.blocks} blocks, "
            f"takes about {format_duration(round(first.estimated_s))}",
            "give more time, or shorten load.measure",
        )
    if scenario.load.rate is None:
        return Study(parts=(_longest(calm, first, time_s),), left_out=(NO_RATE,))
    rest_s = time_s - first.estimated_s
    climbs = climbing_part(climbing(judged_arms(calm), scenario.capacity.slo if scenario.capacity else ""))
    capacity, without = ((climbs,), ()) if climbs.estimated_s <= rest_s else ((), (CAPACITY_LATE,))
    rest_s -= sum(part.estimated_s for part in capacity)
    drills, left_out = _fitting_drills(judged_arms(scenario), rest_s)
    rest_s += first.estimated_s - sum(part.estimated_s for part in drills)
    return Study(parts=(_longest(calm, first, rest_s), *capacity, *drills), left_out=(*without, *left_out))


def _longest(calm: Scenario, first: Part, time_s: float) -> Part:
    """As many blocks as fit, up to those that the scenario asks for."""
    found = first
    for blocks in range(first.nominal.blocks + 1, calm.trials.blocks + 1):
        longer = comparison_part(calm, blocks)
        if longer.estimated_s > time_s:
            break
        found = longer
    return found


def comparison_part(calm: Scenario, blocks: int) -> Part:
    """The comparison with so many blocks."""
    return part_of("comparison", "comparison", with_blocks(calm, blocks))


def part_of(key: str, title: str, scenario: Scenario) -> Part:
    """A part without a pilot."""
    return Part(key=key, title=title, scenario=scenario, nominal=build_plan(scenario))


def judged_arms(scenario: Scenario) -> Scenario:
    """Without the arms that are there to explain: a quick form has no time for them."""
    kept = {scenario.baseline, *scenario.judged}
    return replace(scenario, arms=tuple(arm for arm in scenario.arms if arm.name in kept), expect=())


def climbing_part(asked: Scenario) -> Part:
    """The search for capacity, as it is asked."""
    return Part(
        key="capacity",
        title="capacity, quick form",
        scenario=asked,
        nominal=build_plan(slowest(asked)),
        climbs=True,
    )


def calm_of(scenario: Scenario) -> Scenario:
    """The scenario without what it breaks, sweeps or climbs; what judged that alone is judged on memory."""
    asks_apart = {*LIMITS.values(), *(key for key, metric in METRICS.items() if metric.group in APART)}
    return replace(
        scenario,
        compare=scenario.compare.without(asks_apart),
        drills=(),
        sweep=Sweep(),
        capacity=None,
        limits=None,
        expect=() if scenario.drills or scenario.capacity or scenario.limits else scenario.expect,
        trials=replace(scenario.trials, looks=()),
    )


def with_blocks(scenario: Scenario, blocks: int) -> Scenario:
    """The scenario with another number of blocks."""
    return replace(scenario, trials=replace(scenario.trials, blocks=blocks))


def _fitting_drills(scenario: Scenario, time_s: float) -> tuple[tuple[Part, ...], Sequence[str]]:
    """One run with as many drills as fit, in the order of QUICK, and why the others are not in it."""
    had = frozenset(QUICK) if scenario.engine == AUTO else ENGINE_KINDS[scenario.engine].verbs
    possible = [verb for verb in QUICK if verb in had]
    found: tuple[Part, ...] = ()
    chosen: list[Verb] = []
    for verb in possible:
        part = drills_part(scenario, [Drill(verb=each) for each in (*chosen, verb)])
        if part.estimated_s > time_s:
            break
        chosen.append(verb)
        found = (part,)
    return found, tuple(_not_chosen(chosen, possible, scenario.engine))


def _not_chosen(chosen: Sequence[Verb], possible: Sequence[Verb], engine: str) -> Iterator[str]:
    if late := [verb.value for verb in possible if verb not in chosen]:
        yield f"{plural('drill', len(late))} {', '.join(late)}: {'it does' if len(late) == 1 else 'they do'} not fit"
    if never := [verb.value for verb in QUICK if verb not in possible]:
        yield f"drills {', '.join(never)}: engine {engine} cannot make them"


def drills_part(scenario: Scenario, drills: Sequence[Drill]) -> Part:
    """The quick form: the least blocks, judged on harm alone; what dies is started again where an engine can."""
    least_s = (least_measure_s(arm, scenario, drill) for drill in drills for arm in scenario.arms)
    measure = max(DRILL_MEASURE_S, *least_s)
    rate = scenario.load.rate or 0.0
    held = math.ceil(rate * max(drill.hold for drill in drills))  # else clients that wait would keep others from asking
    lanes = min(MOST_LANES, max(DRILL_LANES, held + scenario.load.lanes))
    restarts = scenario.engine == AUTO or ENGINE_KINDS[scenario.engine].restarts
    drilled = replace(
        scenario,
        app=replace(scenario.app, restart="always" if restarts else scenario.app.restart),
        load=replace(scenario.load, measure=measure, settle=0.0, lanes=lanes),
        drills=tuple(drills),
        sweep=Sweep(),
        capacity=None,
        limits=None,
        expect=(),
        trials=replace(scenario.trials, looks=(), restart_one=False),
        compare=replace(scenario.compare, primary=(DRILLED,), bounds={}),
    )
    return part_of(DRILLS, drills_title(drills), with_blocks(drilled, least_blocks(drilled)))


def drills_title(drills: Sequence[Drill]) -> str:
    """``"drills kill, hang, quick form"``."""
    return f"{plural('drill', len(drills))} {', '.join(drill.verb.value for drill in drills)}, quick form"
