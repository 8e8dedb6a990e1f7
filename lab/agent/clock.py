"""The clocks of another kernel, on those of this one: how far apart they are, and how well that is known."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIME_NAMESPACE = Path("/proc/self/ns/time")
EXCHANGES = 20
# On a busy machine none of those may be short: then there are more, for so long at most. Half of one is the bound, of
# which the gate load.clock takes 5 ms.
SHORT_S, MORE_S = 0.005, 1.0

Exchanges: TypeAlias = list[tuple[float, tuple[float, float], float]]


class Clock(NamedTuple):
    """``offset_s``: what to add to an instant here to have it there; off by ``bound_s`` at most."""

    offset_s: float = 0.0
    bound_s: float = 0.0

    @classmethod
    def of(cls, sent_s: float, there_s: float, received_s: float) -> Self:
        """From one exchange: the other clock was read at some instant between these two (Cristian, 1989)."""
        return cls(there_s - (sent_s + received_s) / 2, (received_s - sent_s) / 2)


def read_clocks() -> tuple[float, float]:
    """CLOCK_MONOTONIC and the epoch seconds of the wall clock, at one instant."""
    return time.monotonic(), time.time()


def clock_name() -> str:
    """What the monotonic clock of this process is called, the same for all that share it; "" where nobody can tell."""
    if not BOOT_ID.exists():
        return ""
    namespace = TIME_NAMESPACE.readlink() if TIME_NAMESPACE.is_symlink() else ""
    return f"{BOOT_ID.read_text().strip()} {namespace}"


def exchanges(read: Callable[[], tuple[float, float]], now: Callable[[], float] = time.monotonic) -> Exchanges:
    """``read`` the other clocks until one exchange was short: when it was sent, what was read, when it was received."""
    told: Exchanges = []
    shortest_s, over_at = MORE_S, now() + MORE_S
    while len(told) < EXCHANGES or (shortest_s > SHORT_S and now() < over_at):
        sent_s, there, received_s = now(), read(), now()
        told.append((sent_s, there, received_s))
        shortest_s = min(shortest_s, received_s - sent_s)
    return told


def compare_clocks(exchanges: list[tuple[float, float, float]]) -> Clock:
    """The best of several exchanges (sent, read there, received): the shortest one."""
    return min((Clock.of(*each) for each in exchanges), key=lambda clock: clock.bound_s)


def both_clocks(told: Exchanges, to_wall_s: float) -> tuple[Clock, Clock]:
    """Compare the monotonic clock there, and the wall clock; ``to_wall_s``: from the former to the latter, here."""
    return (
        compare_clocks([(sent, there[0], received) for sent, there, received in told]),
        compare_clocks([(sent + to_wall_s, there[1], received + to_wall_s) for sent, there, received in told]),
    )
