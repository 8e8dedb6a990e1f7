"""The user's own conditions on a run: which values settle them, and what became of each. Pure."""

import math
from dataclasses import dataclass, replace

from lab.analysis.blocks import families_of
from lab.analysis.expectations import ExpectationResult, Ground, Outcome, judge_expectation
from lab.analysis.judge.levels import FAMILY_ERROR, nominal_error
from lab.analysis.series import block_numbers, series_of, thin_blocks, unanswered_blocks
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.scenario.compare import Expect
from lab.scenario.expectation import parse_expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One expectation of the scenario and its outcome; ``result.blocks`` are the run's block numbers.

    ``too_few_requests`` are the percentiles in it that some trial has too few requests for: they settle nothing.
    """

    name: str
    result: ExpectationResult
    too_few_requests: tuple[Reading, ...] = ()


def condition(summary: RunSummary, expect: Expect, *, concluded: bool) -> Condition:
    """Judge one expectation; a run that is not ``concluded`` settles only what nothing could mend."""
    expectation = parse_expectation(expect.that, [arm.name for arm in summary.scenario.arms])
    blocks = summary.decision.valid_for(*families_of(reading.metric for reading in expectation.needs))
    values = {reading: series_of(summary, reading, blocks) for reading in expectation.needs}
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
    level = 1 - nominal_error(FAMILY_ERROR, summary.scenario.trials.looks)
    result = judge_expectation(expectation, settling, level)
    if not concluded and (result.ground is Ground.INTERVAL or result.outcome is Outcome.HOLDS):
        result = replace(result, outcome=Outcome.UNDECIDED, ground=Ground.CUT)
    return Condition(
        name=expect.name,
        result=replace(result, blocks=block_numbers(result.blocks, blocks)),
        too_few_requests=tuple(reading for reading, few in thin.items() if few and result.ground is Ground.MISSING),
    )


def _settling(value: float | None, *, thin: bool, silent: bool) -> float | None:
    """What a block says to an expectation: infinite where the requests failed, None where it says nothing."""
    if silent or value == math.inf:
        return math.inf
    return None if thin else value
