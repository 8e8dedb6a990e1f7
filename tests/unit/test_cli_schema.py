"""`lab schema`: both schemas can be had from the command line."""

from __future__ import annotations

import json

import jsonschema  # type: ignore[import-untyped]  # it carries no types
from typer.testing import CliRunner

from lab.cli import app
from lab.report.renderers.json_document import comparison_schema
from lab.report.renderers.json_types import COMPARISON_SCHEMA_VERSION
from lab.scenario.file import json_schema


def test_by_default_it_is_that_of_the_scenario() -> None:
    """What editors are given stays what it was."""
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout) == json_schema()


def test_the_schema_of_the_comparison_says_what_it_is() -> None:
    """Valid in the dialect that it names, with the version of the documents that it describes."""
    printed = json.loads(CliRunner().invoke(app, ["schema", "--comparison"]).stdout)

    assert printed == comparison_schema()
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["title"] == f"process-model-lab comparison, version {COMPARISON_SCHEMA_VERSION}"
    assert printed["properties"]["schema_version"]["const"] == COMPARISON_SCHEMA_VERSION
    jsonschema.Draft202012Validator.check_schema(printed)
