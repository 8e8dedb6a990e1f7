"""A terminal for tests: a pseudo-terminal with somebody who reads what is drawn on it, as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyte

PATIENCE_S = 60.0  # with the reader, on a busy machine
REDRAWS = re.compile(rb"(?=\r\x1b\[2K)")  # what was drawn is whole before it: who reads late still sees every drawing


class Terminal:
    """``slave`` is what a program writes to; ``seen`` are the screens that held something, without repetitions."""

    def __init__(self, columns: int, rows: int) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.seen: list[list[str]] = []
        self.raw = b""
        self.closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                received = os.read(self.master, 65536)
            except OSError:  # the last program has closed its end
                return
            with self._lock:
                self.raw += received
                for part in REDRAWS.split(received):
                    self._stream.feed(part)
                    if not self.seen or self.seen[-1] != self._lines():
                        self.seen.append(self._lines())

    def _lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def screen(self) -> list[str]:
        """What is on the screen now."""
        with self._lock:
            return self._lines()

    @property
    def cursor_hidden(self) -> bool:
        """Whether a program has hidden the cursor and not shown it again."""
        with self._lock:
            return bool(self._screen.cursor.hidden)

    def close(self) -> None:
        """Wait until everything that was written has been read."""
        self.closed = True
        os.close(self.slave)
        self._reader.join(PATIENCE_S)
        assert not self._reader.is_alive(), "somebody still has this terminal open"
        os.close(self.master)


@contextmanager
def terminal(columns: int, rows: int) -> Iterator[Terminal]:
    """A terminal of this size; inside, ``slave`` is open. Close it before looking at what came last."""
    made = Terminal(columns, rows)
    try:
        yield made
    finally:
        if not made.closed:
            made.close()
