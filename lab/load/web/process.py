"""The lab's side of the web process: Locust with its web UI as a child that never outlives the lab."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.errors import LoadError, MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.jsonlines import Lines, Message
from lab.load.child import disk_full, end_group, kill_group, wait_exit
from lab.load.inside.exits import EXIT_DISK
from lab.load.inside.status import Status
from lab.load.load_plan import LoadPlan
from lab.load.locust_process import child_environment
from lab.plan.topology import Endpoint

START_S = 60.0  # importing the locustfile
CLOSE_S = 60.0  # the users' on_stop, the locustfile's test_stop
QUIT_S = 5.0  # after SIGINT
LOG_TAIL = 15


class WebProcess:
    """A running Locust with a page. Every method raises LoadError, or MissingError, when it has died."""

    def __init__(self, plan: LoadPlan, child: subprocess.Popen[bytes], lines: Lines) -> None:
        self._plan = plan
        self._child = child
        self._lines = lines
        self._crossed: deque[Message] = deque()
        self.url = ""
        """Where the page is, once somebody listens."""

    @property
    def pid(self) -> int:
        """The load process, as the sampler must know it."""
        return self._child.pid

    @property
    def dead(self) -> bool:
        """There is no page any more."""
        return self._lines.ended

    def wait_until_it_listens(self) -> None:
        """Return with ``url`` set. Raises LoadError when the locustfile cannot be used."""
        self.url = Endpoint(port=self._answer("listening", START_S)["port"]).url

    def deploying(self, arm: str, arms: Sequence[str]) -> None:
        """The page says that this arm is on its way."""
        self._lines.send(do="deploying", arm=arm, arms=list(arms))

    def open(self, directory: Path, *, upstream_of: str) -> None:
        """The arm is up: tests may be started, and are recorded in ``directory``."""
        self._lines.send(do="open", directory=str(directory), upstream_of=upstream_of)

    def show(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Have the page draw the processes of the arm as they are now, one row each."""
        self._lines.send(do="figures", processes=list(rows))

    def fail(self, message: str) -> None:
        """The arm is not there; the page says why and offers the others."""
        self._lines.send(do="fail", message=message)

    def close(self) -> Status:
        """Stop the users; what was recorded is on disk when this returns."""
        self._lines.send(do="close")
        return Status(**self._answer("closed", CLOSE_S)["status"])

    def wish(self, timeout_s: float) -> Message | None:
        """What the person at the page asks for next: ``switch`` to an ``arm``, or ``end``; None when nothing came."""
        return self._crossed.popleft() if self._crossed else self._next(timeout_s)

    def _next(self, timeout_s: float) -> Message | None:
        message = self._lines.receive(timeout_s)
        if self._lines.ended and message is None:
            raise self._death()
        return message

    def _answer(self, said: str, timeout_s: float) -> Message:
        """The next message of this kind; a wish that crosses it waits."""
        give_up_at = time.monotonic() + timeout_s
        while (left_s := give_up_at - time.monotonic()) > 0:
            message = self._next(left_s)
            if message and message["said"] == "refused":
                raise LoadError(message["message"], message["hint"])
            if message and message["said"] == said:
                return message
            if message:
                self._crossed.append(message)
        raise LoadError(f"Locust has not answered for {timeout_s:.0f} s", self._log_tail())

    def _death(self) -> LoadError | MissingError:
        ended = wait_exit(self._child, QUIT_S)
        if ended is None:
            return LoadError("Locust has closed its connection to the lab", self._log_tail())
        if ended.si_code != os.CLD_EXITED:
            return LoadError(f"Locust was killed by {signal.Signals(ended.si_status).name}", self._log_tail())
        if ended.si_status == EXIT_DISK:
            return disk_full()
        return LoadError(f"Locust ended with exit code {ended.si_status}", self._log_tail())

    def _log_tail(self) -> str:
        path = self._plan.log_file(0)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"the end of {path.name}:", *lines[-LOG_TAIL:]])


@contextmanager
def start_web(plan: LoadPlan) -> Iterator[WebProcess]:
    """A Locust whose page can be asked for; on leaving, whatever happened, neither it nor a child of it is left.

    ``plan.directory`` receives locust.log. Raises LoadError when the locustfile cannot be used.
    """
    plan.raw.mkdir(parents=True)
    plan.write()
    ours, theirs = socket.socketpair()
    try:
        with plan.log_file(0).open("wb") as log, theirs:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "lab.load.web.plugin", str(plan.plan_file), str(theirs.fileno())],
                stdin=subprocess.PIPE,  # its end tells the child that the lab has died
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=plan.locustfile.parent,
                env=child_environment(dict(os.environ)),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        with INTERRUPTS.killable(lambda: kill_group(child)):
            try:
                web = WebProcess(plan, child, Lines(ours, ours))
                web.wait_until_it_listens()
                yield web
            finally:
                end_group(child, patience_s=0.0, grace_s=QUIT_S)
    finally:
        ours.close()
        shutil.rmtree(plan.raw)
