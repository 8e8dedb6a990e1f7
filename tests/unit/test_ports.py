"""Free ports are really free, distinct, inside the range; an exhausted range is a sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from itertools import count
from typing import cast

import pytest

from lab.engines.process.app import AppPlace
from lab.engines.process.engine import ProcessEngine
from lab.errors import MissingError
from lab.host.ports import _claims, free_ports
from tests.launched import launched

RANGES = count(29000 + 20 * (os.getpid() % 49), 4)  # of each process of the tests, and below what the kernel gives out


def narrow() -> tuple[int, int]:
    """A range of four ports that nobody has and no other test wants: the kernel gives out neighbours of its own."""
    low = next(RANGES)
    return low, low + 3


def test_ports_are_distinct_and_can_be_bound() -> None:
    """What is returned can be listened on at once."""
    ports = free_ports(5, (21000, 21999), seed=1)

    assert len(set(ports)) == 5
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            assert 21000 <= port <= 21999


def test_a_port_on_which_somebody_listens_is_not_returned() -> None:
    """The only other port of the range is found."""
    taken, _ = narrow()
    with socket.create_server(("127.0.0.1", taken)):
        ports = free_ports(1, (taken, taken + 1), seed=1)

    assert ports == (taken + 1,)


def test_a_port_that_is_bound_and_not_yet_listened_on_is_not_returned() -> None:
    """As uvicorn has it with workers until they have imported the app."""
    taken, _ = narrow()
    with socket.socket() as supervisor:
        supervisor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        supervisor.bind(("127.0.0.1", taken))
        ports = free_ports(1, (taken, taken + 1), seed=1)

    assert ports == (taken + 1,)


def test_a_port_is_claimed_before_other_labs_and_again_by_the_same() -> None:
    """Until it is bound nobody could see that it is another one's; a range may be as narrow as an arm needs."""
    low, high = wide = narrow()
    ask = f"from lab.host.ports import free_ports; print(*free_ports(3, {wide}, 1), flush=True); input()"
    with launched([sys.executable, "-c", ask], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        theirs = {int(port) for port in other.stdout.readline().split()}
        ours = free_ports(1, wide, seed=1)
        assert free_ports(1, wide, seed=1) == ours
        with pytest.raises(MissingError, match="only 1 of the range"):
            free_ports(2, wide, seed=1)
        other.communicate("\n")

    assert theirs | set(ours) == set(range(low, high + 1))
    assert len(free_ports(4, wide, seed=1)) == 4


def test_a_port_of_which_only_closed_connections_are_left_is_taken_where_no_other_is_free() -> None:
    """The server that closes first leaves them behind for a minute."""
    port, _ = narrow()
    with socket.create_server(("127.0.0.1", port)) as server:
        client = socket.create_connection(("127.0.0.1", port))
        served, _ = server.accept()
        served.close()
        client.close()

    assert free_ports(2, (port, port + 1), seed=1) == (port + 1, port)


def test_claims_are_of_the_last_two_calls() -> None:
    """A long run asks for ports hundreds of times, and other labs may have as narrow a range."""
    for seed in range(40):
        free_ports(4, (21000, 28999), seed)

    assert [len(call) for call in _claims] == [4, 4]


def test_a_lab_that_goes_on_leaves_ports_of_a_narrow_range_to_others() -> None:
    """What its earlier trials had, nobody has any more."""
    low, _ = narrow()
    wide = low, low + 3
    asks = f"[free_ports(1, {wide}, seed) for seed in range(9)]"
    code = f"from lab.host.ports import free_ports; {asks}; print(flush=True); input()"
    with launched([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        ours = free_ports(2, wide, seed=1)
        other.communicate("\n")

    assert len(ours) == 2


def test_a_port_that_is_only_bound_is_not_taken_where_no_other_is_free_either() -> None:
    """Nor listened on to find that out: whoever has bound it could not listen in that moment."""
    taken, _ = narrow()
    with socket.socket() as supervisor:
        supervisor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        supervisor.bind(("127.0.0.1", taken))
        with pytest.raises(MissingError, match="only 0 of the range"):
            free_ports(1, (taken, taken), seed=1)


def test_an_exhausted_range_says_how_many_are_free_and_what_to_do() -> None:
    """Exit code 4, the range, the count, the key to change."""
    taken, _ = narrow()
    with socket.create_server(("127.0.0.1", taken)):
        told = f"1 free port is needed on .*, only 0 of the range {taken}-{taken} are free"
        with pytest.raises(MissingError, match=told) as caught:
            free_ports(1, (taken, taken), seed=1)

    assert caught.value.exit_code == 4
    assert '"ports"' in caught.value.hint


def test_two_labs_with_equal_seeds_want_different_ports() -> None:
    """Whoever asks last would find the ports free that the other one is about to use."""
    first, second = (
        ProcessEngine(cast(AppPlace, None), {}, run, (21000, 28999), "").free_ports(5, seed=1) for run in ("a", "b")
    )

    assert not set(first) & set(second)
