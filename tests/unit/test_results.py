"""A run folder is whole or not there: atomic, versioned, append-only, never over old results."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from lab.errors import MissingError, RunFolderError
from lab.record.disk import disk_errors
from lab.record.folder import RunFolder, new_run_id, read_info, read_trial, read_trials
from lab.record.types import CGROUPS, HOST, PROCESSES, REQUESTS, SCHEMA_VERSION, TrialRecord, TrialState
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_trials

SCENARIO = make_scenario((WORKERS, REPLICAS), trials={"blocks": 1, "seed": 7})
TRIALS = ("b01-workers", "b01-replicas")
INFO = make_run(SCENARIO, order=TRIALS, states=dict.fromkeys(TRIALS, TrialState.PLANNED))
RECORD = next(trial.record for trial in make_trials(SCENARIO) if trial.record.arm == "workers")


def finish(folder: RunFolder, record: TrialRecord) -> Path:
    staging = folder.stage(record.trial_id)
    for name, schema in {"requests": REQUESTS, "processes": PROCESSES, "cgroups": CGROUPS, "host": HOST}.items():
        pl.DataFrame(schema=dict(schema)).write_parquet(staging / f"{name}.parquet")
    return folder.commit(record)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Record, tables and states survive the disk unchanged."""
    folder = RunFolder.create(tmp_path, INFO)
    finish(folder, RECORD)

    info = read_info(folder.path)
    (trial,) = read_trials(folder.path, info)

    assert trial.record == RECORD
    assert trial.tables.requests.schema == pl.Schema(dict(REQUESTS))
    assert info.states == {"b01-workers": TrialState.DONE, "b01-replicas": TrialState.PLANNED}


def test_a_folder_given_relatively_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load processes work in the folder of the locustfile: what they are told must not depend on it."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(Path("runs"), INFO)

    assert folder.path == tmp_path / "runs" / INFO.run_id
    assert folder.stage("b01-workers").is_absolute()


def test_an_existing_run_is_never_overwritten(tmp_path: Path) -> None:
    """A second run of the same name is refused, and the first is untouched."""
    first = RunFolder.create(tmp_path, INFO)

    with pytest.raises(RunFolderError, match="exists already"):
        RunFolder.create(tmp_path, replace(INFO, lab_version="9"))

    assert read_info(first.path).lab_version == "0.1.0"


def test_a_trial_that_was_not_committed_is_not_there(tmp_path: Path) -> None:
    """A lab killed in the middle of a trial leaves a run that still reports what it finished."""
    folder = RunFolder.create(tmp_path, INFO)
    finish(folder, RECORD)
    (folder.stage("b01-replicas") / "requests.parquet").write_bytes(b"half")

    info = read_info(folder.path)

    assert [trial.record.trial_id for trial in read_trials(folder.path, info)] == ["b01-workers"]


def test_a_trial_renamed_just_before_the_lab_was_killed_counts(tmp_path: Path) -> None:
    """The folder of a trial is the truth, run.json's note of it may be one step behind."""
    folder = RunFolder.create(tmp_path, INFO)
    finish(folder, RECORD)
    folder.write_info(INFO)

    assert read_info(folder.path).states["b01-workers"] is TrialState.DONE


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A folder from a newer lab is not guessed at."""
    folder = RunFolder.create(tmp_path, INFO)
    document = json.loads((folder.path / "run.json").read_text())
    (folder.path / "run.json").write_text(json.dumps(document | {"schema_version": SCHEMA_VERSION + 1}))

    with pytest.raises(RunFolderError, match=f"version {SCHEMA_VERSION + 1}, .* {SCHEMA_VERSION}"):
        read_info(folder.path)


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    """Columns of another version are named."""
    target = finish(RunFolder.create(tmp_path, INFO), RECORD)
    pl.DataFrame({"t_s": [1.0]}).write_parquet(target / "host.parquet")

    with pytest.raises(RunFolderError, match="busy_s"):
        read_trial(target)


def test_a_folder_that_is_no_run_is_a_sentence(tmp_path: Path) -> None:
    """Any other folder is refused by name."""
    with pytest.raises(RunFolderError, match="not a run folder"):
        read_info(tmp_path)


def test_a_full_disk_is_told_also_where_polars_does_not_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken Parquet on a full disk is a full disk; on any other it is what it says."""
    broken = pl.exceptions.ComputeError("File out of specification")
    with pytest.raises(pl.exceptions.ComputeError), disk_errors(tmp_path / "absent" / "table"):
        raise broken
    full = SimpleNamespace(free=4096, total=8192)
    monkeypatch.setattr("shutil.disk_usage", lambda path: full if path == tmp_path else pytest.fail("not there"))
    with pytest.raises(MissingError, match="No space left"), disk_errors(tmp_path / "absent" / "table"):
        raise broken


def test_a_file_system_without_files_is_not_a_full_disk() -> None:
    """/proc has no room at all, and none that could be made."""
    said = "write /proc/x: the file system of /proc keeps no files$"
    with pytest.raises(MissingError, match=said), disk_errors(Path("/proc/x")):
        raise FileNotFoundError(2, "No such file or directory")


def test_a_full_disk_is_exit_code_4_and_says_where() -> None:
    """Disk trouble is something missing, with a way out."""
    with pytest.raises(MissingError, match="write out: No space left") as caught, disk_errors(Path("out")):
        raise OSError(28, "No space left on device")
    assert caught.value.exit_code == 4


def test_two_runs_that_begin_in_one_second_have_ids_of_their_own() -> None:
    """Containers are removed by the id of their run."""
    now = datetime(2026, 11, 24, 4, 15, tzinfo=UTC)
    ids = {new_run_id("quickstart", now) for _ in range(3)}

    assert len(ids) == 3
    assert {run_id.rpartition("-")[0] for run_id in ids} == {"20261124T041500Z-quickstart"}
