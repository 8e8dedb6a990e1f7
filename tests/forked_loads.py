"""Load processes that are copies of one that has imported Locust: for tests of what they do, not of how they start.

The import takes longer than all else that most of these tests do. Nothing else is otherwise: a copy is a process group
of its own, gets its orders on its standard input, and becomes the Locust of one load, as a child of the lab does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.load.child import GRACE_S, child_environment
from lab.load.place import Child, Here, HereChild
from tests import locust_original
from tests.locust_original import MESSAGE

FORKS_WITHIN_S = 60.0  # the first one when Locust has been imported, which takes a second on a quiet machine


@dataclass(frozen=True)
class Ended:
    """How a copy ended, as os.waitid tells it."""

    si_code: int
    si_status: int


class Original:
    """The process that all are copies of. It ends with this one."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", locust_original.__file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=child_environment(dict(os.environ)),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._ended: dict[int, Ended] = {}

    def fork(self, log: int, cwd: Path) -> tuple[int, int]:
        """A copy that prints into ``log``: its pid, and where it gets its orders."""
        theirs, orders = os.pipe()
        order = {"cwd": str(cwd), "environment": child_environment(dict(os.environ))}
        socket.send_fds(self._orders, [json.dumps(order).encode()], [theirs, log])
        os.close(theirs)
        while "forked" not in (told := self._hear(FORKS_WITHIN_S)):
            pass
        pid: int = told["forked"]
        self._ended.pop(pid, None)  # of one that had the same number: they come round
        return pid, orders

    def ended(self, pid: int, timeout_s: float) -> Ended | None:
        """How a copy ended; None when it has not within the time."""
        give_up_at = time.monotonic() + timeout_s
        with suppress(TimeoutError, BlockingIOError):
            while pid not in self._ended:
                self._hear(max(0.0, give_up_at - time.monotonic()))
        return self._ended.get(pid)

    def _hear(self, timeout_s: float) -> dict[str, Any]:
        self._orders.settimeout(timeout_s)
        told: dict[str, Any] = json.loads(self._orders.recv(MESSAGE))
        if "pid" in told:
            self._ended[told["pid"]] = Ended(*told["how"])
        return told

    def close(self) -> None:
        """It has no copies any more."""
        self._orders.close()
        self._process.wait(FORKS_WITHIN_S)


class Copy:
    """A load process."""

    def __init__(self, original: Original, log: Path, cwd: Path) -> None:
        self.log = self._first_log = log
        self._original = original
        self._telling = threading.Lock()  # a relay does, beside what ends it
        with log.open("wb") as output:
            self.pid, self._orders = original.fork(output.fileno(), cwd)

    def tell(self, **order: Any) -> None:
        with self._telling, suppress(BrokenPipeError):
            if self._orders:
                os.write(self._orders, json.dumps(order).encode() + b"\n")

    def exit(self, timeout_s: float) -> Ended | None:
        return self._original.ended(self.pid, timeout_s)

    def move_log(self, target: Path) -> None:
        self.log = self.log.rename(target)

    def end(self, patience_s: float) -> None:
        if self.exit(patience_s) is None:
            self._signal(signal.SIGINT)
            self.exit(GRACE_S)
        self.kill()
        self.exit(GRACE_S)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def discard(self) -> None:
        self.end(0.0)
        with self._telling:
            if self._orders:
                os.close(self._orders)
                self._orders = 0
        self._first_log.unlink(missing_ok=True)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:  # nobody of its group is left, or it was forked just now and leads none yet
            with suppress(ProcessLookupError):
                if self.exit(0.0) is None:
                    os.kill(self.pid, number)


class Forked(Here):
    """This machine; another interpreter than this one starts as ever."""

    def __init__(self) -> None:
        self.original: Original | None = None

    def start(self, log: Path, cwd: Path, python: str = sys.executable) -> Child:
        if python != sys.executable:
            return HereChild(log, cwd, python)
        self.original = self.original or Original()
        return Copy(self.original, log, cwd)

    def close(self) -> None:
        """Nothing is left."""
        if self.original:
            self.original.close()
        self.original = None


FORKED = Forked()
