"""What serves an arm, by the files that its processes have mapped and by what they said: event loop, HTTP, allocator,
and whether Python is free-threaded, with its global lock (the GIL) off (METHOD 12). Light: agents import it.
"""

import re
from collections.abc import Collection, Iterable

from lab.errors import InvalidRunError
from lab.plan.topology import Topology

RUNTIME_MODULES = {  # extension modules, else the one of pure Python
    "loop": (("uvloop", "zuvloop"), "asyncio"),
    "http": (("httptools", "zttp"), "h11"),
}
ALLOCATOR = "allocator"  # its key among what serves an arm: arms may differ in it, for that is what some compare
REPLACEMENTS = ("jemalloc", "tcmalloc", "mimalloc")  # libraries that replace malloc wherever they are mapped
PRELOAD = "LD_PRELOAD"
INTERPRETER, FREE_THREADED = "interpreter", "free-threaded"
BUILD = re.compile(r"/(?:lib)?python3\.\d+t(?:[./]|$)|\.cpython-3\d+t-")  # program, library, modules (PEP 703)
# CPython prints it once, as a RuntimeWarning, whatever module of a process it was (import.c).
ENABLED = re.compile(r"\(GIL\) has been enabled to load module '([^']+)'")
HINT = "take a version of it that declares free-threading, such as httptools from 0.8.0 on, or leave it out"


def runtime(workers: Iterable[Collection[str]]) -> dict[str, str]:
    """Event loop, HTTP implementation and allocator, by which modules and libraries the serving processes have mapped.

    ``workers``: the files that each of them has mapped. Works for any image; "asyncio" and "h11" mean that no faster
    implementation is mapped, "glibc" and "musl" that malloc is the C library's. Differing workers of one arm show as
    "uvloop/asyncio".
    """
    seen: dict[str, set[str]] = {}
    for files in workers:
        for key, (extensions, pure) in RUNTIME_MODULES.items():
            mapped = [name for name in extensions if any(f"/{name}/" in file for file in files)]
            seen.setdefault(key, set()).update(mapped or [pure])
        seen.setdefault(ALLOCATOR, set()).add(allocator(files))
        if free_threaded(files):
            seen.setdefault(INTERPRETER, set()).add(FREE_THREADED)
    return {key: "/".join(sorted(values)) for key, values in seen.items()}


def replacement(files: Iterable[str]) -> str:
    """``"jemalloc"``: which library of these paths replaces malloc, ``"jemalloc+mimalloc"`` of two; "" for none."""
    names = [file.rpartition("/")[2] for file in files]
    return "+".join(name for name in REPLACEMENTS if any(file.startswith(f"lib{name}") for file in names))


def allocator(files: Collection[str]) -> str:
    """``"glibc"`` or ``"musl"`` where malloc is the C library's, else what replaces it. ``files``: mapped ones."""
    musl = any(file.rpartition("/")[2].startswith(("ld-musl-", "libc.musl-")) for file in files)
    return replacement(files) or ("musl" if musl else "glibc")


def preloaded(environment: Iterable[tuple[str, str]]) -> str:
    """The allocator that these variables ask for by LD_PRELOAD; "" for none."""
    return replacement(re.split(r"[\s:]+", dict(environment).get(PRELOAD, "")))


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
