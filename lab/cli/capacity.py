"""``lab capacity SCENARIO``: the highest rate that each arm carries within an objective."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from lab.cli.asked import Running, name_of, running_of
from lab.cli.open import Open, show_page
from lab.cli.options import Blocks, ScenarioPath, takes_options
from lab.cli.run import Strict, exit_by, show
from lab.errors import UsageError
from lab.metrics.capacity import CAPACITY
from lab.plan.blocks import build_plan
from lab.run.capacity import with_ladder
from lab.run.confirm import concluded
from lab.run.estimate import ladder_s, search_s
from lab.run.run import run_scenario
from lab.scenario.capacity import Capacity, check_objective
from lab.scenario.compare import Compare
from lab.scenario.model import Scenario
from lab.scenario.refusals import refusing
from lab.units import format_duration

FULL_BLOCKS, QUICK_BLOCKS = 12, 6
SEE = "see docs/scenario_file.md"

Slo = Annotated[
    str, typer.Option("--slo", help='The objective: "p99 <= 50ms and errors <= 0.1%"; left out, the pilot finds one.')
]
Look = Annotated[
    bool, typer.Option("--quick", help="A look: fewer rungs and blocks, no control arms; tells large differences only.")
]


@takes_options(running_of)
def capacity(
    scenario: ScenarioPath,
    running: Running,
    slo: Slo = "",
    look: Look = False,
    blocks: Blocks = None,
    strict: Strict = False,
    open_page: Open = False,
) -> None:
    """Find the highest rate that each arm carries within an objective, and compare the arms by it."""
    asked = climbing(running.scenario(scenario), slo, quick=look, blocks=blocks)
    view_of, teller = running.view_of, running.teller
    teller.step(f"about {format_duration(round(search_s(asked)))} in all, images apart")
    climber, around = with_ladder(asked, running.out, view_of, teller.step, around=running.around)
    plan = build_plan(climber)
    teller.step(f"{len(plan.trials)} trials, about {format_duration(round(ladder_s(climber)))}")
    folder = run_scenario(plan, name_of(scenario, "capacity"), running.out, view_of(plan), around=around)
    tell = partial(show, json=running.json, quiet=running.quiet)
    found = concluded(folder, plan.scenario, view_of, tell, say=teller.step, around=around)
    tell(found)
    if open_page:
        show_page(found.written.html)
    exit_by(found, strict=strict)


def climbing(scenario: Scenario, slo: str, *, quick: bool, blocks: int | None) -> Scenario:
    """The scenario as a search for capacity asks it: what it compares, and nothing that belongs to another question.

    A look is without the arms that are there to explain: it has no time for them.
    """
    kept = scenario.capacity or Capacity()
    slo = slo_of(slo) or kept.slo
    found = Capacity.look(slo) if quick else replace(kept, slo=slo)
    kept_arms = (scenario.baseline, *scenario.judged)
    arms = tuple(arm for arm in scenario.arms if arm.name in kept_arms) if quick else scenario.arms
    number = blocks or (scenario.trials.blocks if scenario.capacity else QUICK_BLOCKS if quick else FULL_BLOCKS)
    with refusing("", SEE):
        return replace(
            scenario,
            arms=arms,
            capacity=found,
            limits=None,
            drills=(),
            sweep=type(scenario.sweep)(),
            expect=scenario.expect if scenario.capacity else (),
            trials=replace(scenario.trials, blocks=number, looks=()),
            compare=Compare(primary=(CAPACITY,), baseline=scenario.compare.baseline, judged=scenario.compare.judged),
        )


def slo_of(text: str) -> str:
    """The objective as it was given. Raises UsageError (exit 2) where it is none."""
    try:
        return check_objective(text)
    except ValueError as error:
        raise UsageError(f"--slo: {error}", SEE) from None
