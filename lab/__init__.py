"""Process-model comparison lab: one container with N workers, or N containers behind nginx? Measured.

In comments METHOD n.m is a section of the documentation's method, and FIELD n one of its traps.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("process-model-lab")


def __getattr__(name: str) -> Any:
    """``load_run``, which needs polars and numpy: loaded where it is asked for, and by no room that imports this."""
    if name == "load_run":
        return import_module("lab.run.frames").load_run
    raise AttributeError(f"module 'lab' has no attribute {name!r}")
