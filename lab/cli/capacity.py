"""``lab capacity SCENARIO``: the highest rate that each arm carries within an objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic
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
from lab.run.estimate import FULL_S, fitting_blocks, ladder_s, nominal, search_s
from lab.run.run import run_scenario
from lab.scenario.capacity import Capacity, check_objective
from lab.scenario.compare import Compare
from lab.scenario.model import Scenario
from lab.scenario.refusals import refusing
from lab.units import format_duration

FULL_BLOCKS, QUICK_BLOCKS = 12, 6
SEE = "see docs/scenario_file.md"

Slo = Annotated[
    str,
    typer.Option(
        "--slo", help='The objective, as in "p99 <= 50ms and errors <= 0.1%"; without it, the pilot finds one.'
    ),
]
Look = Annotated[
    bool,
    typer.Option(
        "--quick", help="A quick look: fewer rungs and blocks, no control arms; shows large differences only."
    ),
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
    began_s, given = monotonic(), running.scenario(scenario)
    asked = climbing(given, slo, quick=look, blocks=blocks)
    view_of, teller, planned_s = running.view_of, running.teller, search_s(asked)
    teller.step(f"about {format_duration(round(planned_s))} in all, images apart")
    with with_ladder(asked, running.out, view_of, teller.step, around=running.around) as laddered:
        climber, around = laddered.scenario, laddered.around
        if laddered.pilot and blocks is None and given.capacity is None and not look:
            climber = _fitting(climber, planned_s - ladder_s(nominal(asked)), teller.step)
        plan = build_plan(climber)
        teller.step(f"{len(plan.trials)} trials, about {format_duration(round(ladder_s(climber)))}")
        name, view = name_of(scenario, "capacity"), view_of(plan)
        folder = run_scenario(plan, name, running.out, view, around=around, pilot=laddered.pilot)
    tell = partial(show, json=running.json, quiet=running.quiet)
    found = concluded(folder, plan.scenario, view_of, tell, say=teller.step, around=around)
    took_s = round(monotonic() - began_s)
    teller.step(f"took {format_duration(took_s)}, about {format_duration(round(planned_s))} were planned")
    tell(found)
    if open_page:
        show_page(found.written.html)
    exit_by(found, strict=strict)


def _fitting(climber: Scenario, before_s: float, say: Callable[[str], None]) -> Scenario:
    """The scenario with as many blocks as fit, and a sentence where slow arms leave room for fewer."""
    blocks, asked = fitting_blocks(climber, before_s), climber.trials.blocks
    if blocks == asked:
        return climber
    say(
        f"{blocks} blocks, not {asked}: the ladder is long (arms that are slow, or far apart), and all of them would "
        f"take more than {format_duration(round(FULL_S * len(climber.arms) / 2))}; --blocks {asked} asks for them"
    )
    return replace(climber, trials=replace(climber.trials, blocks=blocks))


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
