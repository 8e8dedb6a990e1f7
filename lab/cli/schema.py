"""``lab schema``: the JSON Schemas of the scenario file, of comparison.json and of the decision card."""

from typing import Annotated

import typer

from lab.cli.console import put_json
from lab.errors import UsageError
from lab.report.renderers.card_document import card_schema
from lab.report.renderers.json_document import comparison_schema
from lab.scenario.file import json_schema

OfComparison = Annotated[
    bool, typer.Option("--comparison", help="Print that of comparison.json instead, for programs that read it.")
]
OfCard = Annotated[bool, typer.Option("--card", help="Print that of `lab decide --json` instead.")]


def schema(comparison: OfComparison = False, card: OfCard = False) -> None:
    """Print the JSON Schema of the scenario file, for editors that complete TOML."""
    if comparison and card:
        raise UsageError("--comparison and --card: one schema at a time", "leave one of them out")
    put_json(comparison_schema() if comparison else card_schema() if card else json_schema())
