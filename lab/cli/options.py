"""Options that several verbs share, declared once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lab.errors import UsageError
from lab.scenario.choices import AUTO
from lab.scenario.compare import unknown
from lab.scenario.file import read_scenario
from lab.scenario.kinds import ENGINES
from lab.scenario.model import Scenario
from lab.scenario.secret import keep_secret
from lab.scenario.secrets_of import redactor_of

ScenarioPath = Annotated[Path, typer.Argument(help="The scenario file (TOML).", show_default=False)]
RunPath = Annotated[Path, typer.Argument(help="A run folder, as `lab list` shows it.", show_default=False)]
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
AllowConcurrent = Annotated[
    bool,
    typer.Option("--allow-concurrent", help="Run although another lab measures on this machine: both are disturbed."),
]
DEFAULT_OUT = Path("runs")


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
