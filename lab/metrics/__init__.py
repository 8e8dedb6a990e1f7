"""The catalogue: every metric declared once. Tables, charts, expectations and the documentation come from it."""

from collections.abc import Mapping

from lab.metric_types import Better, Group, Metric, Unit
from lab.metrics.capacity import CAPACITIES
from lab.metrics.drills import DRILLS
from lab.metrics.limits import LIMIT_METRICS
from lab.metrics.requests import BALANCE, REQUESTS
from lab.metrics.resources import CPU, MEMORY
from lab.metrics.start import START

__all__ = ["CATALOGUE", "METRICS", "Better", "Group", "Metric", "Unit"]

CATALOGUE: tuple[Metric, ...] = (
    *REQUESTS,
    *CAPACITIES,
    *MEMORY,
    *LIMIT_METRICS,
    *CPU,
    *BALANCE,
    *START,
    *DRILLS,
)
METRICS: Mapping[str, Metric] = {metric.key: metric for metric in CATALOGUE}
