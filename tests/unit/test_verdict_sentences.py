"""Verdicts in words: METHOD 7's sentence, every reason, and nothing that reads as "the same" when it is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lab.analysis.comparison import compare_run
from lab.record.types import Finding
from lab.report.content import Answer
from lab.report.parts.effects import change
from lab.report.sections.answer_sentences import verdict_answers
from tests.builders import make_gate
from tests.judged_runs import Values, scenario, series, summary

MEMORY = "memory.pss.total"


def answers(
    values: Values,
    blocks: int = 8,
    floors: Mapping[str, float] | None = None,
    requests: int = 100_000,
    gates: Any = None,
    findings: Any = None,
    failed: Mapping[str, int] | None = None,
    **changes: Any,
) -> tuple[Answer, ...]:
    run = summary(scenario(blocks, **changes), values, requests=requests, gates=gates, findings=findings, failed=failed)
    return verdict_answers(compare_run(run, floors))


def answer(ratios: Sequence[float | None], metric: str = MEMORY, **more: Any) -> Answer:
    """The one answer to a run whose blocks have these ratios."""
    size = 0.01 if metric != MEMORY else 1e8
    values: Values = {
        (metric, "workers"): [size] * len(ratios),
        (metric, "replicas"): [r and r * size for r in ratios],
    }
    compare = {"baseline": "workers", "primary": [metric]}
    return answers(values, len(ratios), compare=compare, **more)[0]


def test_the_sentence_of_the_method() -> None:
    """Who, how much, less or more of what, than whom; interval, blocks, bound; and the word apart."""
    nine = [0.930, 0.931, 0.932, 0.932, 0.932, 0.932, 0.932, 0.933, 0.933]

    found = answer(nine)

    assert (
        found.sentence
        == "replicas use 6.8 % less memory than workers (95 % CI 6.8–6.9 %, 9 blocks; bound −4.8 % to +5 %)"
    )
    assert found.word == "better"


def test_latency_is_higher_or_lower() -> None:
    """Nobody "uses" latency."""
    found = answer([1.5, 1.52, 1.48, 1.5, 1.51, 1.49, 1.5, 1.5], metric="p99")

    assert found.sentence.startswith("The p99 response time of replicas is 50.0 % higher than that of workers (95 % CI")
    assert found.word == "worse"


def test_a_manifold_difference_is_told_in_times() -> None:
    """ "400 % more" is hard to read."""
    found = answer([5.0, 5.1, 4.9, 5.0, 5.0, 5.05, 4.95, 5.0])

    assert found.sentence.startswith(
        "replicas use 5.0 times as much memory as workers (95 % CI 4.95 to 5.05 times, 8 blocks"
    )


def test_equivalence_is_claimed_from_an_interval_inside_the_bounds_only() -> None:
    """The word is "equivalent"; the sentence still gives the difference."""
    found = answer([1.001, 0.999, 1.002, 0.998, 1.0, 1.001, 0.999, 1.0])

    assert found.word == "equivalent"
    assert "0.0 % more memory than workers" in found.sentence or "0.0 % less memory than workers" in found.sentence


@pytest.mark.parametrize(
    ("ratios", "more", "said", "word"),
    [
        ([0.7, 1.4, 0.8, 1.3, 0.9, 1.1, 0.7, 1.5], {}, "show neither a difference nor that there is none", ""),
        ([0.92, 0.97, 0.93, 0.98, 0.94, 0.96, 0.95, 0.97], {}, "difference detected, size uncertain", ""),
        ([0.9, None] * 4, {}, "the value is missing in blocks 2, 4, 6, 8", ""),
        ([0.9, 0.0] * 4, {}, "there is no ratio in blocks 2, 4, 6, 8, where a value is zero", ""),
        ([2.0] * 8, {"metric": "p99", "requests": 450}, "have too few requests to judge this percentile", ""),
    ],
)
def test_an_inconclusive_verdict_says_why(
    ratios: Sequence[float | None], more: dict[str, Any], said: str, word: str
) -> None:
    """Each reason has its words, and none of them claims that the arms are equal."""
    found = answer(ratios, **more)

    assert found.word == "inconclusive"
    assert said in found.sentence
    assert not any(claim in found.sentence for claim in ("same", "equal", "no difference", "as much memory as"))


def test_methods_that_disagree_are_a_doubt_beside_the_word() -> None:
    """One wild block moves Student's interval across the bound and not Wilcoxon's, which decides."""
    found = answer([0.9] * 13 + [3.0])

    assert found.word == "better"
    assert "(method-sensitive); without any one block it is 10.0 % less to 10.0 % less" in found.sentence


@pytest.mark.parametrize(
    ("metric", "factor", "bound", "said", "word"),
    [
        (MEMORY, 0.9515, None, "4.8–4.9 %, 8 blocks; bound −4.8 % to +5 %)", "better"),
        (MEMORY, 1.0495, None, "4.9–5.0 %, 8 blocks; bound −4.8 % to +5 %)", "equivalent"),
        ("p95", 0.86, None, "14.0–14.0 %, 8 blocks; bound −13 % to +15 %)", "better"),
        ("boot", 0.82, None, "18.0–18.0 %, 8 blocks; bound −16.7 % to +20 %)", "better"),
        ("p99", 0.60, 0.5, "40.0–40.0 %, 8 blocks; bound −33.3 % to +50 %)", "better"),
    ],
)
def test_the_bound_that_decides_is_the_one_that_is_printed(
    metric: str, factor: float, bound: float | None, said: str, word: str
) -> None:
    """4.9 % less is beyond −4.8 %, 4.9 % more is within +5 %: no sentence contradicts its word."""
    noise = [0.0, 0.0002, -0.0002, 0.0003, -0.0003, 0.0001, -0.0001, 0.0002]
    bounds = {metric: bound} if bound else {}
    values: Values = {
        (metric, "workers"): [100.0] * 8,
        (metric, "replicas"): [100.0 * factor * (1 + each) for each in noise],
    }
    (found,) = answers(values, compare={"baseline": "workers", "primary": [metric], "bounds": bounds})

    assert said in found.sentence
    assert found.word == word


def test_a_cut_run_says_what_to_do() -> None:
    """Six of twenty blocks: numbers, no word (METHOD 6.2)."""
    values: Values = {(MEMORY, "workers"): [1e8] * 6, (MEMORY, "replicas"): series(1e8, 0.9, blocks=6)}
    (found,) = verdict_answers(compare_run(summary(scenario(20), values, blocks=6)))

    assert found.word == ""
    assert "10.0 % less memory than workers (95 % CI" in found.sentence
    assert "`lab run --resume` goes on" in found.sentence


def test_what_fails_more_is_worse_and_the_reason_comes_first() -> None:
    """The slowest 30 % answered with 503: the rest is fast, and that is no merit (METHOD 7)."""
    values: Values = {("p95", "workers"): [0.1] * 8, ("p95", "replicas"): [0.063] * 8}
    compare = {"baseline": "workers", "primary": ["p95"]}
    (found,) = answers(values, compare=compare, failed={"replicas": 30_000})

    assert found.word == "worse"
    assert found.sentence.startswith("replicas failed 30 % of the requests, workers 0 % (90 % CI 30 to 30 points more")
    assert "37.0 % lower" in found.sentence


def test_failed_requests_are_told_as_shares() -> None:
    """Their difference, in points, with its bound."""
    compare = {"baseline": "workers", "primary": ["errors"]}
    (found,) = answers({}, compare=compare, failed={"replicas": 500}, requests=10_000)

    assert found.sentence == (
        "replicas failed 5 % of the requests, workers 0 % (95 % CI 5 to 5 points more, 8 blocks; bound ±0.1 points)"
    )
    assert found.word == "worse"


def test_a_smoke_test_gives_numbers_and_says_how_many_blocks_a_verdict_takes() -> None:
    """No word, no interval."""
    found = answer([0.9, 0.9])

    assert found == Answer(
        sentence="replicas use 10.0 % less memory than workers (2 blocks): "
        "numbers only, a verdict takes 6 valid blocks."
    )


def test_a_run_without_a_valid_block_has_nothing_to_tell() -> None:
    """Not even a number."""
    broken = {f"b{block:02d}-workers": (make_gate("invalid"),) for block in range(1, 9)}
    found = answer([0.9] * 8, gates=broken)

    assert found == Answer(
        sentence="Memory: replicas and workers are not compared: "
        "numbers only, no block is valid and a verdict takes 6 valid blocks."
    )


def test_doubts_follow_the_claim() -> None:
    """Trials that drifted are named."""
    drift = {"b02-replicas": (Finding(key="steady.p50", value=0.09, limit=0.05),)}
    found = answer([0.5] * 8, metric="p50", findings=drift)

    assert found.word == "better"
    assert found.sentence.endswith("b02-replicas drifted while measured")


def test_an_open_question_says_what_would_settle_it() -> None:
    """A range of blocks, with the chance that it is enough."""
    found = answer([0.85, 0.99, 0.86, 0.98, 0.87, 0.97, 0.88, 0.92])

    assert "settle it with a chance of 80 %" in found.sentence


@pytest.mark.parametrize(
    ("that", "sentence", "word"),
    [
        (
            f"{MEMORY}(workers) - {MEMORY}(replicas) < 20MiB",
            f"expected {MEMORY}(workers) - {MEMORY}(replicas) < 20MiB – left minus right is -10.5 MiB "
            "(95 % CI -10.5 MiB to -10.5 MiB, 8 blocks)",
            "holds",
        ),
        ("errors(workers) == 0", "expected errors(workers) == 0 – not met in block 3", "violated"),
        ("errors(replicas) == 0", "expected errors(replicas) == 0 – met in every one of 8 blocks", "holds"),
        ("boot(workers) < 3s", "expected boot(workers) < 3s – a value is missing in blocks 1, 2, 3", "undecided"),
        ("p99(workers) < 1s", "expected p99(workers) < 1s – some trials have too few requests", "undecided"),
    ],
)
def test_expectations_have_their_ground(that: str, sentence: str, word: str) -> None:
    """Outcome and what it rests on, in the units of what was compared."""
    values: Values = {
        (MEMORY, "workers"): [1e8] * 8,
        (MEMORY, "replicas"): [9e7] * 8,
        ("errors", "workers"): [0.0, 0.0, 2.0, *[0.0] * 5],
        ("errors", "replicas"): [0.0] * 8,
        ("p99", "workers"): series(0.01),
    }
    found = answers(values, requests=450, expect=[{"that": that}])[-1]

    assert found.sentence.startswith(sentence)
    assert found.word == word


def test_a_name_goes_before_its_expectation() -> None:
    """The user's own word for it."""
    found = answers({}, expect=[{"that": "errors(workers) == 0", "name": "no failures"}])[-1]

    assert found.sentence.startswith("no failures: expected errors(workers) == 0 – ")


def test_no_change_is_a_number_too() -> None:
    """ "As much" would be a claim."""
    assert change(1.0) == "0.0 % more"


def test_equivalent_prints_the_interval_that_decides() -> None:
    """Its two one-sided tests are a 90 % interval inside the bound, where the 95 % one reaches across it."""
    found = answer([0.9608, 0.9704, 1.0101, 1.0202, 1.0408, 1.0600, 1.0550, 1.0300])

    assert found.word == "equivalent"
    assert "(90 % CI 1.0 % less to 4.5 % more, 8 blocks; bound −4.8 % to +5 %)" in found.sentence
