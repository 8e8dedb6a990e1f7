"""Free TCP ports on loopback, from a range below the one that the kernel uses for outgoing connections."""

from __future__ import annotations

import socket
from random import Random

from lab.errors import MissingError
from lab.scenario.network import LOOPBACK


def free_ports(count: int, port_range: tuple[int, int], seed: int | str) -> tuple[int, ...]:
    """``count`` distinct ports on which nobody listens, in seeded order. Raises MissingError when there are too few.

    Whoever asks beside another lab puts the run into ``seed``: equal seeds would have both want the same ports.

    All of them are bound together before any is released, so that one call never returns a port twice. Between this
    call and the container's own bind somebody else may take one: the container then ends at once and says so.
    """
    low, high = port_range
    candidates = list(range(low, high + 1))
    Random(seed).shuffle(candidates)
    held: list[socket.socket] = []
    try:
        for port in candidates:
            if len(held) == count:
                break
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free to listen on
            try:
                listener.bind((LOOPBACK, port))
                listener.listen(1)  # with SO_REUSEADDR only listening shows that somebody else listens already
            except OSError:
                listener.close()  # taken: the next candidate
                continue
            held.append(listener)
        if len(held) < count:
            raise MissingError(
                f"{count} free ports are needed on {LOOPBACK}, only {len(held)} of the range {low}-{high} are free",
                'widen "ports" in the scenario, or end what listens there (see: ss -ltn)',
            )
        return tuple(listener.getsockname()[1] for listener in held)
    finally:
        for listener in held:
            listener.close()
