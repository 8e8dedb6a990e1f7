"""The lab's side of an agent: one thread hears everything that it says, whoever asks finds the part that is theirs."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, Protocol, TypeVar

from lab import errors
from lab.agent.calls import call_of, result_of
from lab.agent.carried import carried
from lab.agent.children import Ended
from lab.agent.clock import Clock, both_clocks, clock_name, exchanges, read_clocks
from lab.agent.mirror import Copy, piece
from lab.errors import LabError, MissingError, SamplingError
from lab.host.jsonlines import Message, Whole, line_of

CALL_S = 60.0
START_S = 30.0
P = ParamSpec("P")
T = TypeVar("T")


class Stream(Protocol):
    """Both directions of a container's standard streams."""

    def read(self) -> bytes:
        """What was said since; empty when nothing will come any more."""

    def write(self, data: bytes) -> None:
        """Say something. Raises OSError when nobody hears it."""

    def close(self) -> None:
        """End the conversation, and with it the agent."""


class Conversation:
    """A running agent. ``last_words``: what it wrote to standard error. ``node``: its machine, if a run has several."""

    def __init__(self, stream: Stream, last_words: Callable[[], str], node: str = "") -> None:
        self._stream = stream
        self._called = f"an agent of the lab on node {node}" if node else "an agent of the lab"
        self._last_words = last_words
        self._answers: SimpleQueue[Message | None] = SimpleQueue()
        self._calling, self._calls = threading.Lock(), 0
        self._saying = threading.Lock()
        self._children: dict[str, RemoteChild] = {}
        self._copy = Copy()
        self._failure: OSError | None = None
        self.ended, self._how = False, "has ended"
        self._thread = threading.Thread(target=self._listen, name="agent", daemon=True)
        self._thread.start()
        self.pid = int(self._answer(START_S)["pid"])
        self.compare()

    def compare(self) -> None:
        """Have both clocks as of now; those of two kernels may drift by milliseconds in a minute."""
        self.clock, self.wall_clock = self._compare_clocks()

    def drift(self) -> Clock:
        """As it was compared last, compared once more: the drift since then is in the bound, and it stays as it was."""
        before, wall = self.clock, self.wall_clock
        self.compare()
        after, self.clock, self.wall_clock = self.clock, before, wall
        return Clock(before.offset_s, max(before.bound_s, after.bound_s) + abs(after.offset_s - before.offset_s))

    def call(self, function: Callable[P, T], /, *args: P.args, **_none: P.kwargs) -> T:
        """Call a function of the lab there; positional arguments only. Raises the LabError that it raises."""
        with self._calling:  # answers come in the order of calls, whichever thread makes them
            self._calls += 1
            self.send(do="call", call=self._calls, **call_of(function, args))
            result: T = result_of(function, self._answer(CALL_S)["value"])
        return result

    def put(self, file: Path, content: bytes | None = None) -> None:
        """Have a small file there, under the same path; ``content``: another one than it has here."""
        self.send(**piece(file, file.read_bytes() if content is None else content))

    def watch(self, folder: Path) -> None:
        """Keep what grows in this folder there in the same folder here."""
        self._copy.expect(folder)
        self.send(do="watch", folder=str(folder))

    def forget(self, folder: Path) -> None:
        """This folder and those below it are of no interest any more; an agent that is gone has forgotten them."""
        with suppress(SamplingError):
            self.send(do="forget", folder=str(folder))

    def start(self, module: str, *arguments: str, log: Path, cwd: Path, load: bool) -> "RemoteChild":
        """Start a program of the lab there."""
        name = f"{module}-{len(self._children)}"
        child = self._children[name] = RemoteChild(self, name, log)
        env = carried(os.environ) if load else {}
        self.send(
            do="start",
            child=name,
            module=module,
            arguments=arguments,
            log=str(log),
            cwd=str(cwd),
            load=load,
            env=env,
        )
        child.wait_until_started(START_S)
        return child

    def send(self, **order: Any) -> None:
        """Give an order. Raises SamplingError when nobody takes it."""
        if self.ended:
            raise self.death()
        try:
            with self._saying:
                self._stream.write(line_of(order))
        except OSError as error:  # part of the order may have got there, and nothing can follow it
            late = isinstance(error, BlockingIOError | TimeoutError)
            self.ended, self._how = True, "takes no orders any more" if late else self._how
            raise self.death() from None

    def check(self) -> None:
        """Raise what became of the agent, or of the files that it tells."""
        if self._failure:
            reason = self._failure.strerror
            raise MissingError(f"what an agent measures cannot be written: {reason}", "free some space; see --out")
        if self.ended:
            raise self.death()

    def close(self) -> None:
        """End the agent: the end of its orders is its own."""
        self._stream.close()
        self._thread.join(START_S)

    def death(self, how: str = "") -> LabError:
        """What to say of an agent that is gone; ``how``: that it fails otherwise."""
        return SamplingError(f"{self._called} {how or self._how}", self._last_words())

    def _answer(self, deadline_s: float) -> Message:
        """That of the latest call; that of an earlier one, which came too late, is for nobody."""
        give_up_at = time.monotonic() + deadline_s
        while True:
            try:
                message = self._answers.get(timeout=max(0.0, give_up_at - time.monotonic()))
            except Empty:
                raise self.death(f"has not answered for {deadline_s:.0f} s") from None
            if message is None:
                raise self.death()
            if message.get("call", 0) == self._calls:
                break
        if "error" in message:
            kind: type[LabError] = getattr(errors, message["error"])
            raise kind(message["message"], message["hint"])
        return message

    def _compare_clocks(self) -> tuple[Clock, Clock]:
        """The monotonic clock there, and the wall clock."""
        if (here := clock_name()) and self.call(clock_name) == here:
            return Clock(), Clock()
        to_wall_s = time.time() - time.monotonic()
        return both_clocks(exchanges(lambda: self.call(read_clocks)), to_wall_s)

    def _listen(self) -> None:
        whole = Whole()
        try:
            while received := self._hear():
                for message in whole.take(received):
                    self._take(message)
        except ValueError:  # half a message, or something else prints there
            self._how = f"said what is no message: {whole.line[:200].decode(errors='replace')}"
        finally:
            self.ended = True
            self._answers.put(None)
            for child in list(self._children.values()):
                child.hear({"ended": [os.CLD_KILLED, 9]})

    def _hear(self) -> bytes:
        try:
            return self._stream.read()
        except OSError:
            return b""

    def _take(self, message: Message) -> None:
        if "file" in message:
            try:
                self._copy.keep(message)
            except OSError as error:
                self._failure = error
        elif "child" in message:
            self._children[message["child"]].hear(message)
        else:
            self._answers.put(message)


class RemoteChild:
    """A program that an agent runs, as the lab knows its own children."""

    def __init__(self, agent: Conversation, name: str, log: Path) -> None:
        self._agent = agent
        self._name = name
        self._said: SimpleQueue[Message] = SimpleQueue()
        self._changed = threading.Condition()
        self._ended: Ended | None = None
        self.log = log
        self.pid = 0
        """Its process, as the engine's machine numbers it; 0 until it has started."""

    def hear(self, message: Message) -> None:
        """Take what the agent tells of it."""
        with self._changed:
            self.pid = message.get("pid", self.pid)
            if "ended" in message:
                self._ended = self._ended or Ended(*message["ended"])
            self._changed.notify_all()
        if "said" in message:
            self._said.put(message["said"])

    def wait_until_started(self, deadline_s: float) -> None:
        """Return once it has a process. Raises SamplingError."""
        with self._changed:
            self._changed.wait_for(lambda: self.pid or self._ended, deadline_s)
        if not self.pid:
            late = f"has not started {self._name} within {deadline_s:.0f} s"
            raise self._agent.death("" if self._agent.ended else late)

    def order(self, do: str, **more: Any) -> None:
        """Give an order that is about it; one that has ended takes none, and its end is noticed elsewhere."""
        if self._ended is None:
            with suppress(SamplingError):
                self._agent.send(do=do, child=self._name, **more)

    def exit(self, timeout_s: float) -> Ended | None:
        """As ``wait``. Raises what became of the agent: nobody saw then how it ended."""
        ended = self.wait(timeout_s)
        self._agent.check()
        return ended

    def wait(self, timeout_s: float) -> Ended | None:
        """How it ended, killed if the agent has; None when it has not within ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended, timeout_s)
            return self._ended

    def answer(self, timeout_s: float | None) -> Message | None:
        """The next thing that it said; None when nothing came in time."""
        try:
            return self._said.get(timeout=timeout_s) if timeout_s else self._said.get_nowait()
        except Empty:
            return None
