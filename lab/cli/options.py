"""Options that several verbs share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ScenarioPath = Annotated[Path, typer.Argument(help="The scenario file (TOML).", show_default=False)]
RunPath = Annotated[Path, typer.Argument(help="A run folder, as `lab list` shows it.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result and errors.")]
Blocks = Annotated[
    int | None, typer.Option("--blocks", min=1, max=1000, help="Number of blocks, instead of the scenario's.")
]
Out = Annotated[Path, typer.Option("--out", help="Folder in which run folders are kept.")]
DEFAULT_OUT = Path("runs")
