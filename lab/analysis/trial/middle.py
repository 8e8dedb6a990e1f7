"""The capacity of an arm over several blocks, of which some may lie beyond the ladder. Pure."""

from collections.abc import Sequence
from math import inf
from statistics import median

from lab.analysis.trial.ladder import Climb, Edge


def middle_capacity(climbs: Sequence[Climb]) -> float | None:
    """The median over the blocks; None unless most of them have a capacity inside the ladder: one block never decides.

    "That or more" ranks above all, but for a block in which the generator carried less than the median of the others:
    that tells nothing of them. "That or less" ranks below all.
    """
    inside = [one.capacity for one in climbs if one.capacity is not None]
    if 2 * len(inside) <= len(climbs):
        return None
    least = median(inside)
    below = sum(one.edge is Edge.BOTTOM for one in climbs)
    above = sum(one.edge is Edge.TOP and (one.top or 0.0) >= least for one in climbs)
    return median([-inf] * below + inside + [inf] * above)  # never of an end: those are fewer than the others


def range_of(found: Climb) -> tuple[float, float] | None:
    """From where to where the capacity of a block lies: it twice, or with an infinite end beyond the ladder.

    None where no rung says anything.
    """
    if found.capacity is not None:
        return found.capacity, found.capacity
    if found.edge is Edge.TOP and found.top is not None:
        return found.top, inf
    return (-inf, found.rungs[0].rate) if found.edge is Edge.BOTTOM else None
