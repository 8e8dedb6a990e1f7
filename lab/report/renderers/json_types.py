"""What comparison.json holds, as types: its JSON Schema is made from them.

Stored units throughout: seconds, bytes, fractions; ratios are contender ÷ baseline.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

COMPARISON_SCHEMA_VERSION: Literal[1] = 1  # 1: first version
STRICT = ConfigDict(extra="forbid", frozen=True)


@dataclass(config=STRICT, kw_only=True)
class IntervalEntry:
    """A confidence interval, ends included."""

    low: float
    high: float
    level: float


@dataclass(config=STRICT, kw_only=True)
class JudgementEntry:
    """One metric over some blocks; ``verdict`` is null where only numbers are given, and ``reason`` says why.

    ``blocks`` are the block numbers that ``reason`` is about. ``bound`` and ``noise_floor`` are fractions.
    """

    verdict: Literal["better", "worse", "equivalent", "inconclusive"] | None
    reason: str
    n: int
    blocks_needed: int
    estimate: float | None
    interval: IntervalEntry | None
    cross_check: IntervalEntry | None
    bound: float | None
    noise_floor: float | None
    difference_detected: bool
    blocks: tuple[int, ...]


@dataclass(config=STRICT, kw_only=True)
class VerdictEntry:
    """A primary metric of one contender; the two others are the same question over other blocks (sensitivity)."""

    metric: str
    arm: str
    baseline: str
    valid_blocks: JudgementEntry
    without_replacements: JudgementEntry
    without_gates: JudgementEntry
    unsteady_trials: tuple[str, ...]
    settles_at_blocks: int | None


@dataclass(config=STRICT, kw_only=True)
class NumbersEntry:
    """A metric that was not declared primary: it explains, it does not decide."""

    metric: str
    arm: str
    baseline: str
    valid_blocks: JudgementEntry


@dataclass(config=STRICT, kw_only=True)
class ExpectationEntry:
    """One expectation; ``difference`` is left − right in ``unit`` (base units)."""

    name: str
    that: str
    outcome: Literal["holds", "violated", "undecided"]
    ground: str
    n: int
    blocks_needed: int
    unit: str
    difference: float | None
    interval: IntervalEntry | None
    blocks: tuple[int, ...]
    too_few_requests: tuple[str, ...]


@dataclass(config=STRICT, kw_only=True)
class FaultEntry:
    """Why a block is invalid."""

    block: int
    arm: str
    trial: str
    gate: str
    sentence: str


@dataclass(config=STRICT, kw_only=True)
class BlocksEntry:
    """Which blocks count. ``incomplete`` maps a block to the arms that it lacks."""

    planned: int
    valid: tuple[int, ...]
    invalid: tuple[int, ...]
    replacements: int
    faults: tuple[FaultEntry, ...]
    incomplete: dict[int, tuple[str, ...]]


@dataclass(config=STRICT, kw_only=True)
class CaveatEntry:
    """A gate that leaves a doubt: in how many of the trials or blocks (``over``), and the worst of them."""

    gate: str
    over: Literal["trials", "blocks"]
    doubtful: int
    checked: int
    worst: str
    sentence: str


@dataclass(config=STRICT, kw_only=True)
class MetricEntry:
    """One metric of one arm: its value in every block, and the median over the valid ones; null is unknown."""

    metric: str
    arm: str
    unit: str
    better: Literal["lower", "higher"]
    median: float | None
    blocks: dict[int, float | None]


@dataclass(config=STRICT, kw_only=True)
class ComparisonDocument:
    """A run and everything that is claimed of it."""

    schema_version: Literal[1]
    run_id: str
    started_at: str
    lab_version: str
    scenario_name: str
    question: str
    cut: str
    left_out: dict[str, str]
    baseline: str
    arms: tuple[str, ...]
    blocks: BlocksEntry
    verdicts: tuple[VerdictEntry, ...]
    expectations: tuple[ExpectationEntry, ...]
    caveats: tuple[CaveatEntry, ...]
    exploratory: tuple[NumbersEntry, ...]
    metrics: tuple[MetricEntry, ...]
    images: dict[str, dict[str, str]]
    environment: dict[str, Any]
