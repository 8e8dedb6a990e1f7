"""HUB: a run folder read again. What is damaged is named in a sentence; links and special files are never followed."""

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
from pydantic import TypeAdapter, ValidationError

from lab.errors import RunFolderError
from lab.record import manifest
from lab.record.checks import record_problem, run_problem, table_problem
from lab.record.schema import KEPT, OPTIONAL, SCHEMA_VERSION, TrialState
from lab.record.types import POLARS, RunInfo, TrialRecord, TrialResult, TrialTables
from lab.record.upgrade import upgraded_record, upgraded_table
from lab.scenario.file import stored_in_new_spelling
from lab.scenario.refusals import dotted, expectation

RUN_INFO: TypeAdapter[RunInfo] = TypeAdapter(RunInfo)
TRIAL_RECORD: TypeAdapter[TrialRecord] = TypeAdapter(TrialRecord)
MAX_JSON_BYTES = 64 * 1024**2
MAX_TEXT = 200_000  # the longest that a run writes is a configuration file
MAX_ROWS = 100_000_000  # of one table: more than a day at 1000 requests a second
_FOREIGN = "broken, or not written by the lab"
_RESTORE = "the folder may be from an interrupted copy; restore it, or run the scenario again"
_INTACT = "restore it from a copy, or report what is intact with `lab report RUN --intact`"


def read_info(path: Path) -> RunInfo:
    """run.json of a run folder, the states taken from the trials that are there. Raises RunFolderError (exit 2)."""
    info = _read_run(path)
    states = dict(info.states)
    for trial_id in _unnoted(path, info):
        states[trial_id] = read_record(path / "trials" / trial_id).state  # the lab was killed before it could note it
    return replace(info, states=states)


def read_records(path: Path, info: RunInfo) -> Iterator[TrialRecord]:
    """The records of the finished trials, without their tables. Raises RunFolderError."""
    for trial_id in info.order:
        if info.states.get(trial_id) is TrialState.DONE:
            yield read_record(path / "trials" / trial_id)


def read_trials(path: Path, info: RunInfo) -> Iterator[TrialResult]:
    """The finished trials in the order in which they ran, one at a time. Raises RunFolderError."""
    for trial_id in info.order:
        if info.states.get(trial_id) is TrialState.DONE:
            yield _read_checked(path / "trials" / trial_id, info)


def read_intact(path: Path) -> RunInfo:
    """run.json in which every trial that cannot be read is failed and ``left_out``; each is read to know that.

    Raises RunFolderError when run.json itself is damaged, or when no trial is intact.
    """
    info = _read_run(path)
    states = dict(info.states)
    left_out: dict[str, str] = {}
    unnoted = set(_unnoted(path, info))
    for trial_id in info.order:
        if states.get(trial_id) is TrialState.DONE or trial_id in unnoted:
            try:
                states[trial_id] = _read_checked(path / "trials" / trial_id, info).record.state
            except RunFolderError as error:
                states[trial_id], left_out[trial_id] = TrialState.FAILED, str(error).removeprefix(f"{path}/")
    if left_out and TrialState.DONE not in states.values():
        first = next(iter(left_out.values()))
        raise RunFolderError(f"{path}: none of its {len(left_out)} trials is intact: {first}", _RESTORE)
    return replace(info, states=states, left_out=left_out)


def read_trial(directory: Path) -> TrialResult:
    """One trial's record and tables. Raises RunFolderError when a file is missing, truncated or not ours."""
    record = read_record(directory)
    tables = read_tables(directory)
    if problem := table_problem(tables):
        raise RunFolderError(f"{directory / problem}: no lab wrote this", _INTACT)
    return TrialResult(record=record, tables=tables)


def read_record(directory: Path) -> TrialRecord:
    """The record of one trial. Raises RunFolderError, also when it is the record of another one."""
    for folder in (directory.parent, directory):
        _refuse_link(folder)
    path = directory / "record.json"
    record: TrialRecord = read_document(path, TRIAL_RECORD, upgraded_record)
    if record.trial_id != directory.name:
        raise RunFolderError(f"{directory}: holds the record of trial {record.trial_id!r}", _INTACT)
    if problem := record_problem(record):
        raise RunFolderError(f"{path}: {problem}", _INTACT)
    return record


def read_tables(directory: Path) -> TrialTables:
    """The tables of one trial, exactly as lab.record.schema describes them. Raises RunFolderError."""
    paths = {name: path for name in KEPT if (path := _table_file(directory, name))}
    read = zip(paths, _collected(list(paths.values())), strict=True)
    empty = {name: pl.DataFrame(schema=dict(POLARS[name])) for name in OPTIONAL}
    return TrialTables(**{**empty, **{name: _of_schema(paths[name], table, POLARS[name]) for name, table in read}})


def _read_run(path: Path) -> RunInfo:
    _refuse_link(path / "trials")
    info: RunInfo = read_document(path / "run.json", RUN_INFO)
    if problem := run_problem(info):
        raise RunFolderError(f"{path / 'run.json'}: {problem}", _RESTORE)
    return replace(info, scenario=stored_in_new_spelling(info.scenario))


def _unnoted(path: Path, info: RunInfo) -> Iterator[str]:
    """Trials that are there although run.json says that they are only planned."""
    for trial_id in info.order:
        if info.states.get(trial_id) is TrialState.PLANNED and (path / "trials" / trial_id / "record.json").is_file():
            yield trial_id


def _read_checked(directory: Path, info: RunInfo) -> TrialResult:
    """A trial that belongs to this run: by its arm, and by its manifest."""
    trial = read_trial(directory)
    record = trial.record
    arms = {name: (_kind(arm.get("model")), _kind(arm.get("front"))) for name, arm in info.arms.items()}
    if arms and arms.get(record.arm) != (record.model, record.front):
        raise RunFolderError(f"{directory}: this run's scenario has no arm {record.arm!r} like the record's", _INTACT)
    listed = directory / manifest.NAME
    if listed.exists() or listed.is_symlink():  # version 0.1.0 wrote none at first
        text = read_regular(listed, manifest.MAX_BYTES).decode(errors="replace")
        try:
            problem = manifest.manifest_problem(text, directory, info.run_id, record.trial_id)
        except OSError as error:
            problem = f"{manifest.NAME}: a file that it lists cannot be read: {error.strerror}"
        if problem:
            raise RunFolderError(f"{directory / problem}", _INTACT)
    return trial


def _kind(chosen: Any) -> Any:
    return chosen.get("kind") if isinstance(chosen, Mapping) else chosen


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise RunFolderError(
            f"{path}: a link, and a run folder holds none", f"replace it by what it points to; {_INTACT}"
        )


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file; opening waits for nobody, as a named pipe would. Raises RunFolderError."""
    _refuse_link(path)
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))  # noqa: SIM115
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}", _INTACT) from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise RunFolderError(f"{path}: not a file", _INTACT)
    return file


def read_regular(path: Path, limit: int) -> bytes:
    """A regular file of at most ``limit`` bytes. Raises RunFolderError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise RunFolderError(f"{path}: not a file of at most {limit} bytes", _INTACT)
        try:
            return file.read(limit)
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be read: {error.strerror}", _INTACT) from None


def _table_file(directory: Path, name: str) -> Path | None:
    """The file of a table; None of one that there need not be."""
    path = directory / f"{name}.parquet"
    _refuse_link(path)
    if path.is_file():
        return path
    if name in OPTIONAL and not path.exists():
        return None
    raise RunFolderError(f"{path}: missing", _INTACT)


def _collected(paths: Sequence[Path]) -> list[pl.DataFrame]:
    """The tables in these files, read beside each other; one after the other where one of them is at fault."""
    try:
        scans = [pl.scan_parquet(path, glob=False) for path in paths]
        for path, rows in zip(paths, pl.collect_all([scan.select(pl.len()) for scan in scans]), strict=True):
            if rows.item() > MAX_ROWS:
                raise RunFolderError(f"{path}: {rows.item()} rows, more than any trial has", _INTACT)
        return pl.collect_all(scans)
    except (pl.exceptions.PolarsError, OSError) as error:
        if len(paths) > 1:
            return [table for path in paths for table in _collected([path])]
        problem = f"{paths[0]}: not a readable Parquet file: {str(error).splitlines()[0]}"
        raise RunFolderError(problem, _INTACT) from None


def _of_schema(path: Path, table: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    table = upgraded_table(table, schema)
    if dict(table.schema) != dict(schema):
        different = sorted(set(schema) ^ set(table.columns)) or [k for k in schema if table.schema[k] != schema[k]]
        raise RunFolderError(f"{path}: its columns are not those of this version: {', '.join(different)}", _INTACT)
    return table


def read_document(
    path: Path, adapter: TypeAdapter[Any], upgrade: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> Any:
    """A versioned JSON file. Raises RunFolderError with what is wrong and where."""
    whole = path.name == "run.json"  # without it nothing is known
    if not path.exists() and not path.is_symlink():
        what = "missing, so this is not a run folder" if whole else "missing"
        raise RunFolderError(f"{path}: {what}", "see `lab list`" if whole else _INTACT)
    advice = _RESTORE if whole else _INTACT
    data = read_regular(path, MAX_JSON_BYTES)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}", advice) from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int):
        raise RunFolderError(f"{path}: it is {_FOREIGN}", advice)
    if version > SCHEMA_VERSION:
        raise RunFolderError(
            f"{path}: schema version {version!r}, this lab reads up to {SCHEMA_VERSION}", "update the lab to read it"
        )
    if any(len(text) > MAX_TEXT for text in _texts(document)):
        raise RunFolderError(f"{path}: holds a text of more than {MAX_TEXT} characters, which no lab wrote", advice)
    try:
        return adapter.validate_json(data if version == SCHEMA_VERSION else json.dumps(upgrade(document)))
    except ValidationError as error:
        first = error.errors()[0]
        where = dotted(first["loc"])
        raise RunFolderError(f"{path}: {where}: {expectation(where, first)}; it is {_FOREIGN}", advice) from None


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON document, however deep it is nested."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            waiting += part
