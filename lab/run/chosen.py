"""The parts of a study that are asked for by name, on the app, the arms and the load of its scenario."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from lab.analysis.comparison import least_blocks
from lab.errors import ScenarioError, UsageError
from lab.plan.axes import AXES
from lab.plan.points import points_of
from lab.run.study import (
    Part,
    Study,
    calm_of,
    climbing_part,
    comparison_part,
    drills_part,
    judged_arms,
    part_of,
    with_blocks,
)
from lab.scenario.budget import Quota
from lab.scenario.compare import unknown
from lab.scenario.drills import REQUESTS, Drill, Verb
from lab.scenario.model import Scenario
from lab.scenario.refusals import refusing
from lab.scenario.sweep import Sweep
from lab.units import MIB

COMPARISON, CAPACITY, HOW_MANY, DRILL = "comparison", "capacity", "how-many", "drill-"
NAMES = (COMPARISON, CAPACITY, HOW_MANY, *(f"{DRILL}{verb}" for verb in Verb))
NUMBERS = (1, 2, 4, 8)  # of processes, besides the scenario's own
ENOUGH = "errors <= 0.1%"  # of a scenario that has no sweep.slo
ROOM_BYTES = 256 * MIB  # for each process, where a scenario without a limit is to run out of memory
WITHOUT_RATE = "needs load.rate, for it goes by requests that are due"


def chosen_study(scenario: Scenario, climbing: Callable[[Scenario, str], Scenario], names: Sequence[str]) -> Study:
    """These parts, however long they take; drills are one run.

    ``climbing``: as for ``plan_study``. Raises UsageError for a name that is none, or a part that cannot be.
    """
    drills = [_drill(name) for name in dict.fromkeys(names) if name.startswith(DRILL)]
    others = [name for name in dict.fromkeys(names) if not name.startswith(DRILL)]
    return Study(parts=(*_parts(scenario, climbing, others), *_drills(scenario, drills)), left_out=())


def _parts(scenario: Scenario, climbing: Callable[[Scenario, str], Scenario], names: Sequence[str]) -> Iterator[Part]:
    calm = calm_of(scenario)
    for name in names:
        if name == COMPARISON:
            yield comparison_part(calm, calm.trials.blocks)
        elif name == CAPACITY:
            _require_rate(scenario, name)
            slo = scenario.capacity.slo if scenario.capacity else ""
            yield climbing_part(climbing(judged_arms(calm), slo))
        elif name == HOW_MANY:
            yield _how_many(judged_arms(calm), scenario.sweep.slo or ENOUGH)
        else:
            raise UsageError(f"--only: {unknown('part', name, NAMES)}", f"parts: {', '.join(NAMES)}")


def _how_many(calm: Scenario, slo: str) -> Part:
    """A sweep of those numbers that its arms can have, with the fewest blocks that allow a verdict."""
    numbers = [each for each in sorted({*NUMBERS, calm.budget.processes}) if _can_have(calm, each)]
    if len(numbers) < 2:
        raise UsageError("--only how-many: its arms can have one number of processes only", "give it other arms")
    swept = replace(calm, sweep=Sweep(processes=tuple(numbers), slo=slo), expect=())
    return part_of(HOW_MANY, "how many processes", with_blocks(swept, least_blocks(swept)))


def _can_have(calm: Scenario, number: int) -> bool:
    try:
        points_of(replace(calm, sweep=Sweep(processes=(number,))))
    except ScenarioError:  # a model that cannot divide it
        return False
    return True


def _drill(name: str) -> Drill:
    """``"drill-oom=/hold?mb={mb}"``: what stands behind the verb is the path that is asked, or the image deployed."""
    verb, _, what = name.removeprefix(DRILL).partition("=")
    if verb not in tuple(Verb):
        raise UsageError(f"--only: {unknown('part', f'{DRILL}{verb}', NAMES)}", f"parts: {', '.join(NAMES)}")
    if what and verb not in (*REQUESTS, Verb.DEPLOY):
        raise UsageError(f"--only: {DRILL}{verb} takes nothing behind it", f"write {DRILL}{verb}")
    form = f"'{REQUESTS[Verb(verb)]}'" if verb in REQUESTS else "IMAGE"
    with refusing(f"--only: {DRILL}{verb}: ", f"write it as in {DRILL}{verb}={form}"):
        if verb == Verb.DEPLOY:
            return Drill(verb=Verb.DEPLOY, image=what)
        return Drill(verb=Verb(verb), request=what)


def _drills(scenario: Scenario, drills: Sequence[Drill]) -> Iterator[Part]:
    if not drills:
        return
    _require_rate(scenario, f"{DRILL}{drills[0].verb}")
    within = _limited(scenario) if Verb.OOM in {drill.verb for drill in drills} else scenario
    with refusing("--only: ", "leave that drill out"):
        part = drills_part(judged_arms(within), drills)
    limit = "" if within is scenario else f", in {AXES['memory'].called(within.budget.memory)}"
    yield replace(part, title=f"{part.title}{limit}")


def _limited(scenario: Scenario) -> Scenario:
    """The scenario with a memory limit, which `oom` fills: a run that had none could else not be asked for it."""
    if scenario.budget.memory.amount is not None:
        return scenario
    memory = Quota(mode="split", amount=ROOM_BYTES * scenario.budget.processes)
    return replace(scenario, budget=replace(scenario.budget, memory=memory))


def _require_rate(scenario: Scenario, name: str) -> None:
    if scenario.load.rate is None:
        raise UsageError(f"--only {name}: {WITHOUT_RATE}", "give the scenario a rate")
