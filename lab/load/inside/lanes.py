"""The lanes of one load process: which user is which lane, from its spawn to its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

from gevent import getcurrent

from lab.load.inside import lane_random
from lab.load.inside.journal import Journal, Lane

ATTRIBUTE = "lab_lane"
"""What holds the lane of a Locust user, and of its greenlet."""


class Lanes:
    """Lane ``s`` is slot ``s`` of ``classes``; slots are dealt to load processes by ``s % processes``.

    With a LoadTestShape ``classes`` is empty and lanes are numbered as they come.
    """

    def __init__(self, journal: Journal, classes: Sequence[str], process: int, processes: int, seed: int) -> None:
        self._journal = journal
        self._seed = seed
        self.slots = range(process, len(classes), processes)
        """The slots of this load process."""
        self.live: dict[int, Lane] = {}
        """Lanes whose user exists, by index."""
        self._spare = count(len(classes))
        self._free: dict[str, deque[int]] = {name: deque() for name in classes}
        for slot in self.slots:
            self._free[classes[slot]].append(slot)

    def sizes(self) -> dict[str, int]:
        """Tell how many lanes of each user class are free: before anything is spawned, all of them."""
        return {name: len(slots) for name, slots in self._free.items()}

    def enter(self, user: Any, greenlet: Any) -> Lane:
        """A user begins on a free lane of its class."""
        user_class = type(user).__name__
        free = self._free.setdefault(user_class, deque())
        index = free.popleft() if free else next(self._spare)
        lane = Lane(index, user_class, Random(f"{self._seed}/lane/{index}"))
        self.live[index] = lane
        setattr(user, ATTRIBUTE, lane)
        setattr(greenlet, ATTRIBUTE, lane)
        setattr(greenlet, lane_random.ATTRIBUTE, lane.rng)
        return lane

    def leave(self, lane: Lane) -> None:
        """The lane's user has ended; whatever it held is closed."""
        self._journal.close(lane)
        del self.live[lane.index]
        self._free[lane.user_class].append(lane.index)


def current_lane() -> Lane | None:
    """The lane whose greenlet is running; None when that is no user's."""
    lane: Lane | None = getattr(getcurrent(), ATTRIBUTE, None)
    return lane
