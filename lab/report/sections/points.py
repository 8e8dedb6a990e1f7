"""What several figures need: the arms, and the blocks' values as marks."""

from __future__ import annotations

from lab.analysis.summary import RunSummary
from lab.metrics import METRICS
from lab.report.charts.bars import Mark
from lab.report.sections.cells import quantity


def arm_names(summary: RunSummary) -> list[str]:
    """The arms in the order of the scenario, which is that of their colours."""
    return [arm.name for arm in summary.arms]


def block_marks(summary: RunSummary, arm: str, key: str, divisor: float) -> list[Mark]:
    """Every block's value of a metric as a mark of the first kind."""
    unit = METRICS[key].unit
    return [
        Mark(kind=0, value=value / divisor, text=f"{arm}, block {block}: {quantity(unit, value)}")
        for block, value in summary.metrics[arm, key].values.items()
        if value is not None
    ]
