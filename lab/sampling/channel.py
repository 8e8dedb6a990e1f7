"""Start the sampling program, give it orders and take its answers as JSON lines, wherever it runs."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Protocol, cast

from lab.errors import LabError, MissingError, RightsError, SamplingError
from lab.host.jsonlines import Lines, Message
from lab.sampling.plan import SamplerPlan, plan_to_json

STOP_DEADLINE_S = 10.0
LIFE_CHECK_S = 1.0
STDERR_TAIL_CHARACTERS = 2000
ERRORS: Mapping[str, type[LabError]] = {kind.__name__: kind for kind in (SamplingError, RightsError, MissingError)}
FOLDER = "sampling"  # inside the plan's directory: raw rows, gone once they are tables
BESIDE = "beside"  # inside that of the first plan: what the other samplers write, each in its own, until it is joined
LOG = "sampler.log"


def directory_of(first: Path, number: int) -> Path:
    """The plan's directory of each of a trial's samplers, by their numbers from 0, the first of which is given."""
    return first / f"{BESIDE}-{number}" if number else first


class Program(Protocol):
    """The sampling program: a child process of the lab, or of an agent."""

    @property
    def pid(self) -> int:
        """Its process, as the machine numbers it on which it runs."""

    def running(self) -> bool:
        """Tell whether it lives; cheap, for it is asked ten times a second."""

    def end(self, deadline_s: float) -> int | None:
        """Its exit code, −N for signal N, after waiting for its end; killed, and None, if it does not end in time."""

    def kill(self) -> None:
        """End it at once; never raises, also when it has ended."""

    def last_words(self) -> str:
        """Tell what it wrote to standard error."""


class Talk(Protocol):
    """Both directions of the conversation with the program: lab.host.jsonlines.Lines, or what stands for them."""

    @property
    def ended(self) -> bool:
        """The program is gone; what it said before can still be received."""

    def send(self, **message: Any) -> None:
        """Say something."""

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """Give the next message; None when none came in time."""

    def hang_up(self) -> None:
        """Say that nothing more will be said."""

    def close(self) -> None:
        """Let go of both directions."""


class Child:
    """The program as a child process that logs to a file."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def running(self) -> bool:
        """Tell whether it lives."""
        return self._process.poll() is None

    def end(self, deadline_s: float) -> int | None:
        """Its exit code; killed, and None, if it does not end in time."""
        try:
            return self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
            return None

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def last_words(self) -> str:
        """The log, whole."""
        return self._log.read_text(encoding="utf-8", errors="replace")


class Channel:
    """One running program and the conversation with it. The end of its orders ends the program.

    ``node``: the machine on which it runs, "" for the only one.
    """

    def __init__(self, program: Program, lines: Talk, node: str = "") -> None:
        self.program = program
        self._lines = lines
        self._called = f"the sampler on node {node}" if node else "the sampler"

    def send(self, **order: Any) -> None:
        """Give an order; when nobody is there to take it, raise what became of the program."""
        self._lines.send(**order)
        if self._lines.ended:
            self.answer(STOP_DEADLINE_S)  # says why

    def answer(self, deadline_s: float) -> Message:
        """The next message. Raises the LabError that it reports, or SamplingError when it died or does not answer."""
        give_up_at = time.monotonic() + deadline_s
        while True:
            alive = self.program.running()
            left_s = max(0.0, give_up_at - time.monotonic())
            message = self._lines.receive(min(left_s, LIFE_CHECK_S) if alive else 0.0)
            if message is not None:
                break
            if self._lines.ended or not alive:  # it closed its end, or died before it had opened it
                raise SamplingError(f"{self._called} {_how(self.program.end(STOP_DEADLINE_S))}", self._last_words())
            if not left_s:
                raise SamplingError(f"{self._called} has not answered for {deadline_s:.0f} s", self._last_words())
        if "error" in message:
            raise ERRORS[message["error"]](message["message"], message["hint"])
        return message

    def close(self) -> None:
        """Let the program go in any state: the end of its orders ends it, a kill does if it hangs."""
        self._lines.hang_up()
        self.program.end(STOP_DEADLINE_S)
        self._lines.close()

    def _last_words(self) -> str:
        text = self.program.last_words().strip()
        return f"its last words:\n{text[-STDERR_TAIL_CHARACTERS:]}" if text else "it said nothing"


def _how(code: int | None) -> str:
    if code is None:
        return "did not end in time"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended early with exit code {code}"


@dataclass(frozen=True, slots=True)
class Launched:
    """The program has its plan; ``folder`` is where its raw rows go. Its receiver closes the channel."""

    channel: Channel
    folder: Path


Launch = Callable[[SamplerPlan], AbstractContextManager[Launched]]


@contextmanager
def as_child(plan: SamplerPlan) -> Iterator[Launched]:
    """A process in a session of its own, so that Ctrl-C reaches only the lab, which then stops it in order."""
    folder = plan.directory / FOLDER
    folder.mkdir(parents=True)
    written = folder / "plan.json"
    written.write_text(plan_to_json(replace(plan, directory=folder)), encoding="utf-8")
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.sampling", str(written)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
            start_new_session=True,
        )
    lines = Lines(cast(IO[bytes], process.stdout), cast(IO[bytes], process.stdin))
    yield Launched(Channel(Child(process, folder / LOG), lines, plan.node), folder)


@contextmanager
def without_memory(plan: SamplerPlan) -> Iterator[Launched]:
    """As ``as_child``, where the memory of processes may not be read: their PSS and USS are missing."""
    with as_child(replace(plan, memory_readable=False)) as launched:
        yield launched
