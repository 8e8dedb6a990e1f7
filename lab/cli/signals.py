"""Ctrl-C in three stages; SIGTERM and SIGHUP count as well, for a closed terminal cleans up too."""

import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from lab.errors import InterruptedRunError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import RUN
from lab.report.renderers.text import printable

FIRST = "interrupted (1 of 3): taking everything down, finished trials are kept; press again to hurry"
SESSION = "ending the session: taking the arm down and keeping what was seen; press again to hurry"
SECOND = "interrupted (2 of 3): killing what has not ended by itself; press again to leave at once"
THIRD = (
    "interrupted (3 of 3): leaving at once; `lab clean`, with the same --out and, where the run has nodes, --scenario, "
    f"removes what is left (label {RUN})"
)
_FIRST = [FIRST]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Unraisable = Callable[["sys.UnraisableHookArgs"], object]
SHOW_CURSOR = "\x1b[?25h"  # the live view hides it


@contextmanager
def staged() -> Iterator[None]:
    """Inside, the first signal raises KeyboardInterrupt, the second hurries, the third ends the process.

    A SIGHUP that is ignored, as under nohup, stays so. Only the first raises: see lab.host.interrupts.
    """
    with _handled_by(_handle):
        yield


@contextmanager
def first_told_as(text: str) -> Iterator[None]:
    """Inside, the first signal is told so: where it is the way to an end, nothing is interrupted."""
    _FIRST.append(text)
    try:
        yield
    finally:
        _FIRST.pop()


@contextmanager
def ending_quietly() -> Iterator[None]:
    """Inside, a signal ends the block without a word: so it is meant to end, and nothing is to be taken down."""
    with suppress(KeyboardInterrupt), _handled_by(signal.default_int_handler):
        yield


@contextmanager
def _handled_by(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    ignored = {number for number in (signal.SIGHUP,) if signal.getsignal(number) is signal.SIG_IGN}
    before = {number: signal.signal(number, handle) for number in SIGNALS if number not in ignored}
    hook, sys.unraisablehook = sys.unraisablehook, _hooked(sys.unraisablehook)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _hooked(before: Unraisable) -> Unraisable:
    """``before``, but for an interrupt that came while a finalizer ran: it would be dropped there, with a traceback."""

    def hook(dropped: "sys.UnraisableHookArgs", /) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            INTERRUPTS.swallowed()
        else:
            before(dropped)

    return hook


def _handle(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        _let_go_of_terminal()
    stage = INTERRUPTS.count()
    if not stage:
        return
    INTERRUPTS.announce()
    if stage == 1:
        _tell(_FIRST[-1])
        INTERRUPTS.interrupt()
    elif stage == 2:
        _tell(SECOND)
        INTERRUPTS.hurry()
    else:
        _tell(THIRD)
        if sys.stderr.isatty():
            os.write(2, SHOW_CURSOR.encode())
        os._exit(InterruptedRunError.exit_code)


def _tell(text: str) -> None:
    """Past Python's buffers: the signal may have come in the middle of a print."""
    os.write(2, f"lab: {printable(text)}\n".encode())


def _let_go_of_terminal() -> None:
    """Writing to a terminal that has hung up is an error; what there is to say goes nowhere instead."""
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
