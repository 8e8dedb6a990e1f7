"""Keeps a load process to the cores that the scenario gives it."""

import os
from collections.abc import Callable
from typing import NoReturn

from lab.errors import LoadError
from lab.units import cores_text


def keep_to(cores: tuple[int, ...], refuse: Callable[[LoadError], NoReturn]) -> None:
    """Run on these cores only, and on all that there are for none."""
    allowed = os.sched_getaffinity(0)
    if lacking := sorted({*cores} - allowed):
        refuse(
            LoadError(
                f"load.cores: the load processes may not run on {cores_text(lacking)}, only on {cores_text(allowed)}",
                "name cores that the machine has, and that the lab itself was given",
            )
        )
    if cores:
        os.sched_setaffinity(0, cores)
