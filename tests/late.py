"""The end of a wait for what never comes: as soon as the arm is in the state in which it would be waited for.

A deadline of seconds is either too short for a busy machine or too long for any other. So the deadline of such a test
is one that only a failure meets (PATIENCE_S), and the clock of the wait is put forward once that state has been seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

from lab.engines.readiness import wait_until_ready

BEYOND_S = 10_000.0  # any deadline
HELD_S = 1.0
LOOKS = 10  # the clock is looked at three times a round: in two whole rounds at least it was so


class _PutForward:
    """A clock that is beyond any deadline once ``seen`` has been true for a while, and for some rounds of the wait."""

    def __init__(self, seen: Callable[[], object], held_s: float) -> None:
        self._seen, self._held_s = seen, held_s
        self._since_s, self._looks, self._over = 0.0, 0, False

    def __call__(self) -> float:
        """Seconds."""
        now_s = time.monotonic()
        if not self._over:
            self._look(now_s)
        return now_s + BEYOND_S if self._over else now_s

    def _look(self, now_s: float) -> None:
        if not self._seen():
            self._looks = 0
            return
        if not self._looks:
            self._since_s = now_s
        self._looks += 1
        self._over = self._looks > LOOKS and now_s - self._since_s >= self._held_s


@contextmanager
def late_when(seen: Callable[[], object], held_s: float = HELD_S) -> Iterator[None]:
    """Whoever waits for an arm meanwhile is late once ``seen``, which is asked all the time, was true for so long."""
    with patch("lab.engines.running.wait_until_ready", partial(wait_until_ready, clock=_PutForward(seen, held_s))):
        yield
