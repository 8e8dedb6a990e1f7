"""HUB: writing to a disk that may be full: whole files or none, and a sentence where it fails."""

import errno
import os
import shutil
from pathlib import Path

import polars as pl

from lab.errors import MissingError

NO_ROOM_BYTES = 64 * 1024  # less than any table takes
DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOTDIR}


class disk_errors:  # noqa: N801  used as a statement, like contextlib's own
    """Turn a full or read-only disk into a MissingError (exit 4) that names the file.

    polars does not say that a disk is full ("File out of specification", an OSError without a number): it is looked at.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in DISK_TROUBLE:
            raise self._missing(error.strerror or str(error)) from error
        if isinstance(error, OSError | pl.exceptions.PolarsError) and (reason := _no_room(self._path)):
            raise self._missing(reason) from error

    def _missing(self, reason: str) -> MissingError:
        return MissingError(
            f"cannot write {self._path}: {reason}",
            "free some space or choose another folder with --out; finished trials are kept",
        )


def _no_room(path: Path) -> str:
    """Why nothing can be written there; "" where something can."""
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    if not usage.total:  # /proc and its like have no room that could be used up
        return f"the file system of {there} keeps no files"
    return os.strerror(errno.ENOSPC) if usage.free < NO_ROOM_BYTES else ""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees nothing, the old file, or the whole new one. Raises OSError.

    A link of this name is replaced, never followed.
    """
    draft = path.with_name(f".{path.name}.part")
    draft.unlink(missing_ok=True)  # of a lab that was killed, or a link that leads elsewhere
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
