"""The clocks of another kernel, on those of this one: how far apart they are, and how well that is known."""

import time
from pathlib import Path
from typing import NamedTuple, Self

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIME_NAMESPACE = Path("/proc/self/ns/time")


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


def compare_clocks(exchanges: list[tuple[float, float, float]]) -> Clock:
    """The best of several exchanges (sent, read there, received): the shortest one."""
    return min((Clock.of(*each) for each in exchanges), key=lambda clock: clock.bound_s)
