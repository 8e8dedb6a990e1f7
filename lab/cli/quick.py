"""``lab quick``: your own app in one command: look, write the scenario, say what will run, run it, open the report."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import Asked, Person, answers_of
from lab.cli.app_options import asked_of
from lab.cli.asked import scenario_of, with_engine
from lab.cli.beforehand import run_lines
from lab.cli.console import say
from lab.cli.init import DEFAULT_OUT, Force, OutFolder, tell_found, tell_written
from lab.cli.open import OpenWhereSeen, has_display
from lab.cli.options import DEFAULT_OUT as RUNS
from lab.cli.options import AllowConcurrent, Engine, Quiet, WaitForQuiet, takes_options, with_defaults
from lab.cli.run import run, with_blocks
from lab.errors import UsageError
from lab.plan.blocks import build_plan
from lab.starter.write import SCENARIO, write_files

ADVICE = "`lab quick --help` shows every flag"
LOOK = "6s"  # measured in a trial: a p95 at the starter's rate, and six trials in less than two minutes
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
    _check_free(scenario, blocks, force=force)
    _write(asked, out, force=force, quiet=quiet)
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


def _again(scenario: Path) -> str:
    return f"lab run {shlex.quote(str(scenario))}"


def _check_free(scenario: Path, blocks: int, *, force: bool) -> None:
    """Raise UsageError, before anything is looked at, where a scenario would be overwritten."""
    if scenario.exists() and not force:
        raise UsageError(
            f"{scenario}: exists already, and nothing is overwritten",
            f"run it with `{_again(scenario)} --blocks {blocks}`, choose another folder with --out, "
            "or replace it with --force",
        )


def _tell_planned(scenario: Path, blocks: int, engine: str | None) -> None:
    planned = build_plan(with_engine(with_blocks(scenario_of(scenario), blocks), engine))
    again = f"{_again(scenario)} --blocks {blocks}" + (f" --engine {engine}" if engine else "")
    for line in (*run_lines(planned), f"again    {again}"):
        say(line)


def _write(asked: Asked, out: Path, *, force: bool, quiet: bool) -> None:
    answers, look = answers_of(asked, Person(ask=None, advice=ADVICE))
    replaced = write_files(answers, out, force=force)
    if not quiet:
        tell_found(answers, look, out)
    tell_written(answers, out, replaced)
