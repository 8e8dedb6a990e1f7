"""Begin and end a child that runs Locust, with its whole process group."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from lab.errors import LoadError, MissingError
from lab.host.interrupts import INTERRUPTS
from lab.load.inside import boot
from lab.load.inside.status import EXIT_DISK

STEP_S = 0.01
GRACE_S = 5.0  # after SIGINT
LOG_TAIL = 15
SWITCHES = ("LOCUST_SKIP_MONKEY_PATCH", "LOCUST_SKIP_URLLIB3_PATCH")  # with them the lab could not measure


class Exit(Protocol):
    """How a process ended: one of os.CLD_*, and its exit code or the signal that killed it."""

    @property
    def si_code(self) -> int: ...  # noqa: D102  as in os.waitid_result
    @property
    def si_status(self) -> int: ...  # noqa: D102


@contextmanager
def load_child(
    module: str, *arguments: str, log: Path, cwd: Path, pass_fds: Sequence[int] = (), python: str = sys.executable
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module of ours as a child that is gone afterwards, with all its group.

    It prints into ``log``. Its standard input ends with the lab.
    """
    with log.open("wb") as output:
        child = subprocess.Popen(
            child_command(module, *arguments, python=python),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=child_environment(dict(os.environ)),
            pass_fds=pass_fds,
            start_new_session=True,
        )
    with INTERRUPTS.killable(lambda: kill_group(child)):
        try:
            yield child
        finally:
            end_group(child, patience_s=0.0)


def child_command(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command of a load process. ``-P``: a module beside the locustfile must not shadow the standard library."""
    return [python, "-P", boot.__file__, module, *arguments]


def child_environment(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a load process: the user's, the same hash order in every arm, unbuffered logs."""
    kept = {name: value for name, value in environment.items() if name not in SWITCHES}
    return kept | {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}


def end_group(child: subprocess.Popen[bytes], *, patience_s: float, grace_s: float = GRACE_S) -> None:
    """Wait ``patience_s`` for its own end, send SIGINT, and after ``grace_s`` kill what is left of its group.

    The child stays unreaped until then, so that its group id cannot be taken over. A second call does nothing.
    """
    if child.returncode is not None:
        return
    stop_group(child, patience_s=patience_s, grace_s=grace_s)
    if child.stdin:
        child.stdin.close()
    child.wait()


def stop_group(child: subprocess.Popen[bytes], *, patience_s: float, grace_s: float = GRACE_S) -> None:
    """As ``end_group``, but the child is not reaped: somebody still wants to know how it ended."""
    if wait_exit(child, patience_s) is None:
        os.killpg(child.pid, signal.SIGINT)
        wait_exit(child, grace_s)
    os.killpg(child.pid, signal.SIGKILL)
    wait_exit(child, grace_s)


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """At once, for an interrupt that hurries."""
    if child.returncode is None:  # afterwards its number may be anybody's
        os.killpg(child.pid, signal.SIGKILL)


def wait_exit(child: subprocess.Popen[bytes], timeout_s: float) -> os.waitid_result | None:
    """Tell how it ended, without reaping it; None when it has not within ``timeout_s``."""
    if (code := child.returncode) is not None:  # it has been reaped, and that remembers how
        how = os.CLD_EXITED if code >= 0 else os.CLD_KILLED
        return os.waitid_result((child.pid, os.getuid(), signal.SIGCHLD, abs(code), how))
    give_up_at = time.monotonic() + timeout_s
    while (ended := os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
        if time.monotonic() >= give_up_at:
            break
        time.sleep(STEP_S)
    return ended


def death(name: str, ended: Exit, log: Path) -> LoadError | MissingError:
    """The error that a child's early end deserves; ``log`` is what it printed."""
    if ended.si_code != os.CLD_EXITED:
        return LoadError(f"{name} was killed by {signal.Signals(ended.si_status).name}", log_tail(log))
    if ended.si_status == EXIT_DISK:
        return MissingError(
            f"{name} cannot write its recording: No space left on device",
            "free some space or choose another folder with --out; finished trials are kept",
        )
    return LoadError(f"{name} ended early with exit code {ended.si_status}", log_tail(log))


def log_tail(log: Path) -> str:
    """The last lines of a log, under its name; an agent that ended early may have sent none of it."""
    if not log.exists():
        return f"nothing of {log.name} is there"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"the end of {log.name}:", *lines[-LOG_TAIL:]])
