"""Plain processes and private folders that a killed lab, and its killed guard, left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lab.engines.process.guard import Living, end, living
from lab.engines.process.scratch import leftover_folders
from lab.errors import DeploymentError
from lab.host.labels import RUN, SERVICE, TRIAL, labels_of

Labels = Mapping[str, str]


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
        raise DeploymentError(f"processes that cannot be ended: {', '.join(map(str, sorted(left)))}")
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
