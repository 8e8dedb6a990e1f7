"""The runs in a folder, each read again only when its files have changed."""

import re
from dataclasses import replace
from pathlib import Path
from threading import Lock

from lab.errors import LabError
from lab.record.bundle_reading import BUNDLE
from lab.record.folder import read_info
from lab.record.reading import read_regular
from lab.record.schema import TrialState
from lab.record.types import RunInfo
from lab.report.files import PAGE, POINTS
from lab.report.sections.overview import Entry
from lab.report.told import COMPARISON, read_told
from lab.run.opened import opened_run

RUN_FILE = "run.json"
SUMMARIES = frozenset({RUN_FILE, COMPARISON})
POINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
MAX_PAGE_BYTES = 64 * 1024**2

Fingerprint = tuple[tuple[int, int, int], ...]
GONE = (0, 0, 0)


class Runs:
    """What lies in ``folder``: run folders and bundles, no links. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()
        self._read: dict[str, tuple[Fingerprint, Entry]] = {}

    def entries(self) -> list[Entry]:
        """All of them, the newest first; what cannot be read says why."""
        with self._lock:
            self._read = {path.name: self._entry(path) for path in self._paths()}
            found = [entry for _, entry in self._read.values()]
        return sorted(found, key=lambda entry: entry.age, reverse=True)

    def page(self, name: str, point: str = "") -> bytes | None:
        """The report of a run, or of a point of it; None where there is none of that name. Raises LabError."""
        entry = next((entry for entry in self.entries() if entry.name == name and entry.has_page), None)
        points = entry.told.points if entry and entry.told else ()
        if entry is None or (point and (point not in points or POINT.fullmatch(point) is None)):
            return None
        wanted = f"{POINTS}/{point}/{PAGE}" if point else PAGE
        with opened_run(self.folder / name, wanted.__eq__) as run:
            if any(part.is_symlink() for part in (run / POINTS, run / POINTS / point)):
                return None
            return read_regular(run / wanted, MAX_PAGE_BYTES)

    def _paths(self) -> list[Path]:
        """Names alone decide: what a request asks for is looked up here, and never becomes a path."""
        return [path for path in runs_in(self.folder) if not path.is_symlink()]

    def _entry(self, path: Path) -> tuple[Fingerprint, Entry]:
        known = self._read.get(path.name)
        fingerprint = _fingerprint(path)
        return known if known and known[0] == fingerprint else (fingerprint, read_entry(path))


def runs_in(folder: Path) -> list[Path]:
    """The run folders and bundles in a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if _is_run(path)) if folder.is_dir() else []


def _is_run(path: Path) -> bool:
    try:
        return (path / RUN_FILE).is_file() or (path.suffix == BUNDLE and path.is_file())
    except OSError:  # a folder of somebody else
        return False


def _fingerprint(path: Path) -> Fingerprint:
    return tuple(map(_state, (path, path / RUN_FILE, path / COMPARISON, path / PAGE, path / "trials")))


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.lstat()
    except OSError:
        return GONE
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_entry(path: Path) -> Entry:
    """What the run folder or bundle at ``path`` tells of itself; one that cannot be read says why."""
    try:
        with opened_run(path, SUMMARIES.__contains__) as run:
            info, told = read_info(run), read_told(run)
    except LabError as error:
        return Entry(name=path.name, place=str(path), problem=str(error))
    info = _without_missing(path, info) if path.is_dir() else info  # of a bundle only what it tells is unpacked
    has_page = (path / PAGE).is_file() if path.is_dir() else told is not None
    return Entry(name=path.name, place=str(path), info=info, told=told, has_page=has_page)


def _without_missing(path: Path, info: RunInfo) -> RunInfo:
    """The run without trials that are done and whose record is gone; no file is opened."""
    done = [trial_id for trial_id, state in info.states.items() if state is TrialState.DONE]
    gone = [trial_id for trial_id in done if not (path / "trials" / trial_id / "record.json").is_file()]
    left_out = {trial_id: f"trials/{trial_id}/record.json: missing" for trial_id in gone}
    return replace(info, states={**info.states, **dict.fromkeys(gone, TrialState.FAILED)}, left_out=left_out)
