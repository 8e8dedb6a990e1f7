"""A container at its memory limit in which nobody is killed: it answers nothing and reads its own pages again for ever.

The kernel finds something to drop each time, pages of the program among it, which the processes need at once again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lab.agent.calls import There
from lab.errors import SamplingError
from lab.sampling.cgroups import locate, read_major_faults, read_memory, read_refaults
from lab.units import format_bytes, format_count

LOOK_S = 3.0  # between two looks: what memory.stat of a cgroup with others below it tells may be 2 s old
# So often within it the processes waited for a page of a file that is mapped, and so many pages of files were read that
# had been dropped. Whoever only reads a large file meets the limit as often, for the kernel keeps all that fits, but
# waits for hardly any; whoever reads its libraries for the first time waits, but for none that it had.
MANY_FAULTS = MANY_REFAULTS = 50
# Of the limit, is at it: Linux 6.18 counts nobody who meets that of memory with swap (version 1), which Docker sets.
FULL = 0.95


class Counters(NamedTuple):
    """A cgroup's memory and cumulative counters at one instant; None where the kernel does not tell."""

    usage_bytes: int | None = None
    limit_hits: int | None = None
    major_faults: int | None = None
    refaults: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """A cgroup with a memory limit: ``who`` in a sentence, a container in it by its first process, where that is seen.

    ``pooled``: the limit is that of the cgroup above the container's.
    """

    who: str
    first: int
    container_id: str
    pooled: bool
    limit_bytes: int
    there: There

    def look(self) -> Counters:
        """Look at it now."""
        return self.there(memory_now, self.first, self.container_id, self.pooled)


def memory_now(first: int, container_id: str, pooled: bool, root: Path = Path("/")) -> Counters:
    """Look at the memory of a container, or of the cgroup above it; nothing is told of one that has ended."""
    try:
        cgroup = locate(first, container_id, root)
    except SamplingError:
        return Counters()
    limited = cgroup.parent() if pooled else cgroup
    memory = read_memory(limited)
    return Counters(memory.usage_bytes, memory.limit_hits, read_major_faults(limited), read_refaults(limited))


def thrashing(limited: Sequence[Limited], sleep: Callable[[float], None] = time.sleep) -> str:
    """The text of Sign.MEMORY: who is at the limit, and waited for pages between two looks; "" for nobody.

    Where nobody ever was at the limit, nobody waits for the second look.
    """
    before = [(one, look) for one in limited if (look := one.look()).limit_hits or _full(one, look)]
    if not before:
        return ""
    sleep(LOOK_S)
    return next(filter(None, (_told(one, look, one.look()) for one, look in before)), "")


def _told(limited: Limited, before: Counters, now: Counters) -> str:
    hits, faults = _grown(before.limit_hits, now.limit_hits), _grown(before.major_faults, now.major_faults)
    at_limit = hits or (_full(limited, before) and _full(limited, now))
    again = now.refaults is None or _grown(before.refaults, now.refaults) >= MANY_REFAULTS
    if not (at_limit and again) or faults < MANY_FAULTS:
        return ""
    met = (
        f"it met that {format_count(hits)} times more, after {format_count(before.limit_hits or 0)}, and "
        if hits
        else ""
    )
    return (
        f"{limited.who} is at its memory limit, {format_bytes(now.usage_bytes or 0)} of "
        f"{format_bytes(limited.limit_bytes)}: in {LOOK_S:.0f} s {met}its processes waited "
        f"{format_count(faults)} times for a page to be read"
    )


def _full(limited: Limited, look: Counters) -> bool:
    return look.usage_bytes is not None and look.usage_bytes >= FULL * limited.limit_bytes


def _grown(before: int | None, now: int | None) -> int:
    """By how much; 0 where it is not told, or of another cgroup by now, as after a restart."""
    return 0 if before is None or now is None else max(0, now - before)
