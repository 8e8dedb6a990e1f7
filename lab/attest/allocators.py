"""The allocator of a process, by the files that it has mapped (METHOD 12). Light: agents import it."""

import re
from collections.abc import Collection, Iterable

ALLOCATOR = "allocator"  # its key among what serves an arm: arms may differ in it, for that is what some compare
REPLACEMENTS = ("jemalloc", "tcmalloc", "mimalloc")  # libraries that replace malloc wherever they are mapped
PRELOAD = "LD_PRELOAD"


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
