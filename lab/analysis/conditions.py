"""The user's own conditions on a run: which values settle them, and what became of each. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from lab.analysis.blocks import families_of
from lab.analysis.expectations import ExpectationResult, Ground, Outcome, judge_expectation
from lab.analysis.judge.levels import verdict_level
from lab.analysis.series import block_numbers, series_of, shares_of, thin_blocks, unanswered_blocks
from lab.analysis.summary import RunSummary
from lab.metric_types import Family, Reading
from lab.metrics import METRICS
from lab.scenario.compare import Expect
from lab.scenario.expectation import parse_expectation
from lab.scenario.expectation_tree import Expectation, evaluate
from lab.scenario.model import Scenario
from lab.scenario.slo import parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One expectation of the scenario and its outcome; ``result.blocks`` are the run's block numbers.

    ``too_few_requests`` are the percentiles in it that some trial has too few requests for: they settle nothing.
    ``invalid``: the blocks that are invalid for a metric in it. ``spoiled``: it is undecided for want of these blocks,
    so by the machine's doing, and with as many planned blocks the next run may settle it.
    ``planned``: how many blocks there were to be. ``seen``: where it is undecided before any number is judged, the
    medians of both sides all the same, over ``seen_blocks``, which are invalid for it where no block is valid.
    """

    name: str
    result: ExpectationResult
    planned: int
    too_few_requests: tuple[Reading, ...] = ()
    invalid: tuple[int, ...] = ()
    spoiled: bool = False
    seen: tuple[float, float] | None = None
    seen_blocks: tuple[int, ...] = ()


def for_want_of_blocks(conditions: Sequence[Condition]) -> bool:
    """Whether some are undecided, all of them for want of valid blocks."""
    undecided = [each for each in conditions if each.result.outcome is Outcome.UNDECIDED]
    return bool(undecided) and all(each.spoiled for each in undecided)


def expectations_of(scenario: Scenario) -> tuple[Expectation, ...]:
    """Those of a scenario, in its order."""
    names = [arm.name for arm in scenario.arms]
    return tuple(parse_expectation(each.that, names) for each in scenario.expect)


def expected_metrics(scenario: Scenario) -> tuple[str, ...]:
    """The metrics in them, by key, each once."""
    return tuple(dict.fromkeys(metric for each in expectations_of(scenario) for metric, _ in each.needs))


def judged_families(summary: RunSummary, slo: str = "") -> frozenset[Family]:
    """What the answer of a run rests on: the primary metrics where arms are compared, and those of its expectations.

    ``slo``: the objective of a sweep, of which its points know nothing.
    """
    scenario = summary.scenario
    compared = summary.decision.needed if scenario.judged else frozenset()
    asked = (metric for each in (parsed(slo) if slo else ()) for metric, _ in each.needs)
    return compared | families_of((*expected_metrics(scenario), *asked))


def condition(summary: RunSummary, expect: Expect, *, concluded: bool) -> Condition:
    """Judge one expectation; a run that is not ``concluded`` settles only what nothing could mend.

    So does one of which more blocks are invalid for it than may be replaced, also where one block is enough to judge.
    """
    expectation = parse_expectation(expect.that, [arm.name for arm in summary.scenario.arms])
    families = families_of(reading.metric for reading in expectation.needs)
    blocks = summary.decision.valid_for(*families)
    values = {reading: _series(summary, expectation, reading, blocks) for reading in expectation.needs}
    silent = {reading.arm: unanswered_blocks(summary, [reading.arm], blocks) for reading in expectation.needs}
    thin = {
        reading: thin_blocks(summary, METRICS[reading.metric], [reading.arm], blocks) for reading in expectation.needs
    }
    settling = {
        reading: [
            _settling(value, thin=block in thin[reading], silent=block in silent[reading.arm])
            for block, value in zip(blocks, series, strict=True)
        ]
        for reading, series in values.items()
    }
    level = verdict_level(1, summary.scenario.trials.looks)
    result = judge_expectation(expectation, settling, level)
    is_beyond = summary.decision.is_beyond(*families)
    if is_beyond and (result.ground in (Ground.INTERVAL, Ground.STRADDLES) or result.outcome is Outcome.HOLDS):
        result = replace(result, outcome=Outcome.UNDECIDED, ground=Ground.INVALID)
    elif not concluded and (result.ground is Ground.INTERVAL or result.outcome is Outcome.HOLDS):
        result = replace(result, outcome=Outcome.UNDECIDED, ground=Ground.CUT)
    invalid = summary.decision.invalid_for(*families)
    planned, seen = summary.decision.planned, _seen(summary, result, blocks or summary.decision.complete)
    return Condition(
        name=expect.name,
        planned=planned,
        result=replace(result, blocks=block_numbers(result.blocks, blocks)),
        too_few_requests=tuple(reading for reading, few in thin.items() if few and result.ground is Ground.MISSING),
        invalid=invalid,
        spoiled=bool(invalid) and _for_want_of_blocks(result, planned),
        seen=_medians(expectation, [*seen.values()]),
        seen_blocks=tuple(seen),
    )


def _series(
    summary: RunSummary, expectation: Expectation, reading: Reading, blocks: Sequence[int]
) -> Sequence[float | None]:
    """The values of a reading as the expectation means it: failed requests beside a percentage as a share of all."""
    if reading in expectation.shares:
        return shares_of(summary, reading.arm, blocks)
    return series_of(summary, reading, blocks)


def _seen(summary: RunSummary, result: ExpectationResult, blocks: Sequence[int]) -> dict[int, dict[Reading, float]]:
    """By block what was measured of an expectation that is undecided, where nothing was judged; else empty."""
    if result.outcome is not Outcome.UNDECIDED or result.ground in (Ground.STRADDLES, Ground.UNDEFINED):
        return {}
    found = {
        block: {
            reading: _series(summary, result.expectation, reading, [block])[0] for reading in result.expectation.needs
        }
        for block in blocks
    }
    return {
        block: known
        for block, values in found.items()
        if len(known := {each: value for each, value in values.items() if value is not None and math.isfinite(value)})
        == len(values)
    }


def _medians(expectation: Expectation, blocks: Sequence[Mapping[Reading, float]]) -> tuple[float, float] | None:
    """Of both sides; None without blocks, or where a side has no finite value."""
    left, right = ([evaluate(side, block) for block in blocks] for side in (expectation.left, expectation.right))
    return (median(left), median(right)) if blocks and all(map(math.isfinite, (*left, *right))) else None


def _for_want_of_blocks(result: ExpectationResult, planned: int) -> bool:
    """Whether more of the planned blocks could have settled it; not where there would be too few with all of them."""
    return result.ground is Ground.INVALID or (result.ground is Ground.TOO_FEW and planned >= result.blocks_needed)


def _settling(value: float | None, *, thin: bool, silent: bool) -> float | None:
    """What a block says to an expectation: infinite where the requests failed, None where it says nothing."""
    if silent or value == math.inf:
        return math.inf
    return None if thin else value
