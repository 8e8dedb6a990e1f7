"""Messages between the lab and its web process: one JSON object a line, both ways over one pair of sockets.

The same class serves both sides: inside Locust the socket is gevent's, and waiting on it lets everything else run.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

Message = Mapping[str, Any]
SEND_S = 10.0  # a message is small: who has not taken it by then is not there any more


class Channel:
    """One end of the pair."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._unread = b""
        self._waiting: deque[Message] = deque()
        self.ended = False
        """The other side is gone; what it said before can still be received."""

    def send(self, **message: Any) -> None:
        """Say something; when nobody is there any more, nothing happens but ``ended``."""
        self._end.settimeout(SEND_S)
        try:
            self._end.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.ended = True

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """The next message; None when ``timeout_s`` passed without one, or when the other side is gone."""
        give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._waiting and not self.ended:
            self._end.settimeout(None if give_up_at is None else max(1e-3, give_up_at - time.monotonic()))
            try:
                received = self._end.recv(65536)
            except TimeoutError:
                return None
            except ConnectionResetError:
                received = b""
            self.ended = not received
            *lines, self._unread = (self._unread + received).split(b"\n")
            self._waiting.extend(json.loads(line) for line in lines)
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Nothing more will be said."""
        self._end.close()
