"""``lab schema``: the JSON Schema of the scenario file."""

from __future__ import annotations

from lab.cli.console import put_json
from lab.scenario_file import json_schema


def schema() -> None:
    """Print the JSON Schema of the scenario file, for editors that complete TOML."""
    put_json(json_schema())
