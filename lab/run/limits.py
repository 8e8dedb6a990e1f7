"""The search for the smallest memory limit that holds: each arm alone, deployed afresh under every limit (METHOD 10).

Its runs are kept inside the run without a limit that it begins from, and what was tried is read from there: a search
that was cut goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from lab.analysis.limit_search import MOST_AGAIN, Bracket, need_bytes
from lab.analysis.trial.ladder import hold
from lab.analysis.trial.trial import summarise_trial
from lab.errors import DeploymentError, EndedError, InvalidRunError, LabError, ScenarioError
from lab.metric_types import Family
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.record.folder import RunFolder, read_trials
from lab.run.inside import SEARCHED, Known, one_trial, searched_in, tries_in, unlimited_in
from lab.run.pilot import ViewOf
from lab.run.quiet import QUIETER
from lab.run.run import run_scenario
from lab.run.rungs import LEAST_LIMIT_S, usual_objective
from lab.run.surroundings import REAL, Surroundings, knowing_fronts
from lab.scenario.budget import Quota
from lab.scenario.limits import LimitSearch
from lab.scenario.model import Scenario
from lab.units import GIB, format_bytes, format_seconds


def without_limit(scenario: Scenario) -> Scenario:
    """What the search begins from: every arm once, with all the memory that it wants."""
    asked = scenario.limits or LimitSearch()
    return replace(
        scenario,
        limits=asked,
        budget=replace(scenario.budget, memory=Quota()),
        load=replace(scenario.load, measure=asked.measure, settle=0.0),
        trials=replace(scenario.trials, blocks=1, looks=()),
    )


def search_s(scenario: Scenario, tries: float) -> float:
    """Seconds of a search with so many tries of each arm and mode that all come up; preparation of its runs apart."""
    one = build_plan(one_trial(scenario, scenario.arms[0].name)).estimated_s
    modes = len(scenario.limits.modes) if scenario.limits else 0
    return one * len(scenario.arms) * (1 + modes * tries)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search inside the run in ``folder``, which had no limit; ``scenario`` is that of the run."""

    folder: RunFolder
    scenario: Scenario
    view_of: ViewOf
    say: Callable[[str], None]
    around: Surroundings
    known: Known = field(default_factory=dict)

    def run(self, scenario: Scenario, name: str) -> None:
        """One more run of one trial inside. Raises LabError."""
        plan = build_plan(scenario)
        place = self.folder.path / SEARCHED
        run_scenario(plan, name, place, self.view_of(plan), around=self.around, use_floor=False)

    def tries(self) -> int:
        """How many runs inside have said something of a limit."""
        return len(tries_in(self.folder.path, self.known))


def search(
    folder: RunFolder, view_of: ViewOf, say: Callable[[str], None], scenario: Scenario, *, around: Surroundings = REAL
) -> None:
    """Try limits of every arm and mode in turn until each is known, or was tried often enough. Raises LabError.

    ``scenario``: that of the run in ``folder``, which had no limit, and looked at what fronts let pass.
    """
    around = knowing_fronts(around, folder.info.fronts)
    within = Search(folder=folder, scenario=scenario, view_of=view_of, say=say, around=around)
    within = replace(within, scenario=with_objective(within))
    needs = _needs(folder, within.scenario)
    open_ones = True
    while open_ones:
        open_ones = False
        for bracket in searched_in(folder.path, folder.info, within.known):
            limit = bracket.next_bytes(needs[bracket.arm, bracket.mode])
            if limit is not None:
                open_ones = True
                try_limit(within, bracket, limit)


def try_limit(within: Search, bracket: Bracket, limit_bytes: int) -> None:
    """One trial under one limit. That the arm does not come up, or dies, is what the search asks.

    What is not the arm's doing is tried once more. Raises LabError: then nothing was learned, and the search would ask
    the same for ever.
    """
    limit = f"{format_bytes(limit_bytes)}, {bracket.mode}"
    within.say(f"limits: {bracket.arm} in {limit}")
    asked = under(within.scenario, bracket.arm, bracket.mode, limit_bytes)
    name = f"{bracket.arm}-{bracket.mode}-{format_bytes(limit_bytes).replace(' ', '')}"
    known = within.tries()
    for last in (False, True):
        try:
            within.run(asked, name)
        except DeploymentError as error:
            if within.tries() == known and last:
                raise
            found = "does not hold" if isinstance(error, EndedError) else "did not come up"
            within.say(f"limits: {bracket.arm} {found} in {limit}: {error}")
        if within.tries() > known:
            return
    place = within.folder.path / SEARCHED
    raise LabError(f"{bracket.arm} in {limit}: its run says nothing of it", f"see the newest run in {place}")


def under(scenario: Scenario, arm: str, mode: str, limit_bytes: float) -> Scenario:
    """One arm under one limit; what dies is started again, so that the rest of the trial can be seen."""
    quota = Quota(mode="pooled" if mode == "pooled" else "split", amount=float(limit_bytes))
    return one_trial(
        scenario,
        arm,
        app=replace(scenario.app, restart="always"),
        budget=replace(scenario.budget, memory=quota),
    )


def with_objective(within: Search) -> Scenario:
    """The scenario with its objective, as it was given or from the slowest arm without a limit.

    Raises ScenarioError where requests failed without one, InvalidRunError where no trial of an arm has valid times.
    """
    scenario = within.scenario
    asked = scenario.limits or LimitSearch()
    if asked.slo:
        return scenario
    slowest = max(_calm_s(within, arm.name) for arm in scenario.arms)
    if slowest == float("inf"):
        raise ScenarioError(
            "requests failed without a memory limit: there is nothing to build an objective on",
            "give one (limits.slo), or see why they fail: the report of the run without a limit says it",
        )
    slo = usual_objective(slowest)
    within.say(f"the objective: {slo} (p99 without a limit was {format_seconds(slowest)})")
    return replace(scenario, limits=replace(asked, slo=slo))


def _calm_s(within: Search, arm: str) -> float:
    """The p99 of an arm without a limit, of its first trial whose times are valid; it is run again where none is.

    A disturbed one would give an objective that every limit holds.
    """
    provisional = f"p99 <= {LEAST_LIMIT_S * 1e3:g}ms"
    folder = within.folder
    for again in range(MOST_AGAIN + 1):
        own = (trial for trial in read_trials(folder.path, folder.info) if trial.record.arm == arm)
        for trial in (*own, *unlimited_in(folder.path, arm)):
            rung = hold(trial.record, trial.tables.requests, provisional)
            if rung.counts and summarise_trial(trial).valid_for(Family.TIME):
                return rung.quantile_s
        if again < MOST_AGAIN:
            within.say(f"limits: times of {arm} without a limit are not valid, its machine was disturbed; once more")
            within.run(one_trial(within.scenario, arm), f"{arm}-without-limit")
    raise InvalidRunError(
        f"times of {arm} without a limit are not valid in {MOST_AGAIN + 1} trials: there is nothing to build an "
        "objective on",
        f"{QUIETER}, or begin again with an objective (--slo); `lab doctor` shows what else runs",
    )


def _needs(folder: RunFolder, scenario: Scenario) -> Mapping[tuple[str, str], float]:
    """By arm and mode, what each arm had without a limit. Raises LabError where nobody could read it."""
    found: dict[tuple[str, str], float] = {}
    modes = scenario.limits.modes if scenario.limits else ()
    for trial in read_trials(folder.path, folder.info):
        for mode in modes:
            need = need_bytes(trial, mode, _parts(scenario, trial.record.arm))
            if need is None:
                raise LabError(
                    f"{trial.record.arm}: the kernel does not tell how much memory its containers have",
                    "mount the memory controller of cgroups",
                )
            found[trial.record.arm, mode] = need
    return found


def _parts(scenario: Scenario, arm: str) -> Mapping[str, float]:
    """By container, its part of a limit that is split."""
    first = build_plan(under(scenario, arm, "split", GIB)).trials[0]
    services = build_topology(first.scenario, first, nominal_ports(first.scenario, first.arm)).services
    return {service.name: (service.limits.memory_bytes or 0) / GIB for service in services}
