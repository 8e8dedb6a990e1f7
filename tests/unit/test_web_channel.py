"""Messages between the lab and its web process: whole, in order, and the end of the other side is noticed."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lab.load.web.channel import Channel

Ends = tuple[Channel, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def test_messages_arrive_whole_and_in_order(ends: Ends) -> None:
    """However the bytes are cut, and also when several come at once."""
    channel, other = ends
    other.sendall(b'{"said": "swi')
    assert channel.receive(0.01) is None
    other.sendall(b'tch", "arm": "replicas"}\n{"said": "end"}\n')

    assert channel.receive(1.0) == {"said": "switch", "arm": "replicas"}
    assert channel.receive(0.0) == {"said": "end"}
    assert channel.receive(0.01) is None
    assert not channel.ended


def test_what_was_said_before_the_end_can_still_be_received(ends: Ends) -> None:
    """Then there is nothing more, at once, whatever the time-out."""
    channel, other = ends
    other.sendall(b'{"said": "end"}\n')
    other.close()

    assert channel.receive(1.0) == {"said": "end"}
    assert channel.receive(None) is None
    assert channel.ended


def test_talking_to_nobody_is_no_error(ends: Ends) -> None:
    """The other side may have died a moment ago; whoever receives next finds out why."""
    channel, other = ends
    other.close()
    channel.send(do="close")
    channel.send(do="close")

    assert channel.ended


def test_what_is_sent_is_one_json_object_a_line(ends: Ends) -> None:
    """Line breaks inside a text stay inside."""
    channel, other = ends
    channel.send(do="fail", message="two\nlines")

    assert other.recv(100) == b'{"do": "fail", "message": "two\\nlines"}\n'
