"""Run a tool of somebody else's to its end, and tell why it failed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

LAST_LINES = 5


def failure_of(argv: Sequence[str], timeout_s: float) -> str:
    """Run the tool; give its last lines on standard error when it fails, and "" when it does not.

    An interrupt ends it with every process that it has started, for those would go on.
    """
    errors = f"it took longer than {timeout_s:.0f} s"
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            errors = process.communicate(timeout=timeout_s)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            pass  # told by its exit code
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    last = "\n".join(errors.strip().splitlines()[-LAST_LINES:])
    return (last or f"it ended with exit code {process.returncode}") if process.returncode else ""
