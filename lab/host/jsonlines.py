"""Messages between two processes: one JSON object a line over a pipe, a FIFO or a socket.

These classes serve every pair of processes of a run, at both ends. They use the standard library alone, for they are
copied into the agent's image; inside Locust ``select`` is gevent's, and waiting lets everything else run. What goes
through something else, which a descriptor is not (a stream of an engine's, a file that is copied while it grows), is
read and written by ``line_of`` and ``Whole``.
"""

import json
import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

Message = Mapping[str, Any]
SEND_S = 10.0  # a message is small: a neighbour that has not taken it by then is not there any more


class End(Protocol):
    """One end of a pipe, a FIFO or a socket."""

    def fileno(self) -> int:
        """Its descriptor."""

    def close(self) -> None:
        """Let go of it."""


def line_of(message: Message) -> bytes:
    """As it is said."""
    return json.dumps(message).encode() + b"\n"


class Whole:
    """Pieces of a conversation, put together to messages; ``line`` is the one that was read last."""

    def __init__(self) -> None:
        self.line = self._unread = b""

    def take(self, received: bytes) -> Iterator[Message]:
        """Those that are whole now. Raises ValueError for a line that is none."""
        *lines, self._unread = (self._unread + received).split(b"\n")
        for self.line in lines:
            yield json.loads(self.line)


class Outgoing:
    """The side that speaks. Who has not taken a message within ``send_s`` is given up: nothing more is said to it."""

    def __init__(self, outgoing: End, send_s: float = SEND_S) -> None:
        self._outgoing = outgoing
        self._saying = threading.Lock()
        self._send_s = send_s
        self._unheard = False  # nothing more is said: the last message may have got there by half
        self.given_up = False
        """The other side has not taken something in time."""
        os.set_blocking(outgoing.fileno(), False)

    def send(self, **message: Any) -> None:
        """Say something; when nobody is there any more, nothing happens."""
        unwritten = line_of(message)
        with self._saying:
            try:
                while unwritten and not self._unheard:
                    if not select.select([], [self._outgoing], [], self._send_s)[1]:
                        raise TimeoutError
                    unwritten = unwritten[os.write(self._outgoing.fileno(), unwritten) :]
            except (BrokenPipeError, ConnectionResetError):
                self._unheard = True
            except TimeoutError:
                self.given_up = self._unheard = True

    def hang_up(self) -> None:
        """Say that nothing more will be said; answers can still be received."""
        self._outgoing.close()


class Incoming:
    """The side that listens."""

    def __init__(self, incoming: End) -> None:
        self._incoming = incoming
        self._whole = Whole()
        self._waiting: deque[Message] = deque()
        self._all_heard = False

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
            self._waiting.extend(self._whole.take(received))
        return self._waiting.popleft() if self._waiting else None


class Lines(Incoming, Outgoing):
    """One side of a conversation; a socket is both ``incoming`` and ``outgoing``.

    Who has not taken a message in time is not heard either: an agent that has given up its lab must end.
    """

    def __init__(self, incoming: End, outgoing: End, send_s: float = SEND_S) -> None:
        Incoming.__init__(self, incoming)
        Outgoing.__init__(self, outgoing, send_s)

    @property
    def ended(self) -> bool:
        """The other side is gone; what it said before can still be received."""
        return self._all_heard or self._unheard

    def send(self, **message: Any) -> None:
        """Say something; when nobody is there any more, nothing happens but ``ended``."""
        super().send(**message)
        self._all_heard |= self.given_up

    def close(self) -> None:
        """Let go of both ends."""
        self._outgoing.close()
        self._incoming.close()
