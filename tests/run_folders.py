"""A finished run on disk, from the builders: nothing was run."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lab.record.folder import RunFolder
from lab.record.schema import KEPT
from lab.record.types import RunInfo, TrialResult
from lab.scenario.model import Scenario
from tests.builders import make_run, make_trials


def folder_of_the_session(prefix: str) -> Path:
    """A folder for what is made once, until the tests end; or until the temporary folder goes that it is in."""
    folder = tempfile.TemporaryDirectory(prefix=prefix)
    atexit.register(folder.cleanup)
    return Path(folder.name)


def write_run(scenario: Scenario, root: Path) -> Path:
    """Every trial of the scenario in a new run folder below ``root``, one at a time; the folder."""
    return store(make_run(scenario), make_trials(scenario), root)


def store(info: RunInfo, trials: Iterable[TrialResult], root: Path) -> Path:
    """These trials in a new run folder below ``root``; the folder."""
    folder = RunFolder.create(root, info)
    for trial in trials:
        staging = folder.stage(trial.record.trial_id)
        for name in KEPT:
            getattr(trial.tables, name).write_parquet(staging / f"{name}.parquet")
        folder.commit(trial.record)
    return folder.path


def told_as(source: Path, root: Path, name: str, *, told: Mapping[str, Any] | None = None, **info: Any) -> Path:
    """A copy of a finished run below ``root`` that has no tables: run.json, comparison.json and the report.

    ``info`` and ``told`` replace top-level keys of run.json and of comparison.json.
    """
    path = root / name
    (path / "trials").mkdir(parents=True)
    shutil.copyfile(source / "report.html", path / "report.html")
    for file, changes in (("run.json", {"run_id": name, **info}), ("comparison.json", told or {})):
        document = json.loads((source / file).read_text(encoding="utf-8"))
        (path / file).write_text(json.dumps(document | changes), encoding="utf-8")
    return path
