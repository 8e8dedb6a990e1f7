"""The search for the smallest memory limit that holds: each arm alone, deployed afresh under every limit (METHOD 10).

Its runs are kept inside the run without a limit that it begins from, and what was tried is read from there: a search
that was cut goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lab.analysis.limit_search import Bracket, need_bytes
from lab.analysis.trial.ladder import hold
from lab.errors import DeploymentError, LabError, ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.record.folder import RunFolder, read_trials
from lab.run.inside import SEARCHED, one_trial, searched_in
from lab.run.pilot import LEAST_LIMIT_S, ViewOf, usual_objective
from lab.run.run import run_scenario
from lab.run.surroundings import REAL, Surroundings
from lab.scenario.budget import Quota
from lab.scenario.limits import MOST_TRIES, LimitSearch
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


def most_s(scenario: Scenario) -> float:
    """How long a search may take at most, preparation of its runs apart."""
    one = build_plan(one_trial(scenario, scenario.arms[0].name)).estimated_s
    modes = len(scenario.limits.modes) if scenario.limits else 0
    return one * len(scenario.arms) * (1 + modes * MOST_TRIES)


def search(
    folder: RunFolder, view_of: ViewOf, say: Callable[[str], None], scenario: Scenario, *, around: Surroundings = REAL
) -> None:
    """Try limits of every arm and mode in turn until each is known, or was tried often enough. Raises LabError.

    ``scenario``: that of the run in ``folder``, which had no limit.
    """
    asked = _with_objective(folder, scenario, say)
    needs = _needs(folder, asked)
    open_ones = True
    while open_ones:
        open_ones = False
        for bracket in searched_in(folder.path, folder.info):
            limit = bracket.next_bytes(needs[bracket.arm, bracket.mode])
            if limit is not None:
                open_ones = True
                _try(folder, asked, bracket, limit, view_of, say, around)


def _try(
    folder: RunFolder,
    scenario: Scenario,
    bracket: Bracket,
    limit_bytes: int,
    view_of: ViewOf,
    say: Callable[[str], None],
    around: Surroundings,
) -> None:
    """One trial under one limit. That the arm does not come up, or dies, is what the search asks."""
    say(f"limits: {bracket.arm} in {format_bytes(limit_bytes)}, {bracket.mode}")
    plan = build_plan(under(scenario, bracket.arm, bracket.mode, limit_bytes))
    name = f"{bracket.arm}-{bracket.mode}-{format_bytes(limit_bytes).replace(' ', '')}"
    try:
        run_scenario(plan, name, folder.path / SEARCHED, view_of(plan), around=around, use_floor=False)
    except DeploymentError as error:
        say(f"limits: {bracket.arm} does not hold in {format_bytes(limit_bytes)}, {bracket.mode}: {error}")


def under(scenario: Scenario, arm: str, mode: str, limit_bytes: float) -> Scenario:
    """One arm under one limit; what dies is started again, so that the rest of the trial can be seen."""
    quota = Quota(mode="pooled" if mode == "pooled" else "split", amount=float(limit_bytes))
    return one_trial(
        scenario,
        arm,
        app=replace(scenario.app, restart="always"),
        budget=replace(scenario.budget, memory=quota),
    )


def _with_objective(folder: RunFolder, scenario: Scenario, say: Callable[[str], None]) -> Scenario:
    """The scenario with its objective, as it was given or from the slowest arm without a limit."""
    asked = scenario.limits or LimitSearch()
    if asked.slo:
        return scenario
    provisional = f"p99 <= {LEAST_LIMIT_S * 1e3:g}ms"
    trials = read_trials(folder.path, folder.info)
    slowest = max(hold(trial.record, trial.tables.requests, provisional).quantile_s for trial in trials)
    if slowest == float("inf"):
        raise ScenarioError(
            "requests failed without a memory limit: there is nothing to build an objective on",
            "give one (limits.slo), or see why they fail: the report of the run without a limit says it",
        )
    slo = usual_objective(slowest)
    say(f"the objective: {slo} (p99 without a limit was {format_seconds(slowest)})")
    return replace(scenario, limits=replace(asked, slo=slo))


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
