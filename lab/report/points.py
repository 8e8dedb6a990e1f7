"""What several figures need: the arms, the blocks' values, numbers of a pixel's precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.analysis.summary import RunSummary


def arm_names(summary: RunSummary) -> list[str]:
    """The arms in the order of the scenario, which is that of every colour scale."""
    return [arm.name for arm in summary.arms]


def block_points(summary: RunSummary, key: str, divisor: float) -> list[dict[str, Any]]:
    """Every block's value of a metric, for a chart: rows {arm, kind, block, value}."""
    return [
        {"arm": arm.name, "kind": "one block", "block": block, "value": value / divisor}
        for arm in summary.arms
        for block, value in summary.metrics[arm.name, key].values.items()
        if value is not None
    ]


def shorten(values: Sequence[float | None]) -> list[float | None]:
    """``short`` of every value."""
    return [None if value is None else short(value) for value in values]


def short(value: float) -> float:
    """Four significant digits: what a pixel can show, and a third of the bytes."""
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() else rounded
