"""Messages between two processes: whole, in order, and the end of the other side is noticed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from lab.agent.children import AgentChild
from lab.host.jsonlines import Lines, Whole, line_of
from lab.load.place import HereChild

Ends = tuple[Lines, socket.socket]


def all_of(end: socket.socket) -> bytes:
    """What has come until nothing more comes."""
    got = b""
    with suppress(TimeoutError):
        while data := end.recv(1_000_000):
            got += data
    return got


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Lines(ours, ours), theirs


def test_messages_arrive_whole_and_in_order(ends: Ends) -> None:
    """However the bytes are cut, and also when several come at once."""
    lines, other = ends
    other.sendall(b'{"said": "swi')
    assert lines.receive(0.01) is None
    other.sendall(b'tch", "arm": "replicas"}\n{"said": "end"}\n')

    assert lines.receive(1.0) == {"said": "switch", "arm": "replicas"}
    assert lines.receive(0.0) == {"said": "end"}
    assert lines.receive(0.01) is None
    assert not lines.ended


def test_what_was_said_before_the_end_can_still_be_received(ends: Ends) -> None:
    """Then there is nothing more, at once, whatever the time-out."""
    lines, other = ends
    other.sendall(b'{"said": "end"}\n')
    other.close()

    assert lines.receive(1.0) == {"said": "end"}
    assert lines.receive(None) is None
    assert lines.ended


def test_talking_to_nobody_is_no_error(ends: Ends) -> None:
    """The other side may have died a moment ago; whoever receives next finds out why."""
    lines, other = ends
    other.close()
    lines.send(do="close")
    lines.send(do="close")

    assert lines.ended


def test_what_is_sent_is_one_json_object_a_line(ends: Ends) -> None:
    """Line breaks inside a text stay inside."""
    lines, other = ends
    lines.send(do="fail", message="two\nlines")

    assert other.recv(100) == b'{"do": "fail", "message": "two\\nlines"}\n'


def test_a_pipe_is_one_end_for_each_direction() -> None:
    """Hanging up ends the other side's listening, and its last words still arrive."""
    asked, answered = os.pipe(), os.pipe()
    here = Lines(os.fdopen(answered[0], "rb"), os.fdopen(asked[1], "wb", 0))
    there = Lines(os.fdopen(asked[0], "rb"), os.fdopen(answered[1], "wb", 0))
    here.send(do="stop")
    here.hang_up()

    assert there.receive(1.0) == {"do": "stop"}
    assert there.receive() is None
    there.send(facts={"wall_s": 1.5})
    there.close()
    assert here.receive(1.0) == {"facts": {"wall_s": 1.5}}
    here.close()


def test_whoever_takes_nothing_is_not_waited_for_for_ever() -> None:
    """A page of a Locust that hangs must not hang the lab; nothing follows the half of a message that it got.

    Nor is it listened to, for an agent that has given up its lab must end.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        lines = Lines(ours, ours, send_s=0.05)
        lines.send(text="x" * 10_000_000)
        assert lines.ended
        theirs.settimeout(0.2)
        got = all_of(theirs)
        lines.send(do="close")

        assert got.startswith(b'{"text": "xxx')
        assert all_of(theirs) == b""
        theirs.sendall(b'{"do": "call"}\n')
        assert lines.receive() is None


def test_a_message_that_comes_in_pieces_is_read_when_it_is_whole() -> None:
    """For what is no descriptor: a stream of an engine's, a file that grows."""
    whole = Whole()

    assert list(whole.take(b'{"said": "a"}\n{"sa')) == [{"said": "a"}]
    assert list(whole.take(b'id": ')) == []
    assert list(whole.take(b'"b"}\n')) == [{"said": "b"}]
    with pytest.raises(ValueError, match="Expecting value"):
        list(whole.take(line_of({"n": 1}) + b"no message\n"))
    assert whole.line == b"no message"


@pytest.fixture
def stopped() -> Iterator[subprocess.Popen[bytes]]:
    """A process that takes nothing from its standard input."""
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(["sleep", "60"], bufsize=0, start_new_session=True, **pipes) as process:
        os.kill(process.pid, signal.SIGSTOP)
        yield process
        process.kill()


def test_an_agent_does_not_wait_for_a_child_that_is_stopped(stopped: subprocess.Popen[bytes]) -> None:
    """It has others, and the lab hears of them through it; this one ends as ever."""
    child = AgentChild(stopped)
    child._told._send_s = 0.05

    for _ in range(2):
        child.obey({"do": "tell", "line": {"text": "x" * 1_000_000}})
    assert child._told.given_up
    child.obey({"do": "kill"})
    child.forget()
    assert stopped.returncode == -signal.SIGKILL


def test_the_lab_does_not_wait_for_a_load_process_that_is_stopped(
    stopped: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends it could not while it is told something: it would have waited for ever."""
    monkeypatch.setattr("lab.load.place.load_child", lambda *_args, **_keys: nullcontext(stopped))
    child = HereChild(tmp_path / "log", tmp_path, sys.executable)
    child._lab._send_s = 0.05

    child.tell(text="x" * 1_000_000)
    child.tell(text="y")
    assert child._lab.given_up
    child.kill()
    child.end(5.0)
    child.tell(text="to one that has ended")
    child.discard()
