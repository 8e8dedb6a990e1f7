"""``lab quick``: your own app in one command: look, write the scenario, say what will run, run it, open the report."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from lab.analysis.comparison import least_blocks
from lab.cli.answers import Asked, Person, answers_of, check_asked
from lab.cli.app_options import asked_of
from lab.cli.asked import scenario_of, with_blocks, with_engine
from lab.cli.beforehand import run_lines
from lab.cli.console import say
from lab.cli.init import DEFAULT_OUT, Force, OutFolder, tell_found, tell_written
from lab.cli.open import OpenWhereSeen, has_display
from lab.cli.options import DEFAULT_OUT as RUNS
from lab.cli.options import AllowConcurrent, Engine, Quiet, WaitForQuiet, takes_options, with_defaults
from lab.cli.run import run
from lab.engines.kinds import ENGINE_KINDS
from lab.errors import ScenarioError, UsageError
from lab.plan.blocks import build_plan
from lab.scenario.file import read_scenario
from lab.starter.write import SCENARIO, check, write_files
from lab.units import count_of, format_duration

ADVICE = "`lab quick --help` shows every flag"
LOOK = "8s"  # measured in a trial: a p95 that can be judged at the starter's rate, and six trials in two minutes
FEW = 2  # the least that shows how far the same arm differs from itself

Blocks = Annotated[
    int, typer.Option("--blocks", min=1, max=1000, help="Number of blocks; it says whether they allow a verdict.")
]


@takes_options(with_defaults(asked_of, measure=LOOK))
def quick(
    asked: Asked,
    out: OutFolder = DEFAULT_OUT,
    force: Force = False,
    blocks: Blocks = FEW,
    engine: Engine = None,
    wait_for_quiet: WaitForQuiet = None,
    allow_concurrent: AllowConcurrent = False,
    quiet: Quiet = False,
    open_page: OpenWhereSeen = None,
) -> None:
    """Measure your own app in one command: look at it, write a scenario, run it, and open the report.

    It looks at the app as `lab init` does but asks nothing: if it cannot guess
    something, it stops and names the option. The scenario stays in --out for
    you to change and run again; the run goes to runs/. Few blocks give numbers
    only: it says first how many a verdict takes.
    """
    scenario = out / SCENARIO
    check_asked(asked, ADVICE)
    if scenario.exists() and not force:
        raise _refusal(asked, scenario, blocks)
    answers, look = answers_of(asked, Person(ask=None, advice=ADVICE))
    if engine and engine in ENGINE_KINDS:  # what it cannot do is refused before anything is written
        ENGINE_KINDS[engine].check(with_engine(check(answers), engine))
    replaced = write_files(answers, out, force=force)
    if not quiet:
        tell_found(answers, look, out)
    tell_written(answers, out, replaced)
    if not quiet:
        _tell_planned(scenario, blocks, engine)
    run(
        scenario=scenario,
        blocks=blocks,
        engine=engine,
        out=RUNS,
        wait_for_quiet=wait_for_quiet,
        allow_concurrent=allow_concurrent,
        quiet=quiet,
        open_page=has_display() if open_page is None else open_page,
    )
    if not quiet:
        _tell_next(scenario, blocks, engine)


def _again(scenario: Path, blocks: int | None = None, engine: str | None = None) -> str:
    asked = (f" --{name} {value}" for name, value in (("blocks", blocks), ("engine", engine)) if value is not None)
    return f"lab run {shlex.quote(str(scenario))}{''.join(asked)}"


def _refusal(asked: Asked, scenario: Path, blocks: int) -> UsageError:
    """Why nothing is written over a scenario, before anything is looked at: for which app it is, and what to do."""
    kept, ways = "exists already", "choose another folder with --out, or replace it with --force"
    try:
        app = read_scenario(scenario).app
    except ScenarioError as error:
        return UsageError(f"{scenario}: {kept}, nothing is overwritten, and it cannot be run: {error}", ways)
    whose = f"the image {app.image}" if app.build is None else f"the app in {os.path.relpath(app.build)}"
    other = (asked.image and asked.image != app.image) or (asked.folder and asked.folder.resolve() != app.build)
    again = "" if other else f"run it with `{_again(scenario, blocks)}`, "
    return UsageError(f"{scenario}: {kept}, for {whose}, and nothing is overwritten", f"{again}{ways}")


def _tell_planned(scenario: Path, blocks: int, engine: str | None) -> None:
    planned = build_plan(with_engine(with_blocks(scenario_of(scenario), blocks), engine))
    for line in (*run_lines(planned), f"again    {_again(scenario, blocks, engine)}"):
        say(line)


def _tell_next(scenario: Path, blocks: int, engine: str | None) -> None:
    """Where so few blocks left the question unanswered, the command that answers it, and how long that takes."""
    whole = build_plan(with_engine(scenario_of(scenario), engine))
    if blocks < least_blocks(whole.scenario) <= whole.blocks:
        takes = f"{count_of(whole.blocks, 'block')}, about {format_duration(round(whole.estimated_s))}"
        say(f"verdict  {_again(scenario, engine=engine)}  ({takes})")
