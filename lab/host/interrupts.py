"""Interrupts in three stages, and a promise: none of them breaks the clean-up that makes it harmless.

Signals belong to the whole process, and so does this state. An interrupt raises KeyboardInterrupt wherever it comes,
as Python does, except inside ``deferred``: there it waits for the next ``admitted``. Whoever makes things defers while
it makes, registers and removes them, and admits interrupts where it only waits. Only the first interrupt raises; so a
KeyboardInterrupt that leaves ``admitted`` is never followed by another one in the clean-up behind it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupts:
    """What has come so far, and what may be killed to hurry."""

    def __init__(self) -> None:
        self.stage = 0  # how many interrupts have come
        self._deferred = False
        self._waiting = False
        self._kills: dict[object, Callable[[], None]] = {}
        self._heralds: dict[object, Callable[[], None]] = {}

    def count(self) -> int:
        """Another interrupt has come: its stage, from 1 on."""
        self.stage += 1
        return self.stage

    def interrupt(self) -> None:
        """First stage: KeyboardInterrupt now, or as soon as it is admitted."""
        if self._deferred:
            self._waiting = True
        else:
            raise KeyboardInterrupt

    def announce(self) -> None:
        """Before anything is said about an interrupt."""
        for herald in list(self._heralds.values()):
            herald()

    def hurry(self) -> None:
        """Second stage: kill whatever the clean-up may be waiting for."""
        for kill in list(self._kills.values()):
            kill()

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside, an interrupt waits. It raises at the next ``admitted``, or when the outermost of these ends."""
        with self._mode(deferred=True):
            yield
        self.deliver()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Inside, an interrupt raises at once, also one that has waited. Also a decorator."""
        with self._mode(deferred=False):
            self.deliver()
            yield

    def deliver(self) -> None:
        """Raise KeyboardInterrupt if one waits and may."""
        if self._waiting and not self._deferred:
            self._waiting = False
            raise KeyboardInterrupt

    @contextmanager
    def killable(self, kill: Callable[[], None]) -> Iterator[None]:
        """Inside, the second stage calls ``kill``; it must not raise, also when there is nothing to kill any more."""
        key = object()
        self._kills[key] = kill
        try:
            yield
        finally:
            del self._kills[key]

    @contextmanager
    def heralded(self, herald: Callable[[], None]) -> Iterator[None]:
        """Inside, an interrupt calls ``herald`` before it is talked of: whoever draws on the terminal lets go of it."""
        key = object()
        self._heralds[key] = herald
        try:
            yield
        finally:
            del self._heralds[key]

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


INTERRUPTS = Interrupts()
