"""Free TCP ports on loopback, from a range below the one that the kernel uses for outgoing connections."""

from __future__ import annotations

import os
import socket
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from random import Random

import psutil

from lab.errors import MissingError
from lab.scenario.network import LOOPBACK
from lab.units import count_of

# Descriptors of this process by port, a mapping for each call: of the last two, for the port of a page is asked for
# before those of the arm behind it. By the third the arm of the first listens, or is gone. The kernel ends the rest.
_claims: deque[dict[int, int]] = deque([{}, {}])


def free_ports(count: int, port_range: tuple[int, int], seed: int | str) -> tuple[int, ...]:
    """``count`` distinct ports that nobody has, in seeded order. Raises MissingError when there are too few.

    Whoever asks beside another lab puts the run into ``seed``: equal seeds would have both want the same ports. Should
    they want one nevertheless, it is whose claim is first: uvicorn binds a port seconds before its workers listen, and
    where another program has begun to listen there meanwhile, workers with uvloop go on without a word and without it.
    Somebody who is no lab may still take a port before the container binds it.
    """
    low, high = port_range
    candidates = list(range(low, high + 1))
    Random(seed).shuffle(candidates)
    found: dict[int, int] = {}
    _take(found, count, candidates, _can_be_bound)
    if len(found) < count:
        remembered = _remembered()
        _take(found, count, [port for port in candidates if port in remembered], lambda _port: True)
    if len(found) < count:
        _release(found)
        needed = f"{count_of(count, 'free port')} {'is' if count == 1 else 'are'} needed"
        raise MissingError(
            f"{needed} on {LOOPBACK}, only {len(found)} of the range {low}-{high} are free",
            'widen "ports" in the scenario, or end what listens there (see: ss -ltn) or the other lab that claims them',
        )
    _claims.append(found)
    _release(_claims.popleft())
    return tuple(found)


def _take(found: dict[int, int], count: int, candidates: Iterable[int], free: Callable[[int], bool]) -> None:
    """Claim those that are free, until there are enough: first the claim, so that looking disturbs no other lab."""
    for port in candidates:
        if len(found) == count:
            return
        if port not in found and (claim := _claim(port)) is not None:
            if free(port):
                found[port] = claim
            else:
                os.close(claim)


def _claim(port: int) -> int | None:
    """The descriptor of a claim that holds before all labs of this network namespace; None if another one has it."""
    for call in _claims:
        if (held := call.pop(port, None)) is not None:
            return held
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as claim:
        try:
            claim.bind(f"\0lab-port-{port}")
        except OSError:
            return None
        return claim.detach()


def _release(claims: dict[int, int]) -> None:
    for descriptor in claims.values():
        os.close(descriptor)


def _can_be_bound(port: int) -> bool:
    """Tell whether nobody has bound it, and no closed connection is remembered there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _remembered() -> set[int]:
    """Ports of which only closed connections are left: a server may listen there. What is only bound is not listed."""
    states = defaultdict[int, set[str]](set)
    for connection in psutil.net_connections("tcp"):
        if connection.laddr:
            states[connection.laddr.port].add(connection.status)
    return {port for port, seen in states.items() if seen == {psutil.CONN_TIME_WAIT}}
