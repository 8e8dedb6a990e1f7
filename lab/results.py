"""HUB: the run folder. Versioned, atomic, append-only; what is on disk is whole or not there (DESIGN 5)."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from lab import __version__
from lab.errors import MissingError, RunFolderError
from lab.plan import Plan
from lab.records import (
    CGROUPS,
    HOST,
    PROCESSES,
    REQUESTS,
    SCHEMA_VERSION,
    Environment,
    RunInfo,
    TrialRecord,
    TrialResult,
    TrialState,
    TrialTables,
)
from lab.scenario_file import scenario_to_json

TABLES: Mapping[str, Mapping[str, Any]] = {
    "requests": REQUESTS,
    "processes": PROCESSES,
    "cgroups": CGROUPS,
    "host": HOST,
}
_RUN_INFO: TypeAdapter[RunInfo] = TypeAdapter(RunInfo)
_TRIAL_RECORD: TypeAdapter[TrialRecord] = TypeAdapter(TrialRecord)
DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOTDIR}
_ADVICE = "the folder may be from an interrupted copy; restore it, or run the scenario again"


def new_run_id(scenario_name: str, now: datetime | None = None) -> str:
    """``20261124T041500Z-quickstart``: sorts by time, says what it is."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario_name}"


def new_run_info(
    run_id: str, scenario_name: str, plan: Plan, environment: Environment, images: Mapping[str, Mapping[str, str]]
) -> RunInfo:
    """run.json of a run that is about to start: everything planned, nothing done."""
    return RunInfo(
        run_id=run_id,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        lab_version=__version__,
        scenario=scenario_to_json(plan.scenario),
        scenario_name=scenario_name,
        environment=environment,
        images=images,
        order=tuple(trial.id for trial in plan.trials),
        states={trial.id: TrialState.PLANNED for trial in plan.trials},
    )


class RunFolder:
    """A run folder that this process writes. A trial is staged beside its place and appears whole by one rename."""

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path = path.absolute()  # load processes have another working directory
        self.info = info

    @classmethod
    def create(cls, root: Path, info: RunInfo) -> RunFolder:
        """A new folder ``root/run_id`` with its run.json. Raises RunFolderError when it exists already."""
        path = root / info.run_id
        with disk_errors(path):
            root.mkdir(parents=True, exist_ok=True)
            try:
                path.mkdir()
            except FileExistsError:
                raise RunFolderError(f"{path} exists already, results are never overwritten") from None
            (path / "trials").mkdir()
        folder = cls(path, info)
        folder.write_info(info)
        return folder

    @classmethod
    def reopen(cls, path: Path) -> RunFolder:
        """A folder whose run was cut, to be continued. Raises RunFolderError."""
        return cls(path, replace(read_info(path), cut=""))

    def stage(self, trial_id: str) -> Path:
        """An empty folder in which one trial's files are written while it runs."""
        staging = self.path / "trials" / f".{trial_id}.part"
        with disk_errors(staging):
            if staging.exists():
                shutil.rmtree(staging)  # half a trial of a lab that was killed: it reports nothing
            staging.mkdir()
        return staging

    def commit(self, record: TrialRecord) -> Path:
        """Write the record beside the tables, sync, and give the staged folder its name."""
        staging = self.path / "trials" / f".{record.trial_id}.part"
        target = self.path / "trials" / record.trial_id
        with disk_errors(staging):
            write_atomically(staging / "record.json", _TRIAL_RECORD.dump_json(record, indent=1))
            staging.rename(target)
        self.write_info(replace(self.info, states={**self.info.states, record.trial_id: record.state}))
        return target

    def abandon(self, trial_id: str, state: TrialState, reason: str) -> None:
        """Note why there is no such trial; the files of a failed one stay, they can explain the failure."""
        staging = self.path / "trials" / f".{trial_id}.part"
        if state is TrialState.FAILED:
            staging.rename(_free_name(self.path / "trials" / f"{trial_id}.failed"))
        else:
            shutil.rmtree(staging)
        self.write_info(replace(self.info, states={**self.info.states, trial_id: state}, cut=reason))

    def extend(self, trial_ids: Iterable[str]) -> None:
        """Add trials that were not planned at first: replacements of invalid blocks."""
        added = tuple(trial_ids)
        if added:
            states = {**self.info.states, **dict.fromkeys(added, TrialState.PLANNED)}
            self.write_info(replace(self.info, order=(*self.info.order, *added), states=states))

    def write_info(self, info: RunInfo) -> None:
        """Replace run.json; a reader sees the old one or the new one."""
        self.info = info
        with disk_errors(self.path):
            write_atomically(self.path / "run.json", _RUN_INFO.dump_json(info, indent=1))


class disk_errors:  # noqa: N801  used as a statement, like contextlib's own
    """Turn a full or read-only disk into a MissingError (exit 4) that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in DISK_TROUBLE:
            raise MissingError(
                f"cannot write {self._path}: {error.strerror or error}",
                "free some space or choose another folder with --out; finished trials are kept",
            ) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees nothing, the old file, or the whole new one. Raises OSError."""
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_info(path: Path) -> RunInfo:
    """run.json of a run folder, the states taken from the trials that are there. Raises RunFolderError (exit 2)."""
    info: RunInfo = _read_json(path / "run.json", _RUN_INFO)
    states = dict(info.states)
    for trial_id in info.order:
        record = path / "trials" / trial_id / "record.json"
        if record.is_file() and states.get(trial_id) is TrialState.PLANNED:
            states[trial_id] = _read_json(record, _TRIAL_RECORD).state  # the lab was killed before it could note it
    return replace(info, states=states)


def read_records(path: Path, info: RunInfo) -> Iterator[TrialRecord]:
    """The records of the finished trials, without their tables. Raises RunFolderError."""
    for trial_id in info.order:
        if info.states.get(trial_id) is TrialState.DONE:
            yield _read_json(path / "trials" / trial_id / "record.json", _TRIAL_RECORD)


def read_trials(path: Path, info: RunInfo) -> Iterator[TrialResult]:
    """The finished trials in the order in which they ran, one at a time. Raises RunFolderError."""
    for trial_id in info.order:
        if info.states.get(trial_id) is TrialState.DONE:
            yield read_trial(path / "trials" / trial_id)


def read_trial(directory: Path) -> TrialResult:
    """One trial's record and tables. Raises RunFolderError when a file is missing, truncated or not ours."""
    record: TrialRecord = _read_json(directory / "record.json", _TRIAL_RECORD)
    if record.trial_id != directory.name:
        raise RunFolderError(f"{directory}: holds the record of trial {record.trial_id!r}", _ADVICE)
    return TrialResult(record=record, tables=read_tables(directory))


def read_tables(directory: Path) -> TrialTables:
    """The four tables of one trial, exactly as records.py describes them. Raises RunFolderError."""
    return TrialTables(**{name: _read_table(directory / f"{name}.parquet", schema) for name, schema in TABLES.items()})


def _free_name(path: Path) -> Path:
    """``path``, or with a number behind it when an earlier attempt has that name."""
    taken = [path, *path.parent.glob(f"{path.name}-*")]
    return path if not path.exists() else path.with_name(f"{path.name}-{len(taken)}")


def _read_table(path: Path, schema: Mapping[str, Any]) -> pl.DataFrame:
    if not path.is_file():
        raise RunFolderError(f"{path}: missing", _ADVICE)
    try:
        table = pl.read_parquet(path, memory_map=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise RunFolderError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}", _ADVICE) from None
    if dict(table.schema) != dict(schema):
        different = sorted(set(schema) ^ set(table.columns)) or [k for k in schema if table.schema[k] != schema[k]]
        raise RunFolderError(f"{path}: its columns are not those of this version: {', '.join(different)}", _ADVICE)
    return table


def _read_json(path: Path, adapter: TypeAdapter[Any]) -> Any:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunFolderError(f"{path}: missing, so this is not a run folder", "see `lab list`") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}", _ADVICE) from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise RunFolderError(
            f"{path}: schema version {version!r}, this lab reads up to {SCHEMA_VERSION}", "update the lab to read it"
        )
    try:
        return adapter.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunFolderError(f"{path}: {where}: {first['msg']}", _ADVICE) from None
