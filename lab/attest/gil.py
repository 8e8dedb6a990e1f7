"""Free-threaded Python: whether a process has it, and what switched its lock (the GIL) on again. Pure, and light."""

import re
from collections.abc import Collection, Iterable

from lab.errors import InvalidRunError
from lab.plan.topology import Topology

INTERPRETER, FREE_THREADED = "interpreter", "free-threaded"
BUILD = re.compile(r"/(?:lib)?python3\.\d+t(?:[./]|$)|\.cpython-3\d+t-")  # program, library, modules (PEP 703)
# CPython prints it once, as a RuntimeWarning, whatever module of a process it was (import.c).
ENABLED = re.compile(r"\(GIL\) has been enabled to load module '([^']+)'")
HINT = "take a version of it that declares free-threading, such as httptools from 0.8.0 on, or leave it out"


def free_threaded(files: Collection[str]) -> bool:
    """Tell by the files that a process has mapped whether its Python is built without the lock."""
    return any(BUILD.search(file) for file in files)


def enabled_by(logs: Iterable[str]) -> str:
    """The extension module that switched the lock on, as the interpreter says in its log; "" for none."""
    return next((found[1] for text in logs if (found := ENABLED.search(text))), "")


def check_gil(topology: Topology, logs: Iterable[str], when: str) -> None:
    """Raise InvalidRunError (exit 3) where several threads serve and the lock is on; ``when``: of the sentence."""
    if topology.threaded and (module := enabled_by(logs)):
        raise InvalidRunError(
            f"{topology.trial_id}: {module} switched Python's global lock on {when}: its threads take turns", HINT
        )
