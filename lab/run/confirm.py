"""The confirmation of a capacity: each arm alone, fresh, for a minute a little below it (METHOD 10.8).

A rung is over before a queue that grows slowly is seen. The runs are kept inside the run that they confirm.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lab.analysis.ladders import climbs_of
from lab.analysis.points import judge_points
from lab.analysis.trial.middle import middle_capacity
from lab.analysis.trial.trial import summarise_trial
from lab.errors import LabError
from lab.plan.blocks import Plan, build_plan
from lab.plan.loading import with_lanes
from lab.record.folder import RunFolder, read_trials
from lab.run.conclude import Conclusion
from lab.run.confirmed import CONFIRMED, confirmed_in
from lab.run.inside import one_trial
from lab.run.run import run_scenario
from lab.run.surroundings import REAL, Surroundings
from lab.run.view import QuietView
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
    """Run every arm whose capacity lies inside the ladder, and that has no valid confirmation yet.

    Raises LabError, as ``run_scenario``; the hint says how to go on.
    """
    done = {arm for arm, one in confirmed_in(folder.path, folder.info).items() if one.valid}
    for arm, capacity in _capacities(folder).items():
        if arm in done:
            continue
        plan = build_plan(alone(scenario, arm, float(f"{BELOW * capacity:.3g}")))
        say(f"confirming {arm}: {LENGTH_S:g} s at {plan.scenario.load.rate:g} requests a second")
        try:
            run_scenario(plan, arm, folder.path / CONFIRMED, view_of(plan), around=around, use_floor=False)
        except LabError as error:
            parts = [part for part in error.hint.split("; ") if part and "--resume" not in part]
            error.hint = "; ".join([*parts, f"`lab run --resume {folder.path}` confirms what is left"])
            raise


def concluded(
    folder: RunFolder,
    scenario: Scenario,
    view_of: Callable[[Plan], QuietView],
    tell: Callable[[Conclusion], None],
    *,
    say: Callable[[str], None],
    around: Surroundings = REAL,
) -> Conclusion:
    """The conclusion of a run that is whole, new or continued; of a ladder that is no look, with its confirmations.

    Where those fail, ``tell`` has what was measured before, and the LabError is raised.
    """
    found = around.conclude(folder.path)
    if scenario.capacity is None or scenario.capacity.quick:
        return found
    try:
        confirm(folder, scenario, view_of, say, around=around)
    except LabError:
        tell(found)
        raise
    return around.conclude(folder.path)


def alone(scenario: Scenario, arm: str, rate: float) -> Scenario:
    """The scenario with one arm and one trial, at one rate."""
    load = replace(_lanes(scenario), rate=rate, measure=LENGTH_S)
    return one_trial(scenario, arm, load=load, capacity=None)


def _lanes(scenario: Scenario) -> Load:
    """As many as the ladder had: the arm has the same connections to serve."""
    asked = scenario.capacity
    return with_lanes(scenario.load, asked.rates[-1], asked.objective.limit_s) if asked else scenario.load


def _capacities(folder: RunFolder) -> Mapping[str, float]:
    """The median of each arm over the blocks that the report counts; without those that lie beyond the ladder."""
    trials = map(summarise_trial, read_trials(folder.path, folder.info))
    summary = judge_points(folder.info, trials)[0].summary
    middles = {arm.name: middle_capacity(climbs_of(summary, arm.name)) for arm in summary.arms}
    return {arm: middle for arm, middle in middles.items() if middle is not None}
