"""One lab at a time, on a machine, on a run folder and on what it makes in the cache.

By flock on a file that stays: the kernel gives a lock back when its holder ends, however it ends. What stands in the
file only says who that is.
"""

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from lab.errors import MissingError, RunFolderError

MACHINE_LOCK = "process-model-lab.lock"
FOLDER_LOCK = ".lock"
SYSTEM_FOLDER = Path("/run/lock")  # FHS: every user may write there, and it is empty after a restart
EVERYBODY = 0o666
# Other users can write in the same folder: links are not followed, and a FIFO does not make the lab wait.
FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
MAX_HOLDER = 300  # bytes of a line that anybody may have written
PATIENCE_S = 0.5  # longer than another lab takes to look whether a lock is free, on a busy machine too
LOOK_S = 0.02


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
    """Refuse other labs inside the block; with ``allow_concurrent`` one that is there already is only mentioned.

    Raises MissingError (exit 4) when another lab measures on this machine: what is missing is a machine of one's own.
    """
    with _locked(path or machine_lock_path(), run) as other:
        if other and not allow_concurrent:
            raise MissingError(
                f"another lab measures on this machine ({other}); two at once spoil each other's numbers",
                "wait until it has ended, or say --allow-concurrent when numbers do not matter",
            )
        if other:
            say(f"another lab measures on this machine ({other}): expect both runs to be disturbed")
        yield


@contextmanager
def folder_lock(folder: Path, run: str) -> Iterator[None]:
    """Let only this process write the run folder. Raises RunFolderError (exit 2) when another one does."""
    with _locked(folder / FOLDER_LOCK, run) as other:
        if other:
            raise RunFolderError(f"{folder} is being written by another lab ({other})", "wait until it has ended")
        yield


@contextmanager
def turn(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Let labs make the same thing one after the other; ``wait`` is called before this one has to wait."""
    with _open(path) as descriptor:
        if not _taken(descriptor):
            wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def folder_is_free(folder: Path) -> bool:
    """Tell whether no lab writes this run folder; where the lock cannot be opened, nothing is ours."""
    path = folder / FOLDER_LOCK
    try:
        with _open(path) if path.exists() else nullcontext() as descriptor:
            return descriptor is None or _taken(descriptor)
    except MissingError:
        return False


@contextmanager
def _locked(path: Path, run: str) -> Iterator[str]:
    """Hold the lock and give "", or give the words of the lab that has it."""
    with _open(path) as descriptor:
        give_up_at = time.monotonic() + PATIENCE_S
        while not (ours := _taken(descriptor)) and time.monotonic() < give_up_at:
            time.sleep(LOOK_S)
        if not ours:
            yield os.pread(descriptor, MAX_HOLDER, 0).decode(errors="replace").strip() or "it does not say which"
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with _errors(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"pid {os.getpid()}, run {run}, since {now}".encode(), 0)
        try:
            yield ""
        finally:
            os.ftruncate(descriptor, 0)


@contextmanager
def _open(path: Path) -> Iterator[int]:
    """Open the lock's file, made if need be. Raises MissingError when something else lies there under its name."""
    with _errors(path):
        descriptor = _open_or_make(path)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise MissingError(f"{path} is not the lab's lock: a link or no plain file", "look who made it, remove it")
        yield descriptor
    finally:
        os.close(descriptor)


def _open_or_make(path: Path) -> int:
    """Without O_CREAT first: kernels refuse it for another user's file in a folder like /run/lock."""
    try:
        return os.open(path, FLAGS)
    except FileNotFoundError:
        descriptor = os.open(path, FLAGS | os.O_CREAT, EVERYBODY)
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, EVERYBODY)  # whatever the umask: the next one may be another user
        return descriptor


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MissingError(
            f"the lock {path} cannot be written: {error.strerror}",
            "free some space, or look who made it; it may not be a link, and everybody may write it",
        ) from error


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
