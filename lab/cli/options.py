"""Options that several verbs share, declared once."""

import inspect
import shlex
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from lab.cli.names import complete_run, complete_run_or_bundle, complete_scenario, run_folder, scenario_file
from lab.errors import UsageError
from lab.scenario.choices import AUTO
from lab.scenario.compare import unknown
from lab.scenario.kinds import ENGINES

WHICH_SCENARIO = (
    "A TOML file, the name of a scenario in scenarios/ or of one of the lab's own, or an earlier run, to repeat it."
)
ScenarioPath = Annotated[
    Path,
    typer.Argument(
        help=WHICH_SCENARIO,
        show_default=False,
        callback=scenario_file,
        autocompletion=complete_scenario,
    ),
]


def _run_that(may_be: str, complete: Callable[[str], list[str]]) -> Any:
    return typer.Argument(
        help=f"A run: its folder or a path inside, `latest`, {may_be}.",
        show_default=False,
        callback=run_folder,
        autocompletion=complete,
    )


RunPath = Annotated[Path, _run_that("the beginning of its name, or a bundle", complete_run_or_bundle)]
RunFolderPath = Annotated[Path, _run_that("or the beginning of its name", complete_run)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the result and errors, no progress and no tables.")
]
Blocks = Annotated[
    int | None, typer.Option("--blocks", min=1, max=1000, help="Number of blocks, instead of the scenario's.")
]
Out = Annotated[Path, typer.Option("--out", help="The folder that holds the run folders.")]


def known_engine(name: str | None) -> str | None:
    """The engine, if there is one of that name. Raises UsageError."""
    if name is not None and name not in (AUTO, *ENGINES):
        raise UsageError(f"--engine: {unknown('engine', name, (AUTO, *ENGINES))}")
    return name


Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        callback=known_engine,
        help="docker; process (plain processes, no containers); auto: Docker if it answers, otherwise process.",
        show_default=False,
    ),
]


def _also_of(told: str) -> Any:
    """The option of a command that takes a scenario for what it names beside this machine."""
    return typer.Option(
        "--scenario",
        help=told,
        show_default=False,
        callback=lambda path: path and scenario_file(path),
        autocompletion=complete_scenario,
    )


OnNodes = Annotated[
    Path | None,
    _also_of("Include the nodes of this scenario."),
]
OfScenario = Annotated[
    Path | None,
    _also_of("Check the images that the app of this scenario needs, and its nodes, as well."),
]
AllowConcurrent = Annotated[
    bool,
    typer.Option("--allow-concurrent", help="Run even if another lab is measuring here; each disturbs the other."),
]


def wait_option(without: str) -> Any:
    """The option that lets trials wait; ``without``: what happens where it is not given."""
    return typer.Option(
        "--wait-for-quiet",
        metavar="MINUTES",
        min=0.0,
        max=1440.0,
        help="Before each trial, wait until every machine of the run is quiet enough for the gates: 5 minutes at "
        f"most, or as many as you write behind it. Without it, {without}.",
        show_default=False,
    )


WaitForQuiet = Annotated[float | None, wait_option("nothing waits")]
GIVEN = "COMMANDLINE"  # where an option comes from; Typer has no name for it of its own
DEFAULT_OUT = Path("runs")
T = TypeVar("T")


def as_called(context: typer.Context, *, without: str) -> str:
    """The command that is carried out, with its options but one, for a person to give it again."""
    words = ["lab", context.info_name or ""]
    for option in context.command.params:
        name, value = option.name or "", context.params.get(option.name or "")
        source = context.get_parameter_source(name)
        if name == without or source is None or source.name != GIVEN:
            continue
        if option.param_type_name == "argument":
            words.append(str(value))
        else:
            flags = (option.opts if value else option.secondary_opts) if isinstance(value, bool) else []
            several = value if isinstance(value, list | tuple) else [value]  # one that may be given again and again
            words += flags[:1] or [f"{option.opts[0]}={each}" for each in several]
    return shlex.join(words)


def with_defaults(together: Callable[..., T], **defaults: Any) -> Callable[..., T]:
    """The same options for another verb, some of which have another default there."""
    made = inspect.signature(together, eval_str=True)

    @wraps(together)
    def asked(**given: Any) -> T:
        return together(**given)

    changed = [each.replace(default=defaults.get(name, each.default)) for name, each in made.parameters.items()]
    asked.__signature__ = made.replace(parameters=changed)  # type: ignore[attr-defined]  # as below
    return asked


def takes_options(together: Callable[..., T]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb the options that are parameters of ``together``, in place of the parameter that is what it makes."""
    made = inspect.signature(together, eval_str=True)
    shared = made.parameters

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(verb, eval_str=True).parameters.values()
        (place,) = (each.name for each in own if each.annotation is made.return_annotation)

        @wraps(verb)
        def called(**given: Any) -> None:
            verb(**{place: together(**{name: given.pop(name) for name in shared if name in given})}, **given)

        parameters = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for mine in own
            for each in (shared.values() if mine.name == place else (mine,))
        ]
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads both
        called.__annotations__ = {each.name: each.annotation for each in parameters}
        return called

    return decorate
