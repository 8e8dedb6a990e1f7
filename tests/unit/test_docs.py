"""The documentation names everything there is, and the generated part is in step with the code."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.analysis.metrics import METRICS
from lab.cli import VERBS
from lab.scenario_file import json_schema

ROOT = Path(__file__).parents[2]
DOCUMENTS = "\n".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
)


def scenario_keys() -> Iterator[str]:
    """Every key of a scenario file as ``table.key``, from the schema that validates it."""
    schema = json_schema()
    for key, entry in schema["properties"].items():
        name = entry.get("$ref") or entry.get("items", {}).get("$ref")
        if name is None:
            yield key
        else:
            yield from (f"{key}.{inner}" for inner in schema["$defs"][name.rpartition("/")[2]]["properties"])


@pytest.mark.parametrize("name", [*(f"`{key}`" for key in METRICS), *(f"`{key}`" for key in scenario_keys())])
def test_every_metric_and_every_scenario_key_is_documented(name: str) -> None:
    """As a word of its own, between backticks."""
    assert name in DOCUMENTS


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_documented(verb: str) -> None:
    """With its name as it is typed."""
    assert f"lab {verb}" in DOCUMENTS


def test_the_reference_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change: python docs/generate.py."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))["reference"]()

    assert made == (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
