"""What became of the expectations, as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lab.analysis.conditions import Condition
from lab.analysis.expectations import ExpectationResult, Ground
from lab.report.first_screen import Answer
from lab.report.parts.answers import answer, named_blocks
from lab.scenario.expectation_tree import Kind, readings
from lab.units import count_of, format_bytes, format_count, format_factor, format_rate, format_ratio, format_seconds

FORMATS: Mapping[Kind, Callable[[float], str]] = {
    Kind.TIME: format_seconds,
    Kind.BYTES: format_bytes,
    Kind.RATE: format_rate,
    Kind.COUNT: format_count,
    Kind.FRACTION: format_ratio,
    Kind.NUMBER: format_factor,
}


def condition_answer(condition: Condition) -> Answer:
    """What became of one expectation, and on what ground; its word is the outcome."""
    result = condition.result
    name = f"{condition.name}: " if condition.name else ""
    told = answer(f"{name}expected {result.expectation.text} – {_ground(condition)}.", result.outcome.value)
    return replace(told, case=condition.name or result.expectation.text)


def _ground(condition: Condition) -> str:
    result = condition.result
    if condition.too_few_requests:
        thin = ", ".join(f"{metric}({arm})" for metric, arm in condition.too_few_requests)
        return f"some trials have too few requests to settle {thin}"
    grounds: Mapping[Ground, str] = {
        Ground.EVERY_BLOCK: f"met in every one of {count_of(result.n, 'block')}",
        Ground.SOME_BLOCKS: f"not met in {named_blocks(result.blocks)}",
        Ground.TOO_FEW: f"{count_of(result.n, 'block')} cannot settle it, it takes {result.blocks_needed}"
        if result.n
        else f"no block is valid for it, it takes {result.blocks_needed}",
        Ground.FAILED: f"requests failed, and a value among them, in {named_blocks(result.blocks)}",
        Ground.MISSING: f"a value is missing in {named_blocks(result.blocks)}",
        Ground.CUT: f"{count_of(result.n, 'block')} are fewer than were planned",
        Ground.UNDEFINED: f"there is no finite value in {named_blocks(result.blocks)}",
    }
    return grounds.get(result.ground) or _difference(result)


def _difference(result: ExpectationResult) -> str:
    """What was measured, and the limit that it has; of two sides that were measured how far they are apart.

    The medians are of the blocks' values, as in the tables. What is judged is estimated from pairs of blocks, and need
    not be their difference.
    """
    asked, found = result.expectation, result.difference
    if found is None or result.sides is None:
        return result.ground.value
    show, across = FORMATS[asked.kind], result.ground is Ground.STRADDLES
    (left, right), (left_value, right_value) = map(str.strip, asked.text.split(asked.comparison)), result.sides

    def between(low: float, high: float) -> str:
        return f"({found.level * 100:.4g}% CI {show(low)} to {show(high)}, {count_of(result.n, 'block')})"

    if any(readings(asked.left)) and any(readings(asked.right)):
        told = f"{left} is {show(left_value)}, {right} {show(right_value)} (medians); "
        told += f"paired within blocks the difference is {show(found.estimate)}"
        return f"{told} {between(found.low, found.high)}{', with zero inside' if across else ''}"
    if any(readings(asked.left)):
        limit, judged = right_value, show(right_value + found.estimate)
        told = f"{left} is {show(left_value)} (median), judged as {judged}"
        told += f" {between(limit + found.low, limit + found.high)}"
    else:
        limit, judged = left_value, show(left_value - found.estimate)
        told = f"{right} is {show(right_value)} (median), judged as {judged}"
        told += f" {between(limit - found.high, limit - found.low)}"
    return f"{told}, the limit {show(limit)}{', inside that interval' if across else ''}"
