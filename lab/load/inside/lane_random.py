"""Every lane its own random numbers behind the `random` module, so that lanes do not disturb each other's choices.

Lanes interleave by timing, and timing differs between arms: with one shared generator, what a task draws after its
first request would depend on who else drew meanwhile, and the arms would not do identical work.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from random import Random
from typing import Any

from gevent import getcurrent

ATTRIBUTE = "lab_random"


def install(seed: str, *, by_lane: bool) -> None:
    """Seed the `random` module; ``by_lane``: its functions use the current greenlet's generator.

    Greenlets without one, such as those that a task spawns itself, share a generator seeded with ``seed``. In the
    closed model arms differ in the number of requests already, and 1 % of a load process can be saved.
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
        return getattr(getattr(getcurrent(), ATTRIBUTE, shared), name)(*args, **kwargs)

    draw.__name__ = name
    return draw
