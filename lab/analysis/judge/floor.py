"""The noise floor of a machine: what an arm against itself says about every later comparison (METHOD 7, A/A)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lab.analysis.judge.intervals import AnalysisError, blocks_needed, ratio, wilcoxon_interval
from lab.analysis.judge.power import noise_floor, smallest_detectable
from lab.analysis.judge.verdict import DECIMALS

FLOOR_SCHEMA_VERSION = 1  # 1: first version
EXPECTED_DIFFERENT = 0.05  # of the metrics, at the 95 % level, when nothing differs
LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFloor:
    """One metric of an A/A run.

    ``floor``: the largest difference, as a fraction, that the interval does not rule out between an arm and itself.
    ``sd_log``: standard deviation of the per-block log ratios; ``ratio``: Hodges–Lehmann estimate. ``different``: the
    interval excludes 1, which chance alone does to 5 % of the metrics.
    """

    metric: str
    blocks: int
    ratio: float
    sd_log: float
    floor: float
    different: bool

    def detectable(self, blocks: int, level: float = LEVEL) -> float | None:
        """The smallest true difference, as a fraction, that ``blocks`` blocks tell from none with a chance of 80 %.

        None where so few blocks cannot reach ``level``.
        """
        if blocks < blocks_needed(level):
            return None
        return smallest_detectable(self.sd_log, blocks, level)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """The floors of one machine with one set of versions; plain JSON through ``to_json`` and ``from_json``.

    ``skipped`` gives the reason for each metric without a floor.
    """

    machine_id: str
    versions: Mapping[str, str]
    level: float
    metrics: tuple[MetricFloor, ...]
    skipped: Mapping[str, str]
    schema_version: int = FLOOR_SCHEMA_VERSION

    @property
    def key(self) -> str:
        """Under which name this floor is kept; see ``floor_key``."""
        return floor_key(self.machine_id, self.versions)

    @property
    def different(self) -> tuple[str, ...]:
        """Metrics whose interval excludes 1 although nothing differs."""
        return tuple(metric.metric for metric in self.metrics if metric.different)

    @property
    def suspicious(self) -> bool:
        """True when more metrics came out different than expected, rounded up: at least 2 of up to 20."""
        return len(self.different) > math.ceil(EXPECTED_DIFFERENT * len(self.metrics))

    def of(self, metric: str) -> float | None:
        """The floor of one metric as a fraction; None when it has none."""
        return next((found.floor for found in self.metrics if found.metric == metric), None)


def floor_key(machine_id: str, versions: Mapping[str, str]) -> str:
    """16 hexadecimal digits that name a machine with its versions: what changes either needs a new selfcheck."""
    canonical = json.dumps([machine_id, sorted(versions.items())], separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def noise_floors(
    log_ratios: Mapping[str, Sequence[float | None]],
    *,
    machine_id: str,
    versions: Mapping[str, str],
    level: float = LEVEL,
) -> NoiseFloor:
    """Floors from an A/A run: ``log_ratios`` holds ln(one half ÷ other half) of every block for each metric.

    A metric with a missing or infinite ratio, or with fewer blocks than ``level`` needs, is skipped with its reason.
    """
    skipped = {metric: why for metric, values in log_ratios.items() if (why := _unusable(values, level))}
    metrics = tuple(
        _metric_floor(metric, [value for value in values if value is not None], level)
        for metric, values in log_ratios.items()
        if metric not in skipped
    )
    return NoiseFloor(machine_id=machine_id, versions=dict(versions), level=level, metrics=metrics, skipped=skipped)


def to_json(floor: NoiseFloor) -> dict[str, Any]:
    """Plain values for ``json.dumps``."""
    return asdict(floor)


def from_json(document: Mapping[str, Any]) -> NoiseFloor:
    """The floor that ``to_json`` gave. Raises AnalysisError for another schema version or a damaged document."""
    if document.get("schema_version") != FLOOR_SCHEMA_VERSION:
        raise AnalysisError(
            f"the noise floor has schema version {document.get('schema_version')!r}, expected {FLOOR_SCHEMA_VERSION}",
            hint="run `lab selfcheck` again on this machine",
        )
    try:
        metrics = tuple(MetricFloor(**metric) for metric in document["metrics"])
        return NoiseFloor(**{**document, "metrics": metrics})
    except (KeyError, TypeError) as error:
        raise AnalysisError(
            f"the noise floor is damaged: {error}", hint="run `lab selfcheck` again on this machine"
        ) from error


def _metric_floor(metric: str, values: Sequence[float], level: float) -> MetricFloor:
    interval = wilcoxon_interval(values, level)
    return MetricFloor(
        metric=metric,
        blocks=len(values),
        ratio=ratio(interval.estimate),
        sd_log=float(np.std(values, ddof=1)),
        floor=noise_floor(values, level),
        different=round(interval.low, DECIMALS) > 0 or round(interval.high, DECIMALS) < 0,
    )


def _unusable(values: Sequence[float | None], level: float) -> str:
    missing = sum(value is None or not math.isfinite(value) for value in values)
    if missing:
        return f"{missing} of {len(values)} blocks have no ratio"
    needed = blocks_needed(level)
    return f"{len(values)} blocks, a floor needs {needed}" if len(values) < needed else ""
