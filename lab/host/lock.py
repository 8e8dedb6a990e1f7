"""One lab at a time, on a machine and on a run folder.

By flock, which the kernel gives back when its holder ends, however it ends: the lock of a crashed lab is free.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.errors import MissingError, RunFolderError
from lab.host.interrupts import INTERRUPTS
from lab.record.folder import disk_errors

MACHINE_LOCK = "process-model-lab.lock"
FOLDER_LOCK = ".lock"
SYSTEM_FOLDER = Path("/run/lock")  # FHS: every user may write there, and it is empty after a restart
EVERYBODY = 0o666
MAX_BYTES = 4096
PATIENCE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock, by its own words; ``since`` is ISO 8601. All empty when it did not say."""

    pid: int = 0
    run: str = ""
    since: str = ""

    def __str__(self) -> str:
        return f"pid {self.pid}, run {self.run}, since {self.since}" if self.pid else "it does not say which"


def machine_lock_path(environ: Mapping[str, str] = os.environ, system: Path = SYSTEM_FOLDER) -> Path:
    """The same for all users of a machine, except where TMPDIR gives somebody a world of their own.

    Not in XDG_RUNTIME_DIR: that is each user's own, and two users spoil each other's numbers as well.
    """
    if environ.get("TMPDIR") or not os.access(system, os.W_OK):
        return Path(tempfile.gettempdir()) / MACHINE_LOCK
    return system / MACHINE_LOCK


@contextmanager
def machine_lock(
    run: str, say: Callable[[str], None], *, allow_concurrent: bool = False, path: Path | None = None
) -> Iterator[None]:
    """Inside, other labs are refused; with ``allow_concurrent`` a lab that is there already is only mentioned.

    Raises MissingError (exit 4) when another lab measures on this machine: what is missing is a machine of one's own.
    """
    with _held(path or machine_lock_path(), run) as other:
        if other is not None and not allow_concurrent:
            raise MissingError(
                f"another lab measures on this machine ({other}); two at once spoil each other's numbers",
                "wait until it has ended, or say --allow-concurrent when numbers do not matter",
            )
        if other is not None:
            say(f"another lab measures on this machine ({other}): expect both runs to be disturbed")
        yield


@contextmanager
def folder_lock(folder: Path, run: str) -> Iterator[None]:
    """Inside, only this process writes the run folder. Raises RunFolderError (exit 2) when another one does."""
    with _held(folder / FOLDER_LOCK, run) as other:
        if other is not None:
            raise RunFolderError(f"{folder} is being written by another lab ({other})", "wait until it has ended")
        yield


def folder_is_free(folder: Path) -> bool:
    """Whether no lab writes this run folder."""
    path = folder / FOLDER_LOCK
    return not path.exists() or is_stale(path)


def is_stale(path: Path) -> bool:
    """Whether a lock's file lies there that nobody holds: its lab was killed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False  # none, or a link: nothing of ours
    try:
        return _flock(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _held(path: Path, run: str) -> Iterator[Holder | None]:
    """None while the lock is ours; else who has it."""
    with disk_errors(path):
        descriptor, other = _acquire(path)
    try:
        if other is not None:
            yield other
            return
        with disk_errors(path):
            _write(descriptor, Holder(pid=os.getpid(), run=run, since=datetime.now(UTC).isoformat(timespec="seconds")))
        with INTERRUPTS.owing(f"file {path}"):
            try:
                yield None
            finally:
                _remove(path, descriptor)
    finally:
        os.close(descriptor)


def _acquire(path: Path) -> tuple[int, Holder | None]:
    """The open file, locked; or not, and who has it.

    Who has it without a name has only just taken it, or looks whether it is stale: that is over in a moment.
    """
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        descriptor = _open(path)
        if not _flock(descriptor):
            other = _read(descriptor)
            if other.pid or time.monotonic() >= give_up_at:
                return descriptor, other
            time.sleep(PATIENCE_S / 10)
        elif _is(descriptor, path):
            return descriptor, None
        os.close(descriptor)  # or its holder removed the file between our opening and our locking it


def _open(path: Path) -> int:
    """The lock's file, made if need be. Raises MissingError when something else lies there under its name.

    Other users can write in the same folder: links are not followed, and nothing but a plain file is written to.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    while True:
        try:
            descriptor = _open_or_make(path, flags)
        except FileExistsError:
            continue  # made by somebody else in this very moment: open theirs
        except OSError as error:
            if path.is_symlink() or path.is_dir():
                raise _strange(path) from error
            raise
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
            return descriptor
        os.close(descriptor)
        raise _strange(path)


def _open_or_make(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, EVERYBODY)
        os.fchmod(descriptor, EVERYBODY)  # whatever the umask: the next one may be another user
        return descriptor


def _strange(path: Path) -> MissingError:
    return MissingError(f"{path} is not the lab's lock but a link or no plain file", "look who made it, and remove it")


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)


def _read(descriptor: int) -> Holder:
    try:
        told = json.loads(os.pread(descriptor, MAX_BYTES, 0))
        return Holder(pid=int(told["pid"]), run=str(told["run"]), since=str(told["since"]))
    except (ValueError, TypeError, KeyError):
        return Holder()  # it has only just taken the lock


def _remove(path: Path, descriptor: int) -> None:
    try:
        path.unlink()
    except PermissionError:  # another user's file in a folder where only owners may remove
        os.ftruncate(descriptor, 0)
    except FileNotFoundError:
        return
