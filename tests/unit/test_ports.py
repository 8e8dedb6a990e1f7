"""Free ports are really free, distinct, inside the range; an exhausted range is a sentence."""

from __future__ import annotations

import socket
from typing import cast

import pytest

from lab.engines.process.app import AppPlace
from lab.engines.process.engine import ProcessEngine
from lab.errors import MissingError
from lab.host.ports import free_ports


def test_ports_are_distinct_and_can_be_bound() -> None:
    """What is returned can be listened on at once."""
    ports = free_ports(5, (21000, 21999), seed=1)

    assert len(set(ports)) == 5
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            assert 21000 <= port <= 21999


def test_a_port_on_which_somebody_listens_is_not_returned() -> None:
    """The only other port of the range is found."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = free_ports(1, (taken, taken + 1), seed=1)

    assert ports == (taken + 1,)


def test_an_exhausted_range_says_how_many_are_free_and_what_to_do() -> None:
    """Exit code 4, the range, the count, the key to change."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(MissingError, match=f"only 0 of the range {taken}-{taken} are free") as caught:
            free_ports(1, (taken, taken), seed=1)

    assert caught.value.exit_code == 4
    assert '"ports"' in caught.value.hint


def test_two_labs_with_equal_seeds_want_different_ports() -> None:
    """Whoever asks last would find the ports free that the other one is about to use."""
    first, second = (
        ProcessEngine(cast(AppPlace, None), {}, run, (21000, 29999), {}).free_ports(5, seed=1) for run in ("a", "b")
    )

    assert not set(first) & set(second)
