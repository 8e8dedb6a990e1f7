"""Wait in a test for what comes when it comes: a busy machine takes its time, and no wait is without an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 60.0  # of a machine on which four tests run beside each other: ten times what most things take there

T = TypeVar("T")


def until(ask: Callable[[], T], what: str, *, pause_s: float = 0.1) -> T:
    """What ``ask`` gives as soon as that is true of it. Fails with ``what`` was waited for when time is up."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not (found := ask()):
        assert time.monotonic() < give_up_at, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(pause_s)
    return found
