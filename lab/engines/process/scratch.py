"""The private folder of a deployment of plain processes, its guard, and leftovers of killed labs and guards."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from lab.engines.process import guard as process_guard
from lab.engines.process.guard import GRACE_S, KILLED_S, Living, end, living, take_down
from lab.errors import OutsideError
from lab.host.labels import IN_ENVIRONMENT, RUN, SERVICE, TRIAL, labels_of

PREFIX = "process-model-lab-"
MARKS_FILE = "marks.json"  # whose the folder is, for `lab clean`
SLACK_S = 5.0
Labels = Mapping[str, str]


class Guard:
    """A running guard: it is told every session that is started."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, marks: Mapping[str, str]) -> None:
        self._process = process
        self._folder = folder
        self._marks = marks
        self._sessions: set[int] = set()

    @property
    def pid(self) -> int:
        """The guard's own process."""
        return self._process.pid

    def watch(self, session: int) -> None:
        """End this session with the deployment."""
        self._sessions.add(session)
        orders = cast(IO[bytes], self._process.stdin)
        try:
            orders.write(b"%d\n" % session)
        except BrokenPipeError:
            return  # somebody has killed the guard; ``finish`` stands in for it

    def finish(self) -> None:
        """Have everything ended; returns when it has. Raises DeploymentError when something cannot be ended."""
        cast(IO[bytes], self._process.stdin).close()
        try:
            code = self._process.wait(GRACE_S + KILLED_S + SLACK_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code and (left := take_down(self._marks, self._sessions, str(self._folder))):
            raise OutsideError(
                f"processes that cannot be ended: {', '.join(map(str, sorted(left)))}", "`lab clean` tries again"
            )


@contextmanager
def scratch(marks: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[tuple[Path, Guard]]:
    """A private folder and its guard. ``marks``: labels of the folder; ``environment``: marks of the processes.

    On leaving, every process with these marks or in a watched session is ended, then the folder is gone.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o711)  # a service that runs as somebody else passes through, and sees only what is its own
    (folder / MARKS_FILE).write_text(json.dumps(dict(marks)), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", process_guard.__file__, str(folder), *map("=".join, environment.items())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )
    guard = Guard(process, folder, environment)
    try:
        yield folder, guard
    finally:
        guard.finish()


def leftover_folders() -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Private folders of this user that still exist, with their labels."""
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        try:
            owner = folder.lstat().st_uid
            marks = json.loads((folder / MARKS_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # not ours, or gone
        if owner == os.geteuid() and isinstance(marks, dict) and marks.keys() >= set(IN_ENVIRONMENT.values()):
            yield folder, marks


def things() -> Iterator[tuple[str, str, str, Labels]]:
    """(kind, name, identity, labels) of every process with the lab's marks, of those in its session, and of folders."""
    folders = dict(leftover_folders())
    processes = list(living())
    own = {process.pid: _labels(process, folders) for process in processes}
    sessions = {process.session: labels for process in processes if (labels := own[process.pid])}
    for process in processes:
        if labels := own[process.pid] or sessions.get(process.session):
            name = "-".join(filter(None, [str(process.pid), labels[RUN], labels[TRIAL], labels[SERVICE]]))
            yield "process", name, _identity(process), labels
    for folder, labels in folders.items():
        yield "folder", folder.name, str(folder), labels


def remove(processes: Sequence[str], folders: Sequence[str]) -> None:
    """End the processes with these identities, then delete the folders. Raises DeploymentError when one stays."""
    wanted = set(processes)
    if wanted and (left := end(lambda: {found.pid for found in living() if _identity(found) in wanted})):
        raise OutsideError(f"processes that cannot be ended: {', '.join(map(str, sorted(left)))}")
    for folder in folders:
        shutil.rmtree(folder)


def _labels(process: Living, folders: Mapping[Path, Labels]) -> Labels | None:
    """From the marks in its environment, or from the deployment's folder in which it works."""
    if process.marks:
        return labels_of(process.marks)
    return next((labels for folder, labels in folders.items() if Path(process.directory).is_relative_to(folder)), None)


def _identity(process: Living) -> str:
    """The pid alone may be another's by the time it is ended."""
    return f"{process.pid}@{process.started}"
