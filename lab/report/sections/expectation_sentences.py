"""What became of the expectations, as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from lab.analysis.conditions import Condition, for_want_of_blocks
from lab.analysis.expectations import ExpectationResult, Ground, Outcome
from lab.metric_types import Group
from lab.metrics import METRICS
from lab.report.first_screen import Answer
from lab.report.parts.answers import answer, named_blocks
from lab.scenario.expectation_tree import Kind, readings
from lab.units import count_of, format_bytes, format_count, format_factor, format_rate, format_ratio, format_seconds

SPOILED = "invalid blocks"  # why one is undecided that the machine did not let be settled
WANTING = " for want of valid blocks"  # the same behind the word
MOST_NAMED = 3  # in the answer; the sentences below it have all of them
FORMATS: Mapping[Kind, Callable[[float], str]] = {
    Kind.TIME: format_seconds,
    Kind.BYTES: format_bytes,
    Kind.RATE: format_rate,
    Kind.COUNT: format_count,
    Kind.FRACTION: format_ratio,
    Kind.NUMBER: format_factor,
}


def expected_answer(conditions: Sequence[Condition]) -> Answer | None:
    """What all expectations came to in one sentence, which names those that do not hold; None where there are none.

    Its word is the outcome of all: violated before undecided, and they hold only together.
    """
    if not conditions:
        return None
    by_outcome = {outcome: [one for one in conditions if one.result.outcome is outcome] for outcome in Outcome}
    word = next(outcome for outcome in (Outcome.VIOLATED, Outcome.UNDECIDED, Outcome.HOLDS) if by_outcome[outcome])
    found, several = by_outcome[word], len(conditions)
    holds = word is Outcome.HOLDS
    why = WANTING if word is Outcome.UNDECIDED and for_want_of_blocks(found) else ""
    verb = ("holds" if several == 1 else "hold") if holds else f"{_verb(found)} {word.value}{why}"
    head = f"{_whose(len(found), several)} {verb}"
    named = found if several == 1 or not holds else []
    hidden = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    told = f": {'; '.join(map(_in_brief, named[:MOST_NAMED]))}{hidden}" if named else ""
    rest = by_outcome[Outcome.UNDECIDED] if word is Outcome.VIOLATED else []
    also = f"; {len(rest)} {_verb(rest)} undecided" if rest else ""
    return Answer(sentence=f"{head}{told}{also}.", word=word.value, why=head)


def _whose(found: int, several: int) -> str:
    """``"1 of 3 expectations"``, ``"All 3 expectations"``."""
    if found < several:
        return f"{found} of {several} expectations"
    return {1: "The expectation", 2: "Both expectations"}.get(several, f"All {several} expectations")


def _verb(found: Sequence[Condition]) -> str:
    return "is" if len(found) == 1 else "are"


def _in_brief(condition: Condition) -> str:
    """``"p99(app) <= 50ms (71.0 ms)"``: what was expected, and what is judged or why nobody can tell.

    Of two sides that were measured that is how far the left one lies from the right one within each block.
    """
    result, asked = condition.result, condition.result.expectation
    if result.sides is None or result.difference is None or result.ground in (Ground.CUT, Ground.INVALID):
        return f"{asked.text} ({_causes(condition)})"
    show, measured = FORMATS[asked.kind], (any(readings(asked.left)), any(readings(asked.right)))
    across = ", too near to tell" if result.ground is Ground.STRADDLES else ""
    apart = result.difference.estimate
    if all(measured):
        return f"{asked.text} (paired difference {'−' if apart < 0 else '+'}{show(abs(apart))}{across})"
    values = [show(value) for value, known in zip(_judged(result.sides, apart), measured, strict=True) if known]
    return f"{asked.text} ({''.join(values)}{across})"


def _judged(sides: tuple[float, float], estimate: float) -> tuple[float, float]:
    """Each side as far from the other, of which it is judged, as the blocks say: medians may lie elsewhere."""
    left, right = sides
    return right + estimate, left - estimate


def condition_answer(condition: Condition) -> Answer:
    """What became of one expectation, and on what ground; its word is the outcome."""
    result = condition.result
    name = f"{condition.name}: " if condition.name else ""
    why = SPOILED if condition.spoiled else ""
    told = answer(f"{name}expected {result.expectation.text} – {_ground(condition)}.", result.outcome.value, why)
    return replace(told, case=condition.name or result.expectation.text)


def _ground(condition: Condition) -> str:
    """What was measured as far as it was not judged, and each cause for which nothing could be."""
    return "; ".join(filter(None, (_seen(condition), _causes(condition))))


def _causes(condition: Condition) -> str:
    return "; ".join((_cause(condition), *_further_causes(condition)))


def _seen(condition: Condition) -> str:
    """``"p95(workers) is 6.10 ms (median of 3 blocks)"``: of invalid blocks too, where there are no others."""
    asked, sides = condition.result.expectation, condition.seen
    if sides is None:
        return ""
    texts = map(str.strip, asked.text.split(asked.comparison))
    told = [
        f"{text} is {FORMATS[asked.kind](value)}"
        for text, node, value in zip(texts, (asked.left, asked.right), sides, strict=True)
        if any(readings(node))
    ]
    blocks = len(condition.seen_blocks)
    what = count_of(blocks, "block" if condition.result.n else "invalid block")
    return f"{' and '.join(told)} ({'median of ' if blocks > 1 else 'of '}{what})"


def _further_causes(condition: Condition) -> Iterator[str]:
    """Why an undecided one would be so, or was, besides: fewer blocks than it takes, for whatever reason."""
    result = condition.result
    if result.outcome is not Outcome.UNDECIDED:
        return
    if condition.planned < result.blocks_needed:
        yield f"{condition.planned} {'was' if condition.planned == 1 else 'were'} planned"
    if condition.invalid and result.n < result.blocks_needed:
        spoiled = len(condition.invalid)
        yield f"{count_of(spoiled, 'block')} {'is' if spoiled == 1 else 'are'} invalid for it"


def _cause(condition: Condition) -> str:
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
        Ground.FAILED: f"{_never(result)} in {named_blocks(result.blocks)}",
        Ground.MISSING: f"a value is missing in {named_blocks(result.blocks)}",
        Ground.CUT: f"{count_of(result.n, 'block')} are fewer than were planned",
        Ground.INVALID: "more blocks are invalid for it than may be replaced, and the "
        f"{count_of(result.n, 'other block')} cannot settle it",
        Ground.UNDEFINED: f"there is no finite value in {named_blocks(result.blocks)}",
    }
    return grounds.get(result.ground) or _difference(result)


def _never(result: ExpectationResult) -> str:
    """Why a value is infinite: of a drill it is one that was not reached in the trial."""
    drilled = any(METRICS[metric].group is Group.DRILL for metric, _ in result.expectation.needs)
    return "a value was not reached within the trial" if drilled else "requests failed, and a value among them,"


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

    median, medians = (" (median)", " (medians)") if result.n > 1 else ("", "")

    def between(low: float, high: float) -> str:
        return f"({found.level * 100:.4g}% CI {show(low)} to {show(high)}, {count_of(result.n, 'block')})"

    if any(readings(asked.left)) and any(readings(asked.right)):
        told = f"{left} is {show(left_value)}, {right} {show(right_value)}{medians}; "
        told += f"paired within blocks the difference is {show(found.estimate)}"
        return f"{told} {between(found.low, found.high)}{', with zero inside' if across else ''}"
    left_judged, right_judged = map(show, _judged(result.sides, found.estimate))
    if any(readings(asked.left)):
        limit, judged = right_value, left_judged
        told = f"{left} is {show(left_value)}{median}, judged as {judged}"
        told += f" {between(limit + found.low, limit + found.high)}"
    else:
        limit, judged = left_value, right_judged
        told = f"{right} is {show(right_value)}{median}, judged as {judged}"
        told += f" {between(limit - found.high, limit - found.low)}"
    return f"{told}, the limit {show(limit)}{', inside that interval' if across else ''}"
