"""One metric over the runs of one scenario, and where the conditions changed on the way. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from lab.analysis.across import Difference, unlike
from lab.record.types import RunInfo

ARMS = "arms"


def changes(runs: Sequence[RunInfo]) -> list[tuple[Difference, ...]]:
    """For each run, in the order given, in what it differs from the one before; of the first, nothing.

    What changed is circumstance (machine, versions, images, files that are read), scenario, or an arm that both have.
    """
    return [(), *(between(before, after) for before, after in pairwise(runs))]


def between(before: RunInfo, after: RunInfo) -> tuple[Difference, ...]:
    """In what two runs of one scenario differ, for all arms that both have."""
    names = tuple(before.arms), tuple(after.arms)
    found = [difference for arm in names[0] if arm in names[1] for difference in unlike(before, after, arm)]
    if names[0] != names[1]:
        found.append(Difference(key=ARMS, first=", ".join(names[0]), second=", ".join(names[1])))
    return tuple(dict.fromkeys(found))
