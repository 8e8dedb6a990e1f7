"""The metrics of a search for the smallest memory limit (METHOD 10)."""

from collections.abc import Mapping
from typing import Final

from lab.metric_types import Better, Group, Metric, Unit

MODES: Final = ("pooled", "split")
LIMITS: Final[Mapping[str, str]] = {mode: f"memory.limit.{mode}" for mode in MODES}
_MEANS = {"pooled": "one limit over all containers of the arm", "split": "each container has its part of it"}


def _limit(mode: str) -> Metric:
    return Metric(
        key=LIMITS[mode],
        unit=Unit.BYTES,
        better=Better.LOWER,
        group=Group.MEMORY,
        title=f"smallest memory limit, {mode}",
        noun=f"smallest memory limit ({mode})",
        definition=f"The smallest limit of memory of the whole arm, front included, that held (budget.memory, {mode}: "
        f"{_MEANS[mode]}): in a trial of its own the arm came up, nothing of it ended or was killed for memory, memory "
        "was not short for long, and the objective (limits.slo) was held. Only `lab limits` finds it: missing in other "
        "runs, and where no limit that was tried held.",
        bound=0.10,
    )


LIMIT_METRICS = tuple(map(_limit, MODES))
