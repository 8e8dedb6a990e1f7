"""The lab's side of an agent that is late, silent or unclear: a test speaks in the agent's place."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from lab.agent.clock import clock_name
from lab.agent.conversation import Conversation
from lab.agent.mirror import forget_earlier
from lab.errors import SamplingError
from lab.plan.upstream import reference
from tests.waiting import until

DEADLINE_S = 60.0
NEVER: dict[str, Any] = {}


class Wire:
    """The standard streams of an agent, which answers only what it has to at its start."""

    def __init__(self) -> None:
        self._said: SimpleQueue[bytes] = SimpleQueue()
        self.orders: list[dict[str, Any]] = []
        self.answers: list[Any] = []  # to further calls in turn; bytes are said as they are, NEVER is not said
        self.say(pid=7)

    def say(self, **message: Any) -> None:
        self._said.put(json.dumps(message).encode() + b"\n")

    def read(self) -> bytes:
        return self._said.get(timeout=DEADLINE_S)

    def write(self, data: bytes) -> None:
        order = json.loads(data)
        self.orders.append(order)
        if order["do"] != "call":
            return
        if order["function"] == reference(clock_name):
            self.say(call=order["call"], value=clock_name())
            return
        answer = self.answers.pop(0)
        if isinstance(answer, bytes):
            self._said.put(answer)
        elif answer is not NEVER:
            self.say(call=order["call"], value=answer)

    def close(self) -> None:
        self._said.put(b"")


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def talk(wire: Wire) -> Iterator[Conversation]:
    """Its listener ends with the test, however that does."""
    yield Conversation(wire, lambda: "some last words", "gen")
    wire.close()


def asked(talk: Conversation) -> int:
    return talk.call(forget_earlier, "/x", "y")


def test_an_answer_that_comes_too_late_is_not_given_to_the_next_call(
    wire: Wire, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked has been told that nothing came."""
    wire.answers = [NEVER, 2]
    with monkeypatch.context() as patched:
        patched.setattr("lab.agent.conversation.CALL_S", 0.05)
        with pytest.raises(SamplingError, match="agent of the lab on node gen has not answered for 0 s"):
            asked(talk)
    wire.say(call=wire.orders[-1]["call"], value=1)

    assert asked(talk) == 2
    talk.close()


@pytest.mark.parametrize(
    "line", [b'{"file": "/x", "da{"call": 2, "value": 1}\n', b"a warning of a library\n", b"\xff\xfe\n"]
)
def test_a_broken_line_ends_the_conversation_with_what_it_was(wire: Wire, talk: Conversation, line: bytes) -> None:
    """At once, for whoever waits and for whoever asks later; nobody waits for a listener that is gone."""
    wire.answers = [line]
    shown = line.decode(errors="replace").strip()
    began_s = time.monotonic()
    for _ in range(2):
        with pytest.raises(SamplingError) as caught:
            asked(talk)
        assert str(caught.value) == f"an agent of the lab on node gen said what is no message: {shown}"
    assert time.monotonic() - began_s < DEADLINE_S / 2
    assert talk.ended


def test_an_agent_that_takes_no_order_has_ended(
    wire: Wire, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the order may have got there: what follows would be read as its rest."""

    def write(data: bytes) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(wire, "write", write)
    for _ in range(2):
        with pytest.raises(SamplingError, match="an agent of the lab on node gen takes no orders any more"):
            asked(talk)
        monkeypatch.undo()


def test_a_fault_in_the_listener_leaves_nobody_waiting(
    wire: Wire, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is seen as what it is, too."""
    seen: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    wire.answers = [b'{"child": "nobody", "pid": 3}\n']
    with pytest.raises(SamplingError, match="has ended"):
        asked(talk)
    talk.close()

    assert [args.exc_type for args in seen] == [KeyError]


def test_a_program_that_does_not_start_in_time_is_told_from_an_agent_that_has_ended(
    wire: Wire, talk: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has seen it end."""
    monkeypatch.setattr("lab.agent.conversation.START_S", 0.05)

    def start() -> None:
        talk.start("lab.sampling", log=tmp_path / "log", cwd=tmp_path, load=False)

    with pytest.raises(SamplingError, match=r"on node gen has not started lab\.sampling-0 within 0 s"):
        start()
    wire.close()
    until(lambda: talk.ended, "the end of the conversation")
    with pytest.raises(SamplingError, match="on node gen has ended"):
        start()
