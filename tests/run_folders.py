"""A finished run on disk, from the builders: nothing was run."""

from __future__ import annotations

from pathlib import Path

from lab.plan.blocks import build_plan
from lab.record.folder import TABLES, RunFolder
from lab.scenario.model import Scenario
from tests.builders import make_run, make_trial


def write_run(scenario: Scenario, root: Path) -> Path:
    """Every trial of the scenario in a new run folder below ``root``, one at a time; the folder."""
    folder = RunFolder.create(root, make_run(scenario))
    for trial in build_plan(scenario).trials:
        result = make_trial(scenario, trial)
        staging = folder.stage(trial.id)
        for name in TABLES:
            getattr(result.tables, name).write_parquet(staging / f"{name}.parquet")
        folder.commit(result.record)
    return folder.path
