"""A finished run on disk, from the builders: nothing was run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lab.record.folder import TABLES, RunFolder
from lab.record.types import RunInfo, TrialResult
from lab.scenario.model import Scenario
from tests.builders import make_run, make_trials


def write_run(scenario: Scenario, root: Path) -> Path:
    """Every trial of the scenario in a new run folder below ``root``, one at a time; the folder."""
    return store(make_run(scenario), make_trials(scenario), root)


def store(info: RunInfo, trials: Iterable[TrialResult], root: Path) -> Path:
    """These trials in a new run folder below ``root``; the folder."""
    folder = RunFolder.create(root, info)
    for trial in trials:
        staging = folder.stage(trial.record.trial_id)
        for name in TABLES:
            getattr(trial.tables, name).write_parquet(staging / f"{name}.parquet")
        folder.commit(trial.record)
    return folder.path
