"""The confirmation of a capacity: each arm alone, fresh, for a minute a little below it (METHOD 10.8).

A rung is over before a queue that grows slowly is seen. The runs are kept inside the run that they confirm.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lab.analysis.ladders import climbs_of, middle_capacity
from lab.analysis.points import judge_points
from lab.analysis.trial.trial import summarise_trial
from lab.plan.blocks import Plan, build_plan
from lab.plan.loading import with_lanes
from lab.record.folder import RunFolder, read_trials
from lab.run.confirmed import CONFIRMED
from lab.run.run import run_scenario
from lab.run.surroundings import REAL, Surroundings
from lab.run.view import QuietView
from lab.scenario.compare import Compare
from lab.scenario.load import Load
from lab.scenario.model import Scenario

BELOW = 0.95  # of the capacity
LENGTH_S = 60.0


def confirm(
    folder: RunFolder,
    scenario: Scenario,
    view_of: Callable[[Plan], QuietView],
    say: Callable[[str], None],
    *,
    around: Surroundings = REAL,
) -> None:
    """Run every arm whose capacity lies inside the ladder. Raises LabError, as ``run_scenario``."""
    for arm, capacity in _capacities(folder).items():
        plan = build_plan(alone(scenario, arm, float(f"{BELOW * capacity:.3g}")))
        say(f"confirming {arm}: {LENGTH_S:g} s at {plan.scenario.load.rate:g} requests a second")
        run_scenario(plan, arm, folder.path / CONFIRMED, view_of(plan), around=around, use_floor=False)


def alone(scenario: Scenario, arm: str, rate: float) -> Scenario:
    """The scenario with one arm and one trial, at one rate."""
    return replace(
        scenario,
        arms=tuple(each for each in scenario.arms if each.name == arm),
        load=replace(_lanes(scenario, rate), rate=rate, measure=LENGTH_S),
        trials=replace(scenario.trials, blocks=1, looks=()),
        compare=Compare(primary=(), baseline=arm),
        capacity=None,
        expect=(),
    )


def _lanes(scenario: Scenario, rate: float) -> Load:
    """As many as the ladder had at this rate: else the wait for a lane would be told as the arm's time."""
    asked = scenario.capacity
    return with_lanes(scenario.load, rate, asked.objective.limit_s + asked.drain) if asked else scenario.load


def _capacities(folder: RunFolder) -> Mapping[str, float]:
    """The median of each arm over the blocks that the report counts; without those that lie beyond the ladder."""
    trials = map(summarise_trial, read_trials(folder.path, folder.info))
    summary = judge_points(folder.info, trials)[0].summary
    middles = {arm.name: middle_capacity(climbs_of(summary, arm.name)) for arm in summary.arms}
    return {arm: middle for arm, middle in middles.items() if middle is not None}
