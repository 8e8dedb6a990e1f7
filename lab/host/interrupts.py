"""Interrupts in three stages, and a promise: none of them breaks the clean-up that makes it harmless.

Signals belong to the whole process, and so does this state. An interrupt raises KeyboardInterrupt wherever it comes,
as Python does, except inside ``deferred``: there it waits for the next ``admitted``. Code that makes things defers
interrupts while it makes, registers and removes them, and admits them where it only waits. Only the first interrupt
raises. So no second KeyboardInterrupt follows in the clean-up behind ``admitted``.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

# Signals so close together are one interrupt: `timeout` tells its child and then the group that this is in. Nobody
# presses twice so fast, and a key that is held repeats from 0.2 s on.
TOGETHER_S = 0.1


class Interrupts:
    """The interrupts so far, and what may be killed to hurry the clean-up."""

    def __init__(self) -> None:
        self.stage = 0  # how many interrupts have come
        self._last_s = float("-inf")
        self._deferred = False
        self._waiting = False
        self._kills: list[Callable[[], None]] = []
        self._before_messages: list[Callable[[], None]] = []

    def count(self, now_s: float | None = None) -> int:
        """Count another interrupt and give its stage, from 1 on; 0 where it comes together with the last one.

        ``now_s``: of a clock that never goes back, time.monotonic() where it is not given.
        """
        now_s = time.monotonic() if now_s is None else now_s
        if now_s - self._last_s < TOGETHER_S:
            return 0
        self._last_s = now_s
        self.stage += 1
        return self.stage

    def interrupt(self) -> None:
        """First stage: raise KeyboardInterrupt now, or as soon as it is admitted."""
        if self._deferred:
            self._waiting = True
        else:
            raise KeyboardInterrupt

    def swallowed(self) -> None:
        """The interrupt was raised where Python drops what is raised, as in a finalizer: it waits for an occasion."""
        self._waiting = True

    def announce(self) -> None:
        """Call what must happen before a message about an interrupt is printed."""
        for prepare in list(self._before_messages):
            prepare()

    def hurry(self) -> None:
        """Second stage: kill everything that the clean-up may be waiting for."""
        for kill in list(self._kills):
            kill()

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let an interrupt wait inside the block, until the next ``admitted`` or the end of the outermost block."""
        with self._mode(deferred=True):
            yield
        self.deliver()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Let an interrupt raise at once inside the block, also one that has waited. Also a decorator."""
        with self._mode(deferred=False):
            self.deliver()
            yield

    def deliver(self) -> None:
        """Raise KeyboardInterrupt if one waits and may."""
        if self._waiting and not self._deferred:
            self._waiting = False
            raise KeyboardInterrupt

    def killable(self, kill: Callable[[], None]) -> AbstractContextManager[None]:
        """Let the second stage call ``kill`` inside the block. It must not raise, even with nothing left to kill."""
        return _kept(self._kills, kill)

    def before_messages(self, prepare: Callable[[], None]) -> AbstractContextManager[None]:
        """Let an interrupt inside the block call ``prepare`` before its message, so that a drawing can stop first."""
        return _kept(self._before_messages, prepare)

    @contextmanager
    def _mode(self, *, deferred: bool) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # Python handles signals in the main thread only
            return
        before, self._deferred = self._deferred, deferred
        try:
            yield
        finally:
            self._deferred = before


@contextmanager
def _kept(calls: list[Callable[[], None]], call: Callable[[], None]) -> Iterator[None]:
    calls.append(call)
    try:
        yield
    finally:
        calls.remove(call)


INTERRUPTS = Interrupts()
