"""``lab capacity SCENARIO``: the highest rate that each arm carries within an objective."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from lab.cli.live.view import PlainView, view_for
from lab.cli.open import Open, show_page
from lab.cli.options import (
    DEFAULT_OUT,
    AllowConcurrent,
    Blocks,
    Engine,
    Json,
    Out,
    Quiet,
    ScenarioPath,
    WaitForQuiet,
    around_of,
    scenario_of,
    with_engine,
)
from lab.cli.run import show
from lab.errors import LabError
from lab.metrics.capacity import CAPACITY
from lab.plan.blocks import Plan, build_plan
from lab.run.capacity import with_ladder
from lab.run.conclude import conclude_apart
from lab.run.confirm import confirm
from lab.run.run import run_scenario
from lab.run.view import QuietView
from lab.scenario.capacity import Capacity
from lab.scenario.compare import Compare
from lab.scenario.model import Scenario

FULL_BLOCKS, QUICK_BLOCKS = 12, 6

Slo = Annotated[
    str, typer.Option("--slo", help='The objective: "p99 <= 50ms and errors <= 0.1%"; left out, the pilot finds one.')
]
Look = Annotated[bool, typer.Option("--quick", help="A look: fewer rungs and blocks; tells large differences only.")]


def capacity(
    scenario: ScenarioPath,
    slo: Slo = "",
    look: Look = False,
    blocks: Blocks = None,
    engine: Engine = None,
    out: Out = DEFAULT_OUT,
    wait_for_quiet: WaitForQuiet = None,
    allow_concurrent: AllowConcurrent = False,
    quiet: Quiet = False,
    json: Json = False,
    open_page: Open = False,
) -> None:
    """Find the highest rate that each arm carries within an objective, and compare the arms by it."""
    around = around_of(allow_concurrent=allow_concurrent, wait_min=wait_for_quiet)
    asked = climbing(with_engine(scenario_of(scenario), engine), slo, quick=look, blocks=blocks)
    silent = quiet or json

    def view_of(plan: Plan) -> QuietView:
        return view_for(plan, quiet=silent)

    teller = QuietView() if silent else PlainView()
    plan = build_plan(with_ladder(asked, out, view_of, teller.step, around=around))
    folder = run_scenario(plan, f"{scenario.stem}-capacity", out, view_of(plan), around=around)
    found = conclude_apart(folder.path)
    if not (plan.scenario.capacity and plan.scenario.capacity.quick):
        try:
            confirm(folder, plan.scenario, view_of, teller.step, around=around)
        except LabError:  # what was measured before it counts, and is told first
            show(found, json=json, quiet=quiet)
            raise
        found = conclude_apart(folder.path)
    show(found, json=json, quiet=quiet)
    if open_page:
        show_page(found.written.html)


def climbing(scenario: Scenario, slo: str, *, quick: bool, blocks: int | None) -> Scenario:
    """The scenario as a search for capacity asks it: what it compares, and nothing that belongs to another question."""
    kept = scenario.capacity or Capacity()
    found = Capacity.look(slo or kept.slo) if quick else replace(kept, slo=slo or kept.slo)
    number = blocks or (scenario.trials.blocks if scenario.capacity else QUICK_BLOCKS if quick else FULL_BLOCKS)
    return replace(
        scenario,
        capacity=found,
        drills=(),
        sweep=type(scenario.sweep)(),
        expect=scenario.expect if scenario.capacity else (),
        trials=replace(scenario.trials, blocks=number, looks=()),
        compare=Compare(primary=(CAPACITY,), baseline=scenario.compare.baseline, judged=scenario.compare.judged),
    )
