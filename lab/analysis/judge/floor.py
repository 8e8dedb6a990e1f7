"""The noise floor of a machine: what an arm against itself says about every later comparison (METHOD 7, A/A)."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lab.analysis.judge.decide import DECIMALS
from lab.analysis.judge.intervals import (
    AnalysisError,
    Floats,
    attained_level,
    blocks_needed,
    critical_depth,
    ratio,
    wilcoxon_interval,
)
from lab.analysis.judge.power import noise_floor, smallest_detectable

FLOOR_SCHEMA_VERSION = 1  # 1: first version
LEVEL = 0.95
SUSPICIOUS = 0.05  # a chance below it that so many metrics come out different where nothing differs


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFloor:
    """One metric of an A/A run.

    ``floor``: the largest difference, as a fraction, that the interval does not rule out between an arm and itself.
    ``sd_log``: standard deviation of the per-block log ratios; ``ratio``: Hodges–Lehmann estimate. ``different``: the
    interval excludes 1, which chance alone does to one metric in twenty or fewer.
    """

    metric: str
    blocks: int
    ratio: float
    sd_log: float
    floor: float
    different: bool

    def detectable(self, blocks: int) -> float | None:
        """The smallest true difference, as a fraction, that ``blocks`` blocks tell from none with a chance of 80%.

        None where so few blocks cannot reach ``LEVEL``.
        """
        if blocks < blocks_needed(LEVEL):
            return None
        return smallest_detectable(self.sd_log, blocks, LEVEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """The floors of one machine with one set of versions; plain JSON through ``to_json`` and ``from_json``.

    ``skipped`` gives the reason for each metric without a floor. ``chance``: how often as many metrics come out
    different when nothing differs, given how these metrics move together; None in a floor of an older version.
    """

    machine_id: str
    versions: Mapping[str, str]
    level: float
    metrics: tuple[MetricFloor, ...]
    skipped: Mapping[str, str]
    chance: float | None = None
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
    def expected_different(self) -> float:
        """How many metrics chance alone makes different: the true error of the exact interval, which is below 5%."""
        return sum(1 - attained_level(metric.blocks, self.level) for metric in self.metrics)

    @property
    def suspicious(self) -> bool:
        """True when more metrics came out different than chance explains, their correlation included."""
        return self.chance is not None and self.chance <= SUSPICIOUS

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
    blocks: Mapping[str, Sequence[int]] | None = None,
) -> NoiseFloor:
    """Floors from an A/A run: ``log_ratios`` holds ln(one half ÷ other half) of every block for each metric.

    ``blocks`` are the numbers of its blocks, the same for all metrics by default. A metric with a missing or infinite
    ratio, or with fewer blocks than ``LEVEL`` needs, is skipped with its reason.
    """
    skipped = {metric: why for metric, values in log_ratios.items() if (why := _unusable(values, LEVEL))}
    usable = {
        metric: [value for value in values if value is not None]
        for metric, values in log_ratios.items()
        if metric not in skipped
    }
    return NoiseFloor(
        machine_id=machine_id,
        versions=dict(versions),
        level=LEVEL,
        metrics=tuple(_metric_floor(metric, values, LEVEL) for metric, values in usable.items()),
        skipped=skipped,
        chance=chance_of_as_many(
            [((blocks or {}).get(metric) or range(len(values)), values) for metric, values in usable.items()], LEVEL
        )
        if usable
        else None,
    )


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


MAX_EXACT_BLOCKS = 12  # up to here every exchange is tried, beyond it EXCHANGES drawn ones
EXCHANGES = 4096
SEED = 20261128


def chance_of_as_many(metrics: Sequence[tuple[Sequence[int], Sequence[float]]], level: float) -> float:
    """The share of all exchanges after which as many metrics differ as did, or more.

    How many of several correlated metrics come out different by chance: an exact test by exchanging halves. Where an
    arm is compared with itself, the names of its halves mean nothing: in each block they may be exchanged, for all
    metrics at once, which keeps how these move together. Source: Fisher (1935), The Design of Experiments, section 21.

    A metric is given by the numbers of its blocks and their log ratios, and differs when its signed-rank test at
    1 − ``level`` rejects. Each needs as many blocks as ``level`` takes.
    """
    places = {block: place for place, block in enumerate(sorted({block for own, _ in metrics for block in own}))}
    signs = _exchanges(len(places))
    different = np.zeros(len(signs))
    for blocks, log_ratios in metrics:
        values = np.array(log_ratios, dtype=np.float64)
        ranks = _ranks(np.abs(values))
        own = signs[:, [places[block] for block in blocks]]
        smaller_side = (np.sum(ranks) - np.abs(own @ (np.sign(values) * ranks))) / 2  # a zero counts half either way
        different += smaller_side < critical_depth(len(values), level)
    return float(np.mean(different >= different[0]))


def _ranks(sizes: Floats) -> Floats:
    """1 for the smallest; ties share their mean rank."""
    below, alike = sizes[None, :] < sizes[:, None], sizes[None, :] == sizes[:, None]
    return np.asarray(np.sum(below, axis=1) + (np.sum(alike, axis=1) + 1) / 2, dtype=np.float64)


def _exchanges(n: int) -> Floats:
    """Signs of shape (exchanges, blocks), the first exchanges nothing; nor would it to exchange every block."""
    if n <= MAX_EXACT_BLOCKS:
        bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n) & 1
    else:
        bits = np.random.default_rng(SEED).integers(0, 2, (EXCHANGES, n))
        bits[0] = 0
    return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)
