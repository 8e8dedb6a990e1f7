"""SHA256SUMS of a trial's folder: what was written, and for which trial of which run. ``sha256sum -c`` reads it too.

It notices what no schema can: a table cut or changed afterwards, and a folder that belongs to another run or trial.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

NAME = "SHA256SUMS"
MAX_BYTES = 10_000
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+)", re.ASCII)


def manifest(folder: Path, names: Iterable[str], run_id: str, trial_id: str) -> str:
    """The text for these files of a trial's folder. Raises OSError."""
    sums = (f"{_sha256(folder / name)}  {name}" for name in names)
    return "\n".join([_heading(run_id, trial_id), *sums]) + "\n"


def manifest_problem(text: str, folder: Path, run_id: str, trial_id: str) -> str:
    """Tell what in the folder is not as the manifest says, as a phrase; "" when nothing is. Raises OSError."""
    heading, *lines = text.splitlines() or [""]
    if heading != _heading(run_id, trial_id):
        return f"{NAME}: it is not that of trial {trial_id} of run {run_id}"
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            return f"{NAME}: not a list of checksums"
        if _sha256(folder / found[2]) != found[1]:
            return f"{found[2]}: not what the trial wrote, its checksum differs"
    return ""


def _heading(run_id: str, trial_id: str) -> str:
    return f"# run {run_id}, trial {trial_id}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
