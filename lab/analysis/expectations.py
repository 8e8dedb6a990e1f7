"""The user's own conditions on metrics of arms, judged on every block at the end."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from lab.analysis.judge.intervals import AnalysisError, Interval, blocks_needed, wilcoxon_interval
from lab.metric_types import Reading
from lab.scenario.expectation_tree import Expectation, Node, evaluate

LEVEL = 0.95  # each expectation is a question of its own: the level is not shared among them
ROUNDING = 1e-12  # sides closer than this, relatively, are equal: the noise of arithmetic decides nothing

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Outcome(StrEnum):
    """The answer of the data to an expectation."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


class Ground(StrEnum):
    """The ground on which an outcome rests."""

    INTERVAL = "interval on one side"
    STRADDLES = "interval on both sides"
    EVERY_BLOCK = "every block"
    SOME_BLOCKS = "some blocks violate it"
    TOO_FEW = "too few blocks"
    FAILED = "requests failed"  # a value lies among failed ones, or none succeeded: it is as bad as can be
    MISSING = "missing value"
    CUT = "cut"  # fewer blocks than were planned, which may hold or violate it yet
    INVALID = "too many invalid blocks"  # more than may be replaced: what is left is too small a part to hold
    UNDEFINED = "no finite value"  # a division by zero, or an overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """The result of one expectation.

    ``difference`` is the Wilcoxon interval of the per-block differences left − right in the unit of ``kind``, None for
    exact ones and where it could not be had; ``sides`` are the medians of both, where there is one. ``blocks`` are
    the numbers, from 1, of the blocks that ``ground`` is about. ``n`` blocks were judged, ``blocks_needed`` are the
    least for an interval (1 for exact ones).
    """

    expectation: Expectation
    outcome: Outcome
    ground: Ground
    n: int
    blocks_needed: int
    difference: Interval | None = None
    sides: tuple[float, float] | None = None
    blocks: tuple[int, ...] = ()


def blocks_to_settle(expectation: Expectation, level: float = LEVEL) -> int:
    """The least number of valid blocks that an expectation takes: one where it is exact, else as an interval does."""
    return 1 if expectation.exact else blocks_needed(level)


def judge_expectation(
    expectation: Expectation, values: Mapping[Reading, Sequence[float | None]], level: float = LEVEL
) -> ExpectationResult:
    """Judge on the interval of the per-block differences left − right; exact conditions on every block.

    ``values`` holds one value a block, in the same order, for everything in ``expectation.needs``; None where a block
    has none, infinite where requests failed: no service that fails meets an expectation. Raises AnalysisError where a
    series is absent or the series differ in length.
    """
    blocks = _blocks(expectation, values)
    result = ExpectationResult(
        expectation=expectation,
        outcome=Outcome.UNDECIDED,
        ground=Ground.TOO_FEW,
        n=len(blocks),
        blocks_needed=blocks_to_settle(expectation, level),
    )
    if failed := tuple(number for number, block in enumerate(blocks, 1) if block and math.inf in block.values()):
        return replace(result, outcome=Outcome.VIOLATED, ground=Ground.FAILED, blocks=failed)
    differences = [None if block is None else _difference(expectation, block) for block in blocks]
    unmet = _numbers(differences, lambda d: d is not None and math.isfinite(d) and not _met(expectation, d))
    if expectation.exact and unmet:
        return replace(result, outcome=Outcome.VIOLATED, ground=Ground.SOME_BLOCKS, blocks=unmet)
    if missing := _numbers(differences, lambda d: d is None):
        return replace(result, ground=Ground.MISSING, blocks=missing)
    finite = [d for d in differences if d is not None and math.isfinite(d)]
    if len(finite) < len(differences):
        undefined = _numbers(differences, lambda d: d is not None and not math.isfinite(d))
        return replace(result, ground=Ground.UNDEFINED, blocks=undefined)
    if len(finite) < result.blocks_needed:
        return result
    if expectation.exact:
        return replace(result, outcome=Outcome.HOLDS, ground=Ground.EVERY_BLOCK)
    left, right = (median(evaluate(side, block) for block in blocks if block) for side in _sides(expectation))
    return replace(_on_interval(result, wilcoxon_interval(finite, level)), sides=(left, right))


def _sides(expectation: Expectation) -> tuple[Node, Node]:
    return expectation.left, expectation.right


def _on_interval(result: ExpectationResult, interval: Interval) -> ExpectationResult:
    ends = {_met(result.expectation, interval.low), _met(result.expectation, interval.high)}
    if len(ends) == 2:
        return replace(result, ground=Ground.STRADDLES, difference=interval)
    outcome = Outcome.HOLDS if ends == {True} else Outcome.VIOLATED
    return replace(result, outcome=outcome, ground=Ground.INTERVAL, difference=interval)


def _blocks(
    expectation: Expectation, values: Mapping[Reading, Sequence[float | None]]
) -> list[dict[Reading, float] | None]:
    """The values of each block by reading; None for a block that lacks one."""
    absent = [f"{metric}({arm})" for metric, arm in expectation.needs if (metric, arm) not in values]
    if absent:
        raise AnalysisError(f"expectation {expectation.text!r}: no values of {', '.join(absent)}")
    series = {reading: values[reading] for reading in expectation.needs}
    if len({len(column) for column in series.values()}) > 1:
        raise AnalysisError(f"expectation {expectation.text!r}: its metrics have different numbers of blocks")
    rows = zip(*series.values(), strict=True)
    blocks = ({reading: value for reading, value in zip(series, row, strict=True) if value is not None} for row in rows)
    return [block if len(block) == len(series) else None for block in blocks]


def _difference(expectation: Expectation, block: Mapping[Reading, float]) -> float:
    left, right = evaluate(expectation.left, block), evaluate(expectation.right, block)
    return 0.0 if math.isclose(left, right, rel_tol=ROUNDING) else left - right


def _met(expectation: Expectation, difference: float) -> bool:
    return _COMPARE[expectation.comparison](difference, 0.0)


def _numbers(differences: Sequence[float | None], selects: Callable[[float | None], bool]) -> tuple[int, ...]:
    return tuple(number for number, difference in enumerate(differences, 1) if selects(difference))
