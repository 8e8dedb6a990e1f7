"""Ends the processes of a deployment when the lab is gone, however it went: run beside every deployment of the engine.

``python -I -S process_guard.py FOLDER NAME=VALUE…``: the marks that the processes carry in their environment. Standard
input names the sessions that were started, one a line; its end means that the lab has taken them down, or has died.
Then whatever is left is ended and FOLDER removed. It uses the standard library alone and is run by its path, so that it
starts in milliseconds; `lab clean` finds leftovers with the same functions.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MARKS = ("LAB_RUN", "LAB_TRIAL", "LAB_SERVICE", "LAB_OWNER")  # in the environment of everything that the engine starts
GRACE_S = 10.0  # Docker's own: uvicorn takes up to 8 s to let requests end
KILLED_S = 60.0  # on a busy machine; a killed process that is still there then waits for a device
STEP_S = 0.02


@dataclass(frozen=True, slots=True)
class Living:
    """A process that has not ended, as /proc shows it; ``started`` in clock ticks since boot.

    ``marks`` are empty and ``directory``, where it works, is "" when there are none or this user may not see them.
    nginx writes its title over its whole environment, so its marks are lost and its directory must do.
    """

    pid: int
    session: int
    started: int
    marks: Mapping[str, str]
    directory: str


def living() -> Iterator[Living]:
    """Every process of the machine but this one, without those that have ended and wait for their parent."""
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            marks, directory = _marks_of(entry), _directory_of(entry)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since it was listed
        if fields[0] not in "ZX":
            yield Living(int(entry.name), int(fields[3]), int(fields[19]), marks, directory)


def _marks_of(entry: Path) -> dict[str, str]:
    try:
        return read_marks((entry / "environ").read_bytes())
    except PermissionError:
        return {}  # another user's: what the lab starts belongs to the lab's user, or root looks


def _directory_of(entry: Path) -> str:
    try:
        return str((entry / "cwd").readlink())
    except PermissionError:
        return ""


def read_marks(environ: bytes) -> dict[str, str]:
    """The marks in an environment; empty unless all are there, so that nobody's own LAB_RUN is taken for one."""
    variables = (entry.partition(b"=") for entry in environ.split(b"\0"))
    found = {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in variables}
    return {name: found[name] for name in MARKS} if all(found.get(name) for name in MARKS) else {}


def end(find: Callable[[], Set[int]], grace_s: float = GRACE_S) -> Set[int]:
    """SIGTERM to all that ``find`` gives, SIGKILL to what is left after ``grace_s``. Returns what even that left."""
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILLED_S)):
        give_up_at = time.monotonic() + wait_s
        left = find()
        for pid in left:
            _send(pid, number)
        while left and time.monotonic() < give_up_at:
            time.sleep(STEP_S)
            left = find()
        if not left:
            break
    return left


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has ended by itself


def belongings(marks: Mapping[str, str], sessions: Set[int], folder: str) -> Set[int]:
    """Processes that carry these marks, live in one of these sessions, or work in the deployment's folder.

    Empty marks match no process, although an empty set is a part of every set.
    """
    return {
        process.pid
        for process in living()
        if process.session in sessions
        or (marks and marks.items() <= process.marks.items())
        or Path(process.directory).is_relative_to(folder)
    }


def take_down(marks: Mapping[str, str], sessions: Set[int], folder: str) -> Set[int]:
    """End what belongs to a deployment and delete its folder. Returns the processes that could not be ended."""
    left = end(lambda: belongings(marks, sessions, folder))
    if not left and Path(folder).exists():
        shutil.rmtree(folder)
    return left


def main(arguments: list[str]) -> int:
    """Wait for the end of standard input, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever ends the lab this way lets the lab clean up
    folder, marks = arguments[0], dict(argument.split("=", 1) for argument in arguments[1:])
    sessions = {int(line) for line in sys.stdin}
    return bool(take_down(marks, sessions, folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
