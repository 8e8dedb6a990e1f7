"""What is said before a run begins: what it gets, runs and takes, and which words it may then say."""

from collections.abc import Iterator
from contextlib import closing

from lab.analysis.comparison import least_blocks
from lab.analysis.ladders import QUICK_BOUND
from lab.engines.docker.engine import connect
from lab.engines.images.images import Way
from lab.engines.images.prepare import plan_bases
from lab.plan.blocks import Plan
from lab.report.renderers.text import one_line
from lab.scenario.model import Scenario
from lab.units import count_of, format_duration

COMES = {
    Way.PRESENT: "is here",
    Way.PULLED: "will be pulled",
    Way.BUILT: "will be built",
    Way.MISSING: "cannot be obtained",
}


def run_lines(planned: Plan) -> Iterator[str]:
    """The arms, the load, how long it takes, and the words that so many blocks allow."""
    scenario = planned.scenario
    load, arms = scenario.load, scenario.arms
    rate = "as fast as they are answered" if load.rate is None else f"{load.rate:g} requests a second"
    names, each = ", ".join(arm.name for arm in arms), " each" if len(arms) > 1 else ""
    yield f"runs     {names}: {count_of(scenario.budget.processes, 'serving process')}{each}, {rate}"
    yield f"takes    {length_of(planned)} once it has the images"
    yield f"says     {words_of(scenario, planned.blocks)}"


def length_of(planned: Plan) -> str:
    """As in ``"18 trials (6 blocks of 3 arms), about 5 min 24 s"``."""
    arms, points = count_of(len(planned.scenario.arms), "arm"), len(planned.points)
    each = f"{arms} at {points} points" if points > 1 else arms
    return (
        f"{count_of(len(planned.trials), 'trial')} ({count_of(planned.blocks, 'block')} of {each}), about "
        f"{format_duration(round(planned.estimated_s))}"
    )


def words_of(scenario: Scenario, blocks: int) -> str:
    """The words that a run of so many blocks may say: below the least for a verdict none (METHOD 6.2)."""
    least = least_blocks(scenario)
    if not (scenario.judged and scenario.compare.primary):
        return "numbers only: there is nothing to compare"
    if blocks < least:
        return f"numbers only: a verdict takes {least} blocks"
    judged = f"{', '.join(scenario.compare.primary)} of {', '.join(scenario.judged)}"
    if scenario.capacity and scenario.capacity.quick:
        return f"better or worse where the difference is larger than {QUICK_BOUND:.0%}, else undecided, on {judged}"
    return f"better, worse, equivalent or inconclusive, on {judged}"


def image_lines(scenario: Scenario) -> Iterator[str]:
    """The base images and how each comes here. Raises MissingError where no Docker engine answers."""
    with closing(connect()) as client:
        for plan in plan_bases(client, scenario):
            yield f"image    {plan.name} {COMES[plan.way]}: {one_line(plan.detail)}"
