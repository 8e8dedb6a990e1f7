"""The lab's side of the web process: Locust with its web UI as a child that never outlives the lab."""

import shutil
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lab.errors import LoadError, MissingError
from lab.host.jsonlines import Lines, Message
from lab.load.child import death, load_child, log_tail, wait_exit
from lab.load.inside.status import Status, error_of
from lab.load.load_plan import LoadPlan
from lab.load.relay import Relay
from lab.plan.topology import Endpoint

START_S = 60.0  # importing the locustfile
CLOSE_S = 60.0  # the users' on_stop, the locustfile's test_stop
QUIT_S = 5.0  # who has closed the connection is about to end
MODULE = "lab.load.web.plugin"


class WebProcess:
    """A running Locust with a page. Every method raises LoadError, or MissingError, when it has died.

    ``relay``: between it and its workers, where it is a master (LoadPlan.by_hand).
    """

    def __init__(self, plan: LoadPlan, child: subprocess.Popen[bytes], lines: Lines) -> None:
        self.relay = Relay(plan.mail_file(0), partial(lines.send, do="mail"))
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

    def open(self, directory: Path, *, upstream_of: str, header: str, verbs: Sequence[Mapping[str, str]] = ()) -> None:
        """The arm is up: tests may be started, and are recorded in ``directory``.

        ``verbs``: what can be done to it, each with its ``deed`` in words.
        """
        order = {"directory": str(directory), "upstream_of": upstream_of, "header": header, "verbs": list(verbs)}
        self._lines.send(do="open", **order)

    def show(
        self, rows: Sequence[Mapping[str, Any]], acts: Sequence[Mapping[str, Any]] = (), *, busy: bool = False
    ) -> None:
        """Have the page draw the processes of the arm as they are now, one row each, and what was done to it so far."""
        self._lines.send(do="figures", processes=list(rows), acts=list(acts), busy=busy)

    def fail(self, message: str) -> None:
        """The arm is not there; the page says why and offers the others."""
        self._lines.send(do="fail", message=message)

    def close(self) -> Status:
        """Stop the users; what was recorded here is on disk when this returns."""
        self._lines.send(do="close")
        return Status(**self._answer("closed", CLOSE_S)["status"])

    def wish(self, timeout_s: float) -> Message | None:
        """Give the person's next wish: ``switch`` to an ``arm``, ``act`` a ``verb``, or ``end``; None: nothing came."""
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
                raise error_of(message["refusal"])
            if message and message["said"] == said:
                return message
            if message:
                self._crossed.append(message)
        raise LoadError(f"Locust has not answered for {timeout_s:.0f} s", log_tail(self._plan.log_file(0)))

    def _death(self) -> LoadError | MissingError:
        ended, log = wait_exit(self._child, QUIT_S), self._plan.log_file(0)
        if ended is None:
            return LoadError("Locust has closed its connection to the lab", log_tail(log))
        return death("Locust", ended, log)


@contextmanager
def start_web(plan: LoadPlan) -> Iterator[WebProcess]:
    """Start a Locust with a page. When the block ends, for any reason, neither it nor a child of it is left.

    ``plan.directory`` receives locust.log. Raises LoadError when the locustfile cannot be used.
    """
    plan.raw.mkdir(parents=True)
    plan.write()
    ours, theirs = socket.socketpair()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, plan.raw)
        stack.enter_context(ours)
        with theirs:
            arguments = (str(plan.plan_file), str(theirs.fileno()))
            log, descriptors = plan.log_file(0), [theirs.fileno()]
            started = load_child(MODULE, *arguments, log=log, cwd=plan.root, pass_fds=descriptors, python=plan.python)
            child = stack.enter_context(started)
        web = WebProcess(plan, child, Lines(ours, ours))
        web.wait_until_it_listens()
        if plan.by_hand:
            stack.enter_context(web.relay.running())
        yield web
