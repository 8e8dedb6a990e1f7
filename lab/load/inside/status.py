"""The state that a load process tells the lab while it runs, in one small file that is never read by half."""

import errno
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import sleep
from typing import Any
from zlib import crc32

from lab.errors import LoadError

EXIT_REFUSED = 2  # the status file says why
EXIT_BUG = 70  # EX_SOFTWARE: the log says what
EXIT_DISK = 74  # EX_IOERR: the recording could not be written

STATUS_S = 0.25  # between two of them
WARMUP_START, ABORT = "warmup_start_s", "abort_s"  # marks: instants that one decides for all load processes

TRIES, TRY_AGAIN_S = 20, 0.001  # writing takes 0.05 ms


class NotThereError(LoadError):
    """The locustfile wants a module or file that is not there. ``missing`` is its name, as seen from a folder."""

    def __init__(self, message: str, hint: str, missing: str) -> None:
        super().__init__(message, hint)
        self.missing = missing


def refusal_of(error: LoadError) -> dict[str, str]:
    """An error as a status tells it."""
    return {"message": str(error), "hint": error.hint, "missing": getattr(error, "missing", "")}


def error_of(refusal: dict[str, str]) -> LoadError:
    """The error that a status told."""
    if missing := refusal.get("missing"):
        return NotThereError(refusal["message"], refusal["hint"], missing)
    return LoadError(refusal["message"], refusal["hint"])


@dataclass(slots=True, kw_only=True)
class Status:
    """The state of one load process. Instants are CLOCK_MONOTONIC; None: not yet known.

    ``tally`` holds the fields of load_counts.Tally; ``recorded`` is the number of rows written;
    ``refusal`` (message, hint, and the name of what was ``missing``) is why the plan or the locustfile cannot be run;
    ``remarks`` are sentences on how it is run, ``clients`` what policies.py tells of its classes. ``ramp`` is how many
    users came (or went) in the measure phase, by the locustfile's shape; ``aborted``: the measure phase ended early,
    for nothing more was learnt of the arm; ``exit_code`` and ``last_words`` are the locustfile's own verdict, known
    after ``finished_s``. ``beats`` grows where nothing else may for long: a person decides when there is a load.
    ``mastered``: it is a worker of Locust's own master, which says how many users it has.
    """

    lanes: int = 0
    ready: bool = False
    warmup_start_s: float | None = None
    measure_start_s: float | None = None
    measure_end_s: float | None = None
    finished_s: float | None = None
    recorded: int = 0
    tally: dict[str, Any] = field(default_factory=dict)
    refusal: dict[str, str] | None = None
    remarks: list[str] = field(default_factory=list)
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    ramp: int = 0
    aborted: bool = False
    exit_code: int = 0
    last_words: str = ""
    beats: int = 0
    mastered: bool = False


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Say something new in place, behind a checksum by which a reader knows that nothing is half said.

    Not by a file that replaces the old one: ext4 sends such a file to the disk at once (man 5 ext4, auto_da_alloc), and
    while that takes (1.4 ms at the median, 13 ms seen) no request is sent. Raises OSError, also when the disk is full.
    """
    text = checked(values)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        text = text.ljust(os.fstat(descriptor).st_size)  # what was longer is covered, not cut off, which may take time
        if os.pwrite(descriptor, text, 0) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def checked(values: dict[str, Any]) -> bytes:
    """The text of ``write_json``, as it is read back: its checksum, and itself.

    Nothing less will do. Who reads may overtake who writes and be overtaken again, so that both ends of what is read
    are new and its middle is old.
    """
    body = json.dumps(values).encode()
    return b"%08x %s" % (crc32(body), body)


def read_json(path: Path) -> dict[str, Any] | None:
    """Give what was last written; None when nothing was, or its writer died in the middle of a word."""
    for _ in range(TRIES):
        try:
            checksum, _, body = path.read_bytes().rstrip().partition(b" ")
        except FileNotFoundError:
            return None
        if body and checksum == b"%08x" % crc32(body):  # a file that was only just made is empty
            values: dict[str, Any] = json.loads(body)
            return values
        sleep(TRY_AGAIN_S)
    return None


def write_status(path: Path, status: Status) -> None:
    """Publish the state of a load process."""
    write_json(path, asdict(status))


def read_status(path: Path) -> Status | None:
    """The latest state, or None before the first."""
    values = read_json(path)
    return None if values is None else Status(**values)
