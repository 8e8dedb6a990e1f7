"""Options that several verbs share, declared once."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from lab.cli.names import complete_run, complete_scenario, run_folder, scenario_file
from lab.errors import UsageError
from lab.run.quiet import wait_for_quiet
from lab.run.surroundings import BESIDE_OTHERS, REAL, Surroundings
from lab.scenario.choices import AUTO
from lab.scenario.compare import unknown
from lab.scenario.file import read_scenario
from lab.scenario.kinds import ENGINES
from lab.scenario.model import Scenario
from lab.scenario.secret import keep_secret
from lab.scenario.secrets_of import redactor_of

ScenarioPath = Annotated[
    Path,
    typer.Argument(
        help="The scenario: a TOML file, or the name of one in scenarios/ or of the lab's own.",
        show_default=False,
        callback=scenario_file,
        autocompletion=complete_scenario,
    ),
]
RunPath = Annotated[
    Path,
    typer.Argument(
        help="A run: its folder or a path inside, `latest`, or the beginning of its name.",
        show_default=False,
        callback=run_folder,
        autocompletion=complete_run,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the result, without progress or tables, and errors.")
]
Blocks = Annotated[
    int | None, typer.Option("--blocks", min=1, max=1000, help="Number of blocks, instead of the scenario's.")
]
Out = Annotated[Path, typer.Option("--out", help="Folder in which run folders are kept.")]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="docker; process (plain processes, no containers); auto: Docker where it answers, else process.",
        show_default=False,
    ),
]
OnNodes = Annotated[
    Path | None,
    typer.Option(
        "--scenario",
        help="Also the nodes of this scenario.",
        show_default=False,
        callback=lambda path: path and scenario_file(path),
        autocompletion=complete_scenario,
    ),
]
AllowConcurrent = Annotated[
    bool,
    typer.Option("--allow-concurrent", help="Run although another lab measures on this machine: both are disturbed."),
]
WaitForQuiet = Annotated[
    float | None,
    typer.Option(
        "--wait-for-quiet",
        metavar="MINUTES",
        min=0.0,
        max=1440.0,
        help="Before each trial, wait until the machine is as quiet as the checks ask, MINUTES at most; 5 when none "
        "are given (--wait-for-quiet or --wait-for-quiet=MINUTES).",
        show_default=False,
    ),
]
BARE_WAIT = "--wait-for-quiet"
USUAL_WAIT = f"{BARE_WAIT}=5"
DEFAULT_OUT = Path("runs")
T = TypeVar("T")


def takes_options(together: Callable[..., T]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb the options that are parameters of ``together``; its first parameter gets what that makes of them."""
    shared = inspect.signature(together).parameters

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        @wraps(verb)
        def called(**given: Any) -> None:
            verb(together(**{name: given.pop(name) for name in shared}), **given)

        _, *own = inspect.signature(verb).parameters.values()
        parameters = (*shared.values(), *own)
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads both
        called.__annotations__ = {each.name: each.annotation for each in parameters}
        return called

    return decorate


class Verbs(TyperGroup):
    """The verbs; of their options ``--wait-for-quiet`` may come without its value, which Typer cannot express."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give the bare option its usual value."""
        return super().parse_args(ctx, [USUAL_WAIT if word == BARE_WAIT else word for word in args])


def around_of(*, allow_concurrent: bool, wait_min: float | None) -> Surroundings:
    """What a run touches, as the options of `lab run` and `lab selfcheck` ask."""
    around = BESIDE_OTHERS if allow_concurrent else REAL
    if wait_min is None:
        return around
    return replace(around, tools=replace(around.tools, settle=partial(wait_for_quiet, bound_s=60 * wait_min)))


def with_engine(scenario: Scenario, engine: str | None) -> Scenario:
    """The scenario on another engine; None leaves it as its file says."""
    if engine is None:
        return scenario
    if engine not in (AUTO, *ENGINES):
        raise UsageError(f"--engine: {unknown('engine', engine, (AUTO, *ENGINES))}")
    return replace(scenario, engine=engine)


def scenario_of(path: Path) -> Scenario:
    """The scenario in ``path``. Raises ScenarioError (exit 2)."""
    scenario = read_scenario(path)
    keep_secret(redactor_of(scenario))
    return scenario
