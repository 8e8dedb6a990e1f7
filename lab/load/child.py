"""How a Locust child ends, with its whole process group: the lab's side of every process that runs Locust."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from lab.errors import MissingError

STEP_S = 0.01


def end_group(child: subprocess.Popen[bytes], *, patience_s: float, grace_s: float) -> None:
    """Wait ``patience_s`` for its own end, send SIGINT, and after ``grace_s`` kill what is left of its group.

    The child stays unreaped until then, so that its group id cannot be taken over.
    """
    if wait_exit(child, patience_s) is None:
        os.killpg(child.pid, signal.SIGINT)
        wait_exit(child, grace_s)
    os.killpg(child.pid, signal.SIGKILL)
    if child.stdin:
        child.stdin.close()
    child.wait()


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """At once, for an interrupt that hurries."""
    if child.returncode is None:  # afterwards its number may be anybody's
        os.killpg(child.pid, signal.SIGKILL)


def wait_exit(child: subprocess.Popen[bytes], timeout_s: float) -> os.waitid_result | None:
    """How it ended, without reaping it; None when it has not within ``timeout_s``."""
    give_up_at = time.monotonic() + timeout_s
    while (ended := os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
        if time.monotonic() >= give_up_at:
            break
        time.sleep(STEP_S)
    return ended


def disk_full() -> MissingError:
    """What an exit code of EXIT_DISK means."""
    return MissingError(
        "Locust cannot write its recording: No space left on device",
        "free some space or choose another folder with --out; finished trials are kept",
    )
