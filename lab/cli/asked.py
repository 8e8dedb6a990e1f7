"""What a run takes of the options that several verbs share: the scenario, its engine, what it touches and shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from lab.cli.console import say, terminal_width
from lab.cli.live.view import PlainView, SilentView, view_for
from lab.cli.options import DEFAULT_OUT, AllowConcurrent, Engine, Json, Out, Quiet, WaitForQuiet
from lab.errors import EndedError, LateError, UsageError
from lab.plan.blocks import Plan
from lab.run.quiet import wait_for_quiet
from lab.run.repeat import changed_inputs, recorded_scenario
from lab.run.surroundings import BESIDE_OTHERS, REAL, Surroundings
from lab.run.view import QuietView
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from lab.scenario.refusals import refusing
from lab.scenario.secret import keep_secret
from lab.scenario.secrets_of import redactor_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What was asked of every verb that runs trials, apart from the scenario."""

    engine: str | None
    out: Path
    around: Surroundings
    quiet: bool
    json: bool
    silent: SilentView = field(default_factory=SilentView)

    @property
    def teller(self) -> QuietView:
        """What shows steps outside of any run."""
        return self.silent if self.quiet or self.json else PlainView()

    def scenario(self, path: Path) -> Scenario:
        """The scenario in ``path``, on the engine that was asked for. Raises ScenarioError (exit 2)."""
        return with_engine(scenario_of(path), self.engine)

    def view_of(self, plan: Plan) -> QuietView:
        """What shows a run of this plan."""
        return self.silent if self.quiet or self.json else view_for(plan)


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
    around = replace(around, conclude=partial(around.conclude, width=terminal_width()))
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
    with refusing("--engine: ", "leave it out, or give the scenario what that engine can do"):
        return replace(scenario, engine=engine)


def with_blocks(scenario: Scenario, blocks: int | None) -> Scenario:
    """The scenario with another number of blocks: what run.json keeps must give the same plan again."""
    if blocks and scenario.trials.looks:
        raise UsageError(
            f"--blocks: the scenario declares looks at {', '.join(map(str, scenario.trials.looks))} blocks",
            "change trials.looks instead: they are part of its design",
        )
    return replace(scenario, trials=replace(scenario.trials, blocks=blocks)) if blocks else scenario


def scenario_of(path: Path, *, session: bool = False) -> Scenario:
    """The scenario in ``path``, or that of the run there; ``session``: also of a session by hand.

    Raises ScenarioError (exit 2).
    """
    scenario = _once_more(path, session=session) if path.is_dir() else read_scenario(path)
    keep_secret(redactor_of(scenario))
    return scenario


def _once_more(run: Path, *, session: bool) -> Scenario:
    scenario = recorded_scenario(run, session=session)[1]
    if changed := changed_inputs(run, scenario):
        say(f"note: this is not {run.name} once more: another content now has {', '.join(changed)}")
    return scenario


@contextmanager
def file_named(path: Path | None) -> Iterator[None]:
    """Say in the hint which file holds the scenario, where an arm did not come up as that describes it."""
    try:
        yield
    except (EndedError, LateError) as error:
        if path is not None and path.is_file():
            error.hint = "; ".join(filter(None, [error.hint, f"the scenario is {path}"]))
        raise


def name_of(path: Path, part: str = "") -> str:
    """What runs of the scenario in ``path`` are called, once with the name of this ``part``."""
    name = recorded_scenario(path, session=True)[0] if path.is_dir() else path.stem
    return f"{name.removesuffix(f'-{part}')}-{part}" if part else name
