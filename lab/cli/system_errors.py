"""Errors of the operating system that no command expects, as a sentence and an exit code."""

import errno
import os

from lab.errors import LabError, MissingError, UsageError

WRONG_PATH = {
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EACCES,
    errno.EPERM,
}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}  # a device may name no path: stdout has none


def told(error: OSError) -> LabError | None:
    """The error for a person; None for one that is a mistake of the lab, or nothing to do with a path."""
    reason = os.strerror(error.errno).lower() if error.errno else ""
    if error.errno in NO_ROOM:
        return MissingError(
            f"cannot write {error.filename or 'the output'}: {reason}", "free some space, or write to another place"
        )
    if error.errno in WRONG_PATH and error.filename is not None:
        return UsageError(f"{error.filename}: {reason}", "name another file or folder")
    return None
