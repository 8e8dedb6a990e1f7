"""Options that several verbs share, declared once."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from lab.cli.live.view import PlainView, view_for
from lab.cli.names import complete_run, complete_scenario, run_folder, scenario_file
from lab.errors import UsageError
from lab.plan.blocks import Plan
from lab.run.again import recorded_scenario
from lab.run.quiet import wait_for_quiet
from lab.run.surroundings import BESIDE_OTHERS, REAL, Surroundings
from lab.run.view import QuietView
from lab.scenario.choices import AUTO
from lab.scenario.compare import unknown
from lab.scenario.file import read_scenario
from lab.scenario.kinds import ENGINES
from lab.scenario.model import Scenario
from lab.scenario.secret import keep_secret
from lab.scenario.secrets_of import redactor_of

WHICH_SCENARIO = (
    "The scenario: a TOML file, the name of one in scenarios/ or of the lab's own, or an earlier run, to run it again."
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
        help="Before each trial, wait until the machine is as quiet as the checks ask: up to 5 minutes, or as many as "
        "follow a =.",
        show_default=False,
    ),
]
BARE_WAIT = "--wait-for-quiet"
USUAL_WAIT = f"{BARE_WAIT}=5"
DEFAULT_OUT = Path("runs")
T = TypeVar("T")


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


class Verbs(TyperGroup):
    """The verbs; of their options ``--wait-for-quiet`` may come without its value, which Typer cannot express."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give the bare option its usual value."""
        return super().parse_args(ctx, [USUAL_WAIT if word == BARE_WAIT else word for word in args])


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What was asked of every verb that runs trials, apart from the scenario."""

    engine: str | None
    out: Path
    around: Surroundings
    quiet: bool
    json: bool

    @property
    def teller(self) -> QuietView:
        """What shows steps outside of any run."""
        return QuietView() if self.quiet or self.json else PlainView()

    def scenario(self, path: Path) -> Scenario:
        """The scenario in ``path``, on the engine that was asked for. Raises ScenarioError (exit 2)."""
        return with_engine(scenario_of(path), self.engine)

    def view_of(self, plan: Plan) -> QuietView:
        """What shows a run of this plan."""
        return view_for(plan, quiet=self.quiet or self.json)


def running_of(
    engine: Engine = None,
    out: Out = DEFAULT_OUT,
    wait_for_quiet: WaitForQuiet = None,
    allow_concurrent: AllowConcurrent = False,
    quiet: Quiet = False,
    json: Json = False,
) -> Running:
    """Take the options together; their defaults and help texts stand here alone."""
    around = around_of(allow_concurrent=allow_concurrent, wait_min=wait_for_quiet)
    return Running(engine=engine, out=out, around=around, quiet=quiet, json=json)


def around_of(*, allow_concurrent: bool, wait_min: float | None) -> Surroundings:
    """What a run touches, as the options ask."""
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


def scenario_of(path: Path, *, session: bool = False) -> Scenario:
    """The scenario in ``path``, or that of the run there; ``session``: also of a session by hand.

    Raises ScenarioError (exit 2).
    """
    scenario = recorded_scenario(path, session=session)[1] if path.is_dir() else read_scenario(path)
    keep_secret(redactor_of(scenario))
    return scenario


def name_of(path: Path, part: str = "") -> str:
    """What runs of the scenario in ``path`` are called, once with the name of this ``part``."""
    name = recorded_scenario(path, session=True)[0] if path.is_dir() else path.stem
    return f"{name.removesuffix(f'-{part}')}-{part}" if part else name
