"""Verdicts in words: METHOD 7's sentence, every reason, and nothing that reads as "the same" when it is not known.

The sentences of all ``CASES`` are a snapshot (tests/snapshots.py); here stand the words and what no sentence may say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from lab.analysis.comparison import compare_run
from lab.record.types import Finding
from lab.report.first_screen import Answer
from lab.report.parts.effects import change
from lab.report.sections.answer_sentences import verdict_answers
from lab.report.sections.expectation_sentences import expected_answer
from lab.units import format_seconds
from tests.builders import make_gate
from tests.judged_runs import Values, scenario, series, summary

MEMORY = "memory.pss.total"
NOISE = (0.0, 0.0002, -0.0002, 0.0003, -0.0003, 0.0001, -0.0001, 0.0002)


def answers(
    values: Values, blocks: int = 8, planned: int | None = None, run: Mapping[str, Any] | None = None, **changes: Any
) -> tuple[Answer, ...]:
    """The answers to a run with these values; ``run`` is more of it, ``changes`` of its scenario."""
    return verdict_answers(
        compare_run(summary(scenario(planned or blocks, **changes), values, blocks=blocks, **run or {}))
    )


def answer(ratios: Sequence[float | None], metric: str = MEMORY, bound: float | None = None, **more: Any) -> Answer:
    """The answer to a run whose blocks have these ratios."""
    size = 0.01 if metric != MEMORY else 1e8
    values: Values = {(metric, "workers"): [size] * len(ratios), (metric, "replicas"): [r and r * size for r in ratios]}
    compare = {"baseline": "workers", "primary": [metric], "bounds": {metric: bound} if bound else {}}
    return answers(values, len(ratios), compare=compare, **more)[0]


def near(factor: float) -> list[float]:
    """Eight ratios that hardly differ."""
    return [factor * (1 + noise) for noise in NOISE]


def expected(that: str, **more: Any) -> Answer:
    """The answer to one expectation of a run in which each of them has its own ground."""
    values: Values = {
        (MEMORY, "workers"): [1e8] * 8,
        (MEMORY, "replicas"): [9e7] * 8,
        ("errors", "workers"): [0.0, 0.0, 2.0, *[0.0] * 5],
        ("errors", "replicas"): [0.0] * 8,
        ("p99", "workers"): series(0.01),
        ("p50", "workers"): [0.010, 0.010, 0.011, 0.011, 0.012, 0.020, 0.024, 0.030],
        ("p50", "replicas"): [0.009, 0.012, 0.010, 0.018, 0.011, 0.012, 0.013, 0.015],
    }
    return answers(values, run={"requests": 450}, expect=[{"that": that, **more}])[-1]


BROKEN = {f"b{block:02d}-workers": (make_gate("invalid"),) for block in range(1, 9)}
DRIFT = {"b02-replicas": (Finding(key="steady.p50", value=0.09, limit=0.05),)}
CASES = {
    "less memory": (partial(answer, [0.930, 0.931, 0.932, 0.932, 0.932, 0.932, 0.932, 0.933, 0.933]), "better"),
    "higher latency": (partial(answer, [1.5, 1.52, 1.48, 1.5, 1.51, 1.49, 1.5, 1.5], "p99"), "worse"),
    "manifold": (partial(answer, [5.0, 5.1, 4.9, 5.0, 5.0, 5.05, 4.95, 5.0]), "worse"),
    "equivalent": (partial(answer, [1.001, 0.999, 1.002, 0.998, 1.0, 1.001, 0.999, 1.0]), "equivalent"),
    "equivalent at 90%": (
        partial(answer, [0.9608, 0.9704, 1.0101, 1.0202, 1.0408, 1.0600, 1.0550, 1.0300]),
        "equivalent",
    ),
    "unknown": (partial(answer, [0.7, 1.4, 0.8, 1.3, 0.9, 1.1, 0.7, 1.5]), "inconclusive"),
    "of uncertain size": (partial(answer, [0.92, 0.97, 0.93, 0.98, 0.94, 0.96, 0.95, 0.97]), "inconclusive"),
    "open question": (partial(answer, [0.85, 0.99, 0.86, 0.98, 0.87, 0.97, 0.88, 0.92]), "inconclusive"),
    "missing values": (partial(answer, [0.9, None] * 4), "inconclusive"),
    "no ratio": (partial(answer, [0.9, 0.0] * 4), "inconclusive"),
    "few requests": (partial(answer, [2.0] * 8, "p99", run={"requests": 450}), "inconclusive"),
    "one wild block": (partial(answer, [0.9] * 13 + [3.0]), "better"),
    "drift": (partial(answer, [0.5] * 8, "p50", run={"findings": DRIFT}), "better"),
    "just beyond": (partial(answer, near(0.9515)), "better"),
    "just inside": (partial(answer, near(1.0495)), "equivalent"),
    "p95 beyond": (partial(answer, near(0.86), "p95"), "better"),
    "boot beyond": (partial(answer, near(0.82), "boot"), "better"),
    "its own bound": (partial(answer, near(0.60), "p99", 0.5), "better"),
    "cut": (partial(answer, series(1, 0.9, blocks=6), planned=20), ""),
    "smoke": (partial(answer, [0.9, 0.9]), ""),
    "no valid block": (partial(answer, [0.9] * 8, run={"gates": BROKEN}), ""),
    "fast because it fails": (partial(answer, [0.63] * 8, "p95", run={"failed": {"replicas": 30_000}}), "worse"),
    "more failures": (
        partial(answer, [None] * 8, "errors", run={"failed": {"replicas": 500}, "requests": 10_000}),
        "worse",
    ),
    "a difference expected": (partial(expected, f"{MEMORY}(workers) - {MEMORY}(replicas) < 20MiB"), "holds"),
    "below a limit": (partial(expected, f"{MEMORY}(replicas) <= 200MiB"), "holds"),
    "a limit that comes first": (partial(expected, f"80MiB >= {MEMORY}(replicas)"), "violated"),
    "two sides": (partial(expected, f"{MEMORY}(replicas) <= 1.05 * {MEMORY}(workers)"), "holds"),
    "below a limit, with blocks that vary": (partial(expected, "p50(workers) < 50ms"), "holds"),
    "a limit that comes first, with blocks that vary": (partial(expected, "50ms > p50(workers)"), "holds"),
    "two sides, with blocks that vary": (partial(expected, "p50(workers) <= p50(replicas)"), "undecided"),
    "not met": (partial(expected, "errors(workers) == 0"), "violated"),
    "met": (partial(expected, "errors(replicas) == 0", name="no failures"), "holds"),
    "expected of missing values": (partial(expected, "boot(workers) < 3s"), "undecided"),
    "expected of few requests": (partial(expected, "p99(workers) < 1s"), "undecided"),
}


@pytest.mark.parametrize("name", CASES)
def test_every_verdict_has_its_word(name: str) -> None:
    """And none that is not certain claims that the arms are equal."""
    made, word = CASES[name]
    found = made()

    assert found.word == word
    if word == "inconclusive":
        assert not any(claim in found.sentence for claim in ("same", "equal", "no difference", "as much memory as"))


def test_an_expectation_says_what_was_measured_and_the_limit() -> None:
    """As a person would; of two sides both, and how far they are apart."""
    cases = ("below a limit", "a limit that comes first", "two sides")
    below, first, sides = (CASES[name][0]().sentence for name in cases)
    seen = "is 85.8 MiB (median), judged as 85.8 MiB (95% CI 85.8 MiB to 85.8 MiB, 8 blocks), the limit"

    assert below.endswith(f"– {MEMORY}(replicas) {seen} 200.0 MiB")
    assert first.endswith(f"– {MEMORY}(replicas) {seen} 80.0 MiB")
    assert f"– {MEMORY}(replicas) is 85.8 MiB, 1.05 * {MEMORY}(workers) 100.1 MiB (medians); paired" in sides
    assert "paired within blocks the difference is -14.3 MiB (" in sides


def test_a_median_and_what_is_judged_are_told_apart() -> None:
    """Where the blocks vary, the one is in the tables and the other belongs to the interval."""
    cases = ("below a limit", "a limit that comes first", "two sides")
    below, first, sides = (CASES[f"{name}, with blocks that vary"][0]().sentence for name in cases)

    assert "– p50(workers) is 11.5 ms (median), judged as 15.5 ms (95% CI" in below
    assert first.split(" – ")[1] == below.split(" – ")[1]
    assert (
        "– p50(workers) is 11.5 ms, p50(replicas) 12.0 ms (medians); paired within blocks the difference is " in sides
    )


@pytest.mark.parametrize("that", ["p50(workers) <= 12ms", "12ms >= p50(workers)"])
def test_the_answer_of_expectations_has_the_number_that_its_word_rests_on(that: str) -> None:
    """The median, 11.5 ms, is within the limit."""
    plan = scenario(expect=[{"that": that}])
    values: Values = {("p50", "workers"): [0.010, 0.010, 0.011, 0.011, 0.012, 0.020, 0.024, 0.030]}
    found = expected_answer(compare_run(summary(plan, values)).conditions)

    assert found is not None
    assert found.sentence == f"The expectation is undecided: {that} (15.5 ms, too near to tell)."


def test_the_answer_of_an_expectation_with_two_sides_has_the_difference_that_is_judged() -> None:
    """Not the two medians, 11.5 ms and 12.0 ms: the pairs of blocks lie otherwise."""
    that = "p50(workers) <= p50(replicas)"
    values: Values = {
        ("p50", "workers"): [0.010, 0.010, 0.011, 0.011, 0.012, 0.020, 0.024, 0.030],
        ("p50", "replicas"): [0.012] * 8,
    }
    conditions = compare_run(summary(scenario(expect=[{"that": that}]), values)).conditions
    found, (condition,) = expected_answer(conditions), conditions

    assert found is not None
    assert condition.result.difference is not None
    assert condition.result.difference.estimate > 0
    apart = format_seconds(condition.result.difference.estimate)
    assert found.sentence.endswith(f"{that} (paired difference +{apart}, too near to tell).")


def test_no_change_is_a_number_too() -> None:
    """ "As much" would be a claim."""
    assert change(1.0) == "0.0% more"
