"""HUB: the run folder. Versioned, atomic, append-only; what is on disk is whole or not there."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lab import __version__
from lab.errors import DeploymentError, EndedError, LabError, MissingError, OutsideError, RunFolderError
from lab.plan.blocks import Plan
from lab.record.disk import disk_errors, write_atomically
from lab.record.manifest import NAME as MANIFEST
from lab.record.manifest import manifest
from lab.record.reading import (
    RUN_INFO,
    TRIAL_RECORD,
    read_info,
    read_intact,
    read_records,
    read_tables,
    read_trial,
    read_trials,
)
from lab.record.redact import mask_files, mask_tables, masked_info, masked_record
from lab.record.schema import KEPT
from lab.record.types import Environment, LostTrial, RunInfo, TrialRecord, TrialState
from lab.scenario.file import scenario_to_json
from lab.scenario.secret import NO_SECRETS, Redactor

__all__ = [
    "RunFolder",
    "new_run_id",
    "new_run_info",
    "read_info",
    "read_intact",
    "read_records",
    "read_tables",
    "read_trial",
    "read_trials",
]
MAX_NAME = 60


def new_run_id(scenario_name: str, now: datetime | None = None) -> str:
    """``20261124T041500Z-quickstart-3f9a1c``: sorts by time, says what it is, can be a part of a container's name.

    The end is random: two labs that begin within one second own their containers by this id.
    """
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", scenario_name)[:MAX_NAME].strip("-.") or "run"
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}-{secrets.token_hex(3)}"


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

    def __init__(self, path: Path, info: RunInfo, redact: Redactor = NO_SECRETS) -> None:
        self.path = path.absolute()  # load processes have another working directory
        self.failed: Path | None = None  # the files of a trial that failed, to explain it
        self.info = info
        self._redact = redact

    @classmethod
    def create(cls, root: Path, info: RunInfo, redact: Redactor = NO_SECRETS) -> RunFolder:
        """A new folder ``root/run_id`` with its run.json. Raises RunFolderError when it exists already.

        Nothing that the folder keeps shows what ``redact`` masks.
        """
        path = root / info.run_id
        with disk_errors(path):
            root.mkdir(parents=True, exist_ok=True)
            try:
                path.mkdir()
            except FileExistsError:
                raise RunFolderError(f"{path} exists already, results are never overwritten") from None
            (path / "trials").mkdir()
        folder = cls(path, info, redact)
        folder.write_info(info)
        return folder

    @classmethod
    def reopen(cls, path: Path, redact: Redactor = NO_SECRETS) -> RunFolder:
        """A folder whose run was cut, to be continued. Raises RunFolderError."""
        return cls(path, replace(read_info(path), cut="", cut_by_arm=False, cut_by_end=False), redact)

    def take_in(self, runs: Path, name: str) -> None:
        """Copy a folder of other runs into this one; what they show was masked when they were made."""
        with disk_errors(self.path):
            shutil.copytree(runs, self.path / name)

    def staging(self, trial_id: str) -> Path:
        """The folder of one trial's files while it runs."""
        return self.path / "trials" / f".{trial_id}.part"

    def stage(self, trial_id: str) -> Path:
        """``staging``, empty; only its owner may look in: logs are not masked before the trial has ended."""
        staging = self.staging(trial_id)
        if staging.is_symlink():
            raise RunFolderError(f"{staging}: a link, and a run folder holds none", "remove it")
        with disk_errors(staging):
            if staging.exists():
                shutil.rmtree(staging)  # half a trial of a lab that was killed: it reports nothing
            staging.mkdir(mode=0o700)
        return staging

    def commit(self, record: TrialRecord) -> Path:
        """Write the record beside the tables, sync, and give the staged folder its name."""
        staging = self.staging(record.trial_id)
        target = self.path / "trials" / record.trial_id
        with disk_errors(staging):
            self._mask(staging)
            record = masked_record(record, self._redact)
            write_atomically(staging / "record.json", TRIAL_RECORD.dump_json(record, indent=1))
            written = (f"{name}.parquet" for name in KEPT)
            listed = ["record.json", *(name for name in written if (staging / name).exists())]
            sums = manifest(staging, listed, self.info.run_id, record.trial_id)
            write_atomically(staging / MANIFEST, sums.encode())
            staging.chmod(self.path.stat().st_mode & 0o777)  # as the umask had it for the run folder
            staging.rename(target)
        self.write_info(replace(self.info, states={**self.info.states, record.trial_id: record.state}))
        return target

    def abandon(self, trial_id: str, state: TrialState, reason: str, failure: LabError | None = None) -> None:
        """Note why there is no such trial; the files of a failed one stay, they can explain the failure.

        ``failure``: tells whether it is the arm that failed, not what measures it.
        """
        if state is TrialState.FAILED:
            reason = f"{reason}{self._set_aside(trial_id)}"
        else:
            shutil.rmtree(self.staging(trial_id))
        states = {**self.info.states, trial_id: state}
        by_arm = isinstance(failure, DeploymentError) and not isinstance(failure, OutsideError)
        by_end = isinstance(failure, EndedError)
        self.write_info(replace(self.info, states=states, cut=reason, cut_by_arm=by_arm, cut_by_end=by_end))

    def lose(self, trial_id: str, lost: LostTrial) -> None:
        """Note that a trial is invalid as a whole, and go on; its files stay, as those of a failed one."""
        lost = replace(lost, why=f"{lost.why}{self._set_aside(trial_id)}")
        states = {**self.info.states, trial_id: TrialState.LOST}
        self.write_info(replace(self.info, states=states, lost={**self.info.lost, trial_id: lost}))

    def _set_aside(self, trial_id: str) -> str:
        """Keep the files of a trial that is none, to explain it; "" or, where that fails, why, to be added."""
        staging = self.staging(trial_id)
        try:
            with disk_errors(staging):
                self._mask(staging)
            self.failed = staging.rename(_free_name(self.path / "trials" / f"{trial_id}.failed"))
        except MissingError as error:  # a full disk: this makes the room to say so
            shutil.rmtree(staging)
            return f"; its files could not be kept: {error}"
        return ""

    def give_up(self, point: str, arm: str, why: str, trial_ids: Collection[str]) -> None:
        """Note that an arm cannot run at a point of a sweep: these trials are not made, and the run goes on."""
        states = {**self.info.states, **dict.fromkeys(trial_ids, TrialState.SKIPPED)}
        there = {**self.info.fallen.get(point, {}), arm: why}
        info = replace(self.info, states=states, fallen={**self.info.fallen, point: there})
        self.write_info(replace(info, cut="", cut_by_arm=False, cut_by_end=False))

    def note_cut(self, reason: str) -> None:
        """Note why the run ends before its last trial."""
        self.write_info(replace(self.info, cut=reason))

    def end_here(self) -> None:
        """Plan no more trials than are done: the run has ended at a declared look."""
        order = tuple(trial for trial in self.info.order if self.info.states.get(trial) is TrialState.DONE)
        states = {trial: self.info.states[trial] for trial in order}
        self.write_info(replace(self.info, order=order, states=states))

    def extend(self, trial_ids: Iterable[str]) -> None:
        """Add those trials that were not planned at first: replacements of invalid blocks, visits by hand."""
        added = tuple(trial_id for trial_id in trial_ids if trial_id not in self.info.order)
        if added:
            states = {**self.info.states, **dict.fromkeys(added, TrialState.PLANNED)}
            self.write_info(replace(self.info, order=(*self.info.order, *added), states=states))

    def write_info(self, info: RunInfo) -> None:
        """Replace run.json; a reader sees the old one or the new one."""
        self.info = info
        with disk_errors(self.path):
            write_atomically(self.path / "run.json", RUN_INFO.dump_json(masked_info(info, self._redact), indent=1))

    def _mask(self, staging: Path) -> None:
        mask_tables(staging, self._redact)
        mask_files(staging, self._redact)


def _free_name(path: Path) -> Path:
    """``path``, or with a number behind it when an earlier attempt has that name."""
    taken = [path, *path.parent.glob(f"{path.name}-*")]
    return path if not path.exists() else path.with_name(f"{path.name}-{len(taken)}")
