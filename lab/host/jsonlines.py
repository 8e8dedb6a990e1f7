"""Messages between two processes: one JSON object a line over a pipe, a FIFO or a socket.

The same class serves every pair of processes of a run, at both ends. It uses the standard library alone, for it is
copied into the agent's image; inside Locust ``select`` is gevent's, and waiting lets everything else run.
"""

import json
import os
import select
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

Message = Mapping[str, Any]
SEND_S = 10.0  # a message is small: a neighbour that has not taken it by then is not there any more


class End(Protocol):
    """One end of a pipe, a FIFO or a socket."""

    def fileno(self) -> int:
        """Its descriptor."""

    def close(self) -> None:
        """Let go of it."""


class Lines:
    """One side of a conversation; a socket is both ``incoming`` and ``outgoing``.

    Who has not taken a message within ``send_s`` is given up: nothing more is said to it, or heard of it.
    """

    def __init__(self, incoming: End, outgoing: End, send_s: float = SEND_S) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._unread = b""
        self._waiting: deque[Message] = deque()
        self._all_heard = False
        self._saying = threading.Lock()
        self._send_s = send_s
        self._unheard = False  # nothing more is said: the last message may have got there by half
        self.ended = False
        """The other side is gone; what it said before can still be received."""
        os.set_blocking(outgoing.fileno(), False)

    def send(self, **message: Any) -> None:
        """Say something; when nobody is there any more, nothing happens but ``ended``."""
        unwritten = json.dumps(message).encode() + b"\n"
        with self._saying:
            try:
                while unwritten and not self._unheard:
                    if not select.select([], [self._outgoing], [], self._send_s)[1]:
                        raise TimeoutError
                    unwritten = unwritten[os.write(self._outgoing.fileno(), unwritten) :]
            except (BrokenPipeError, ConnectionResetError):
                self.ended = self._unheard = True
            except TimeoutError:
                self.ended = self._unheard = self._all_heard = True

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """Give the next message; None when ``timeout_s`` passed without one, or when the other side has ended."""
        give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._waiting and not self._all_heard:
            left_s = None if give_up_at is None else max(0.0, give_up_at - time.monotonic())
            if not select.select([self._incoming], [], [], left_s)[0]:
                return None
            try:
                received = os.read(self._incoming.fileno(), 65536)
            except ConnectionResetError:
                received = b""
            self._all_heard = not received
            self.ended |= self._all_heard
            *lines, self._unread = (self._unread + received).split(b"\n")
            self._waiting.extend(map(json.loads, lines))
        return self._waiting.popleft() if self._waiting else None

    def hang_up(self) -> None:
        """Say that nothing more will be said; answers can still be received."""
        self._outgoing.close()

    def close(self) -> None:
        """Let go of both ends."""
        self._outgoing.close()
        self._incoming.close()
