"""``lab schema``: the JSON Schemas of the scenario file and of comparison.json."""

from typing import Annotated

import typer

from lab.cli.console import put_json
from lab.report.renderers.json_document import comparison_schema
from lab.scenario.file import json_schema

OfComparison = Annotated[
    bool, typer.Option("--comparison", help="Instead the JSON Schema of comparison.json, for programs that read it.")
]


def schema(comparison: OfComparison = False) -> None:
    """Print the JSON Schema of the scenario file, for editors that complete TOML."""
    put_json(comparison_schema() if comparison else json_schema())
