"""Read a scenario for a command: from then on the command prints none of its secrets."""

from __future__ import annotations

from pathlib import Path

from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from lab.scenario.secret import keep_secret
from lab.scenario.secrets_of import redactor_of


def scenario_of(path: Path) -> Scenario:
    """The scenario in ``path``. Raises ScenarioError (exit 2)."""
    scenario = read_scenario(path)
    keep_secret(redactor_of(scenario))
    return scenario
