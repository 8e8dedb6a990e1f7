"""The lanes of one load process: which user is which lane, and its own random numbers behind the `random` module.

Lanes interleave by timing, and timing differs between arms. With one shared generator, what a task draws after its
first request would depend on which others drew meanwhile, and the arms would not do identical work.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any

from gevent import getcurrent

from lab.load.inside.journal import Journal, Lane

ATTRIBUTE = "lab_lane"
"""What holds the lane of a Locust user, and of its greenlet."""
RANDOM_ATTRIBUTE = "lab_random"


class Lanes:
    """Lane ``s`` is slot ``s`` of ``classes``; slots are dealt to load processes by ``s % processes``.

    With a LoadTestShape, or by hand, ``classes`` is empty and lanes are numbered as they come.
    """

    def __init__(self, journal: Journal, classes: Sequence[str], process: int, processes: int, seed: int) -> None:
        self._journal = journal
        self._seed = seed
        self.slots = range(process, len(classes), processes)
        """The slots of this load process."""
        self.live: dict[int, Lane] = {}
        """Lanes whose user exists, by index."""
        self._spare = count(len(classes) + process, processes)
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
        setattr(greenlet, RANDOM_ATTRIBUTE, lane.rng)
        return lane

    def leave(self, lane: Lane) -> None:
        """Close the lane of a user that has ended, with everything that it held."""
        self._journal.close(lane)
        del self.live[lane.index]
        self._free[lane.user_class].append(lane.index)


def spawn_exactly(lanes: Lanes, environment: Any) -> None:
    """Let Locust spawn this process's lanes, all at once."""
    for name, size in lanes.sizes().items():
        environment.user_classes_by_name[name].fixed_count = size
    options = environment.parsed_options
    options.num_users = options.spawn_rate = len(lanes.slots)


def current_lane() -> Lane | None:
    """The lane whose greenlet is running; None when that is no user's."""
    lane: Lane | None = getattr(getcurrent(), ATTRIBUTE, None)
    return lane


def seed_random(seed: str, *, by_lane: bool) -> None:
    """Seed the `random` module; ``by_lane``: its functions use the current greenlet's generator.

    Greenlets without one, such as those that a task spawns itself, share a generator seeded with ``seed``. In the
    closed model arms differ in the number of requests already, and 1% of a load process can be saved.
    """
    random.seed(seed)
    if not by_lane:
        return
    shared = Random(seed)
    for name in random.__all__:
        if isinstance(getattr(getattr(random, name), "__self__", None), Random):
            setattr(random, name, _of_current_lane(name, shared))


def _of_current_lane(name: str, shared: Random) -> Callable[..., Any]:
    def draw(*args: Any, **kwargs: Any) -> Any:
        return getattr(getattr(getcurrent(), RANDOM_ATTRIBUTE, shared), name)(*args, **kwargs)

    draw.__name__ = name
    return draw
