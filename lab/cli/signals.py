"""Ctrl-C in three stages; SIGTERM and SIGHUP are the first one (issue: a closed terminal cleans up too)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

FIRST = "interrupted: ending this trial and removing its containers; finished trials are kept"
SECOND = "still removing containers; once more leaves at once, and `lab clean` removes what is left"
THIRD = "left at once: run `lab clean` to remove what is still there"


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, the first signal raises KeyboardInterrupt, the second only says so, the third ends the process.

    Only the first raises: a second exception would break the clean-up that the first one started.
    """
    received = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal received
        received += 1
        print(f"lab: {(FIRST, SECOND, THIRD)[min(received, 3) - 1]}", file=sys.stderr, flush=True)
        if received == 1:
            raise KeyboardInterrupt
        if received >= 3:
            os._exit(130)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
