"""Run a tool of somebody else's to its end, and tell why it failed."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from lab.errors import MissingError

LAST_LINES = 5


def failure_of(argv: Sequence[str], timeout_s: float, *, output: int = subprocess.DEVNULL, grace_s: float = 0.0) -> str:
    """Run the tool; give its last lines on standard error when it fails, and "" when it does not.

    Its standard output goes to the descriptor ``output``. An interrupt, and the end of ``timeout_s``, end it with every
    process that it has started, for those would go on; ``grace_s``: how long it may clean up after a SIGINT before.
    """
    errors, late = "", False
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            errors = process.communicate(timeout=timeout_s)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            errors, late = f"it took longer than {timeout_s:.0f} s", True
        finally:
            if process.poll() is None:
                _end(process, grace_s)
    last = "\n".join(errors.strip().splitlines()[-LAST_LINES:])
    return (last or f"it ended with exit code {process.returncode}") if late or process.returncode else ""


def pip_command() -> list[str]:
    """The start of a pip command: the lab's own pip, or the system's. Raises MissingError without one."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if (found := shutil.which("pip3") or shutil.which("pip")) is not None:
        return [found]
    raise MissingError("pip, which downloads packages, is missing", "install it: python3 -m ensurepip")


def _end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    if grace_s:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=grace_s)
            return
    os.killpg(process.pid, signal.SIGKILL)
