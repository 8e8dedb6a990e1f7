"""The files that a locustfile needs, as one digest: the same on every machine that has the same files."""

import hashlib
from pathlib import Path


def bundle_digest(paths: list[str]) -> str:
    """The sha256 of these files, by their paths and contents. Raises OSError where one cannot be read."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        with Path(path).open("rb") as file:
            whole.update(f"{path}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()
