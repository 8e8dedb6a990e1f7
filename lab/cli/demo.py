"""``lab demo``: a scenario that the lab ships, from an installed package as well as from its repository."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.asked import scenario_of, with_blocks, with_engine
from lab.cli.beforehand import image_lines, run_lines
from lab.cli.console import say
from lab.cli.names import complete_shipped, shipped_scenario
from lab.cli.open import OpenWhereSeen, has_display
from lab.cli.options import DEFAULT_OUT, AllowConcurrent, Blocks, Out, Quiet, known_engine, wait_option
from lab.cli.run import run
from lab.errors import MissingError
from lab.plan.blocks import build_plan
from lab.scenario.model import Scenario
from lab.units import format_duration

QUICKSTART = Path("quickstart")
DOCKER = "docker"
WAIT_MIN = 1.0
APP = "image    the demo app is built on Python's image, with wheels from PyPI, once"
DISK = "disk     about 0.5 GB in Docker for all images; nothing is installed on this system"
ENVIRONMENT = "gets the packages of the demo app, in a separate environment in the cache folder"
WITHOUT = "or use `lab demo --engine process`, which needs no Docker, but nginx on this machine"

Shipped = Annotated[
    Path,
    typer.Argument(
        help="The name of one of the lab's scenarios.",
        callback=shipped_scenario,
        autocompletion=complete_shipped,
    ),
]
Wait = Annotated[float, wait_option(f"{WAIT_MIN:g} minute at most")]
Engine = Annotated[
    str,
    typer.Option("--engine", callback=known_engine, help="docker, or process (plain processes, no containers)."),
]


def demo(
    scenario: Shipped = QUICKSTART,
    blocks: Blocks = None,
    engine: Engine = DOCKER,
    out: Out = DEFAULT_OUT,
    wait_for_quiet: Wait = WAIT_MIN,
    allow_concurrent: AllowConcurrent = False,
    quiet: Quiet = False,
    open_page: OpenWhereSeen = None,
) -> None:
    """Run the quickstart scenario with the lab's demo app, and print the path of the report.

    It says first what it will download and run. It needs Docker and installs
    nothing on this system. Docker gets images of Python and nginx (pulled, or
    built from Debian packages if no registry answers), builds the demo app with
    wheels from PyPI, and keeps about 0.5 GB. The run takes about 5 minutes; the
    first one takes a few more for the images.
    """
    planned = build_plan(with_engine(with_blocks(scenario_of(scenario), blocks), engine))
    if not quiet:
        say(planned.scenario.question)
        waits = f"waits    {format_duration(60 * wait_for_quiet)} at most before each trial, until the machine is quiet"
        for line in (*_getting(engine, planned.scenario), *run_lines(planned), waits, f"keeps    {out}/"):
            say(line)
    run(
        scenario=scenario,
        blocks=blocks,
        engine=engine,
        out=out,
        wait_for_quiet=wait_for_quiet,
        allow_concurrent=allow_concurrent,
        quiet=quiet,
        open_page=has_display() if open_page is None else open_page,
    )


def _getting(engine: str, scenario: Scenario) -> Iterator[str]:
    """Everything that the run brings to this machine."""
    if engine != DOCKER:
        yield ENVIRONMENT
        return
    try:
        yield from image_lines(scenario)
    except MissingError as error:
        error.hint = f"{error.hint}; {WITHOUT}"
        raise
    yield from (APP, DISK)
