"""The types of comparison.json, from which its JSON Schema is made.

Stored units throughout: seconds, bytes, fractions; ratios are contender ÷ baseline. The aliases are the names that the
analysis has for the same, so that its results are read as they are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasPath, BeforeValidator, Field

from lab.report.renderers.json_judgement import IntervalEntry, JudgementEntry, Strict

# 1: first version; 2: findings apart, valid blocks by family, deciding intervals, failures, outlooks as ranges
COMPARISON_SCHEMA_VERSION: Literal[2] = 2


class OutlookEntry(Strict):
    """The blocks that would settle an open question: from 10% to 90% of the truths that the blocks allow.

    Null: more than a run may have. ``never`` is the share of those truths that lie too near to a bound.
    """

    low: int | None
    high: int | None
    never: float


class FailuresEntry(Strict):
    """Shares of the requests that failed, and the interval of contender − baseline.

    ``decide``: the contender fails so much more that latency, throughput and CPU are worse, whatever their numbers.
    """

    contender: float
    baseline: float
    more: IntervalEntry | None
    decide: bool


class VerdictEntry(Strict):
    """A primary metric of one contender; the two others are the same question over other blocks (sensitivity).

    ``block_s`` is how long a block takes, in seconds: what settling it would cost. ``why`` is the reason of the verdict
    in a few words, where one word hides it. ``with_platform``: the same with the engine's own processes for the
    containers, which no sum of PSS has, where they turn it; else null.
    """

    metric: str
    arm: str
    baseline: str
    valid_blocks: JudgementEntry
    without_replacements: JudgementEntry
    without_gates: JudgementEntry
    with_platform: JudgementEntry | None
    unsteady_trials: tuple[str, ...]
    settles_at_blocks: OutlookEntry | None
    block_s: float | None
    why: str
    failures: FailuresEntry | None


class StandingEntry(Strict):
    """How one judged arm stands in all primaries of which the run is valid; ``asked``: the question is about it."""

    arm: str
    asked: bool
    outcome: Literal["better", "worse", "trade", "equivalent", "small", "open", "numbers", "failing"]
    sentence: str


class ExpectedEntry(Strict):
    """The outcome of all expectations together; ``sentence`` names those that do not hold."""

    outcome: Literal["holds", "violated", "undecided"]
    sentence: str


class NumbersEntry(Strict):
    """A metric that was not declared primary: it explains, it does not decide."""

    metric: str
    arm: str
    baseline: str
    valid_blocks: JudgementEntry


class ExpectationEntry(Strict):
    """One expectation; ``difference``: left − right in ``unit`` (base units), ``spoiled``: for want of valid blocks."""

    name: str
    that: str = Field(validation_alias=AliasPath("result", "expectation", "text"))
    outcome: Literal["holds", "violated", "undecided"] = Field(validation_alias=AliasPath("result", "outcome"))
    ground: str = Field(validation_alias=AliasPath("result", "ground"))
    n: int = Field(validation_alias=AliasPath("result", "n"))
    blocks_needed: int = Field(validation_alias=AliasPath("result", "blocks_needed"))
    unit: str = Field(validation_alias=AliasPath("result", "expectation", "kind"))
    difference: Annotated[float | None, BeforeValidator(lambda found: found and found.estimate)] = Field(
        validation_alias=AliasPath("result", "difference")
    )
    interval: IntervalEntry | None = Field(validation_alias=AliasPath("result", "difference"))
    blocks: tuple[int, ...] = Field(validation_alias=AliasPath("result", "blocks"))
    too_few_requests: tuple[Annotated[str, BeforeValidator("{0[0]}({0[1]})".format)], ...]
    spoiled: bool


class FaultEntry(Strict):
    """A reason why a block is invalid for the families of metrics that it ``spoils``."""

    block: int
    arm: str
    trial: str
    gate: str
    spoils: tuple[str, ...]
    sentence: str


class BlocksEntry(Strict):
    """The blocks that count: ``valid`` for all primaries, ``valid_for`` each family of metrics.

    ``incomplete`` maps a block to the arms that it lacks.
    """

    planned: int
    valid: tuple[int, ...]
    valid_for: dict[str, tuple[int, ...]]
    invalid: tuple[int, ...]
    replacements: int
    faults: tuple[FaultEntry, ...]
    incomplete: dict[int, tuple[str, ...]]


class CaveatEntry(Strict):
    """A gate that leaves a caveat: in how many of the trials or blocks (``over``), and the worst of them."""

    gate: str
    over: Literal["trials", "blocks"]
    doubtful: int
    checked: int
    worst: str
    sentence: str


class FindingEntry(Strict):
    """What an arm did in ``found`` of ``checked`` trials, and the worst of them; ``value`` null: could not be told."""

    finding: str
    arm: str
    found: int
    checked: int
    worst: str
    value: float | None
    limit: float
    sentence: str


class MetricEntry(Strict):
    """One metric of one arm: its value in every block, and the median over the valid ones; null is unknown.

    In the blocks of ``failed`` it is null because it lies among requests that failed, which rank last; in those of
    ``least`` because it is that or more, and in those of ``most`` because it is that or less, beyond a ladder.
    """

    metric: str
    arm: str
    unit: str
    better: Literal["lower", "higher"]
    median: float | None
    blocks: dict[int, float | None]
    failed: tuple[int, ...]
    least: dict[int, float]
    most: dict[int, float]


class ComparisonDocument(Strict):
    """A run and everything that is claimed of it, or one point of it.

    ``fallen``: the arms that could not run there, with the reason; they are in nothing else. ``expected``: what the
    expectations came to, where no arm is judged, or one is violated; they all stand in ``expectations``. ``same_front``
    has judged arms against the control, there as ``baseline``, that has the baseline behind their front.
    """

    schema_version: Literal[2]
    run_id: str
    started_at: str
    lab_version: str
    scenario_name: str
    question: str
    cut: str
    left_out: dict[str, str]
    fallen: dict[str, str]
    baseline: str
    arms: tuple[str, ...]
    judged: tuple[str, ...]
    looks: tuple[int, ...]
    blocks: BlocksEntry
    answer: tuple[StandingEntry, ...]
    expected: ExpectedEntry | None
    verdicts: tuple[VerdictEntry, ...]
    expectations: tuple[ExpectationEntry, ...]
    caveats: tuple[CaveatEntry, ...]
    findings: tuple[FindingEntry, ...]
    exploratory: tuple[NumbersEntry, ...]
    same_front: tuple[NumbersEntry, ...]
    metrics: tuple[MetricEntry, ...]
    images: dict[str, dict[str, str]]
    environment: dict[str, Any]
