"""Expectations: read and type-checked before anything starts, judged on the interval, hostile text included."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.expectations import ExpectationResult, Ground, Outcome, judge_expectation
from lab.analysis.judge.intervals import AnalysisError
from lab.errors import ScenarioError
from lab.metric_types import Reading
from lab.scenario.expectation import MAX_DEPTH, MAX_LENGTH, ExpectationError, parse_expectation
from lab.scenario.expectation_tree import Kind, evaluate

ARMS = ("workers", "workers-nginx", "replicas", "2x")
MIB = 1024.0**2

fragments = st.lists(
    st.sampled_from(["p99(workers)", "errors(2x)", "5ms", "3", "300/s", "(", ")", "<", "<=", "==", "+", "-", "*", "/"]),
    max_size=12,
).map(" ".join)


def result_of(text: str, **series: Sequence[float | None]) -> ExpectationResult:
    """Judge with one metric an arm: the series of each arm serve whichever metric the text asks of it."""
    expectation = parse_expectation(text, ARMS)
    return judge_expectation(expectation, {reading: series[reading.arm] for reading in expectation.needs})


def value_of(text: str) -> float:
    """The value of arithmetic on constants: the right side of a comparison with a number."""
    parsed = parse_expectation(f"share.skew(workers) < {text}", ARMS)
    return evaluate(parsed.right, {})


@pytest.mark.parametrize(
    ("text", "kind", "needs"),
    [
        (
            "p99(workers) <= 1.1 * p99(replicas)",
            Kind.TIME,
            (Reading("p99", "workers"), Reading("p99", "replicas")),
        ),
        (
            "memory.pss.total(replicas) - memory.pss.total(workers) < 200MiB",
            Kind.BYTES,
            (Reading("memory.pss.total", "replicas"), Reading("memory.pss.total", "workers")),
        ),
        ("share.max(workers) < 0.5", Kind.FRACTION, (Reading("share.max", "workers"),)),
        ("share.max(workers) < 50%", Kind.FRACTION, (Reading("share.max", "workers"),)),
        ("errors(replicas) == 0", Kind.COUNT, (Reading("errors", "replicas"),)),
        ("throughput( workers-nginx )>=300/s", Kind.RATE, (Reading("throughput", "workers-nginx"),)),
        ("p99.9(2x) / p50(2x) < 20", Kind.NUMBER, (Reading("p99.9", "2x"), Reading("p50", "2x"))),
        ("cpu.per_1k(workers) < 300ms", Kind.TIME, (Reading("cpu.per_1k", "workers"),)),
        ("2 * share.max(workers) - share.max(replicas) < 1", Kind.FRACTION, None),
        ("-(p50(workers) - p50(replicas)) <= 2 ms", Kind.TIME, None),
        ("p50(workers) * share.max(workers) / 2 < 1s", Kind.TIME, None),
    ],
)
def test_what_can_be_said(text: str, kind: Kind, needs: tuple[Reading, ...] | None) -> None:
    """The forms that the scenario documents, and their units."""
    expectation = parse_expectation(text, ARMS)

    assert expectation.kind is kind
    assert needs is None or expectation.needs == needs


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("8 - 3 - 2", 3),
        ("8 / 4 / 2", 1),
        ("-2 * -3", 6),
        ("7 - -2", 9),
        ("2.5", 2.5),
    ],
)
def test_arithmetic_is_the_usual_one(text: str, value: float) -> None:
    """Precedence, brackets, and from left to right."""
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("errors(workers) <= 0.1%", ["workers"]),
        ("0.1% >= errors(workers)", ["workers"]),
        ("errors(workers) - errors(replicas) <= 0.1%", ["replicas", "workers"]),
        ("errors(workers) <= 2 * errors(replicas) + 0.1%", ["replicas", "workers"]),
        ("errors(workers) <= 10", []),
        ("errors(workers) <= errors(replicas)", []),
    ],
)
def test_failed_requests_beside_a_percentage_are_their_share(text: str, shares: list[str]) -> None:
    """As in an objective of a ladder; beside a number they are counted."""
    expectation = parse_expectation(text, ARMS)

    assert sorted(reading.arm for reading in expectation.shares) == shares
    assert expectation.kind is (Kind.FRACTION if shares else Kind.COUNT)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("p98(workers) < 5ms", "unknown metric 'p98'", "did you mean 'p9"),
        ("memory.pss(workers) < 5MiB", "unknown metric 'memory.pss'", "memory.pss."),
        ("p99(worker) < 5ms", "unknown arm 'worker'", "did you mean 'workers'?"),
        ("p99(zzz) < 5ms", "unknown arm 'zzz'", "known are workers, workers-nginx"),
        ("p99() < 5ms", "unknown arm ''", "known are"),
        ("p99 < 5ms", "expected a metric of an arm or a number, got 'p99'", "p99(ARM)"),
        ("workers.p99 < 5ms", "expected a metric of an arm or a number, got 'workers.p99'", "write p99(workers)"),
        ("workers.memory.pss.total < 5MiB", "expected a metric of an arm", "write memory.pss.total(workers)"),
        ("workers-nginx.p99 < 5ms", "expected a metric of an arm or a number", "write p99(workers-nginx)"),
        ("workers < 5ms", "expected a metric of an arm or a number, got 'workers'", "write METRIC(workers)"),
        ("p99(workers) < 5", "a time cannot be compared with a number", "give the number its unit"),
        ("p99(workers) < 5MiB", "a time cannot be compared with a size", ""),
        ("p99(workers) + memory.pss.total(workers) < 5s", "a time cannot be added to a size", ""),
        ("p99(workers) - 1 < 5s", "a time cannot be reduced by a number", "unit"),
        ("p99(workers) * p99(workers) < 5s", "a time cannot be multiplied by a time", ""),
        ("1 / p99(workers) < 5", "a number cannot be divided by a time", ""),
        ("errors(workers) + share.max(workers) < 1", "a count cannot be added to a fraction", ""),
        ("p99(workers) == 5ms", "== is for counts, not for a time", "<="),
        ("errors(workers) <= share.max(workers)", "a count cannot be compared with a fraction", "without %"),
        ("errors(workers) + 5 <= 1%", "a count cannot be compared with a fraction", "without %"),
        ("errors(workers) == 0%", "== is for counts, not for a fraction", "<="),
        ("drill.lost(workers) <= 1%", "a count cannot be compared with a fraction", "without %"),
        ("errors(2x) / errors(workers) * errors(2x) + errors(2x) <= 1%", "a share here and a count there", "two"),
        ("share.max(workers) != 0.5", "!= is for counts, not for a fraction", ""),
        ("p99(workers) < 5 parsecs", "unknown unit 'parsecs'", "5ms"),
        ("p99(workers)", "expected a comparison (<, <=, >, >=, ==, !=), got the end", ""),
        ("p99(workers) < 5ms < 6ms", "expected the end, got '<'", "one comparison"),
        ("p99(workers) < ", "expected a metric of an arm or a number, got the end", ""),
        ("(p99(workers) < 5ms", "expected a closing bracket, got '<'", ""),
        ("p99(workers) < 5ms)", "expected the end, got ')'", ""),
        ("p99(workers) = 5ms", "cannot read '= 5ms'", ""),
        ("p99(workers) < 1e3ms", "expected the end, got 'e3ms'", ""),
        ("__import__('os') < 1", "unknown metric '__import__'", ""),
        ("1 < 2", "names no metric", "errors(arm) == 0"),
        ("", "expected a metric of an arm or a number, got the end", ""),
        ("p99(workers) < " + "9" * 400 + "s", "the number is too large", ""),
    ],
)
def test_what_cannot_be_said_gets_a_sentence(text: str, message: str, hint: str) -> None:
    """The error names the expectation, what is wrong, where, and what to do; it is a scenario error (exit 2)."""
    with pytest.raises(ExpectationError) as refusal:
        parse_expectation(text, ARMS)

    assert message in str(refusal.value)
    assert "column" in str(refusal.value)
    assert hint in refusal.value.hint
    assert isinstance(refusal.value, ScenarioError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * 90 + "1", f"nested more than {MAX_DEPTH}"),
        ("-" * 90 + "1 < 2", f"nested more than {MAX_DEPTH}"),
        ("1" + "+1" * 200 + " < errors(workers)", "more than 100 numbers, names and signs"),
        ("errors(workers) < " + "1" * 100_000, f"longer than {MAX_LENGTH} characters"),
        ("p99(" * 40, "expected"),
    ],
)
def test_hostile_text_gets_a_short_sentence(text: str, message: str) -> None:
    """Neither a RecursionError nor a page of echo."""
    with pytest.raises(ExpectationError, match=message) as refusal:
        parse_expectation(text, ARMS)
    assert len(str(refusal.value)) < 250


@given(st.text(max_size=30) | st.text(alphabet="p9(workers)<=>!+-*/. 5ms%/s\n\t", max_size=60) | fragments)
def test_no_text_ever_crashes_the_parser(text: str) -> None:
    """It parses or it is an ExpectationError."""
    try:
        expectation = parse_expectation(text, ARMS)
    except ExpectationError:
        return
    assert expectation.needs


def test_the_longest_allowed_chain_is_judged() -> None:
    """What the limits let through neither overflows the stack nor takes long."""
    text = "errors(workers)" + " + 1" * 48 + " < 100"

    assert result_of(text, workers=[0] * 6).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("limit", "outcome", "ground"),
    [
        ("8ms", Outcome.HOLDS, Ground.INTERVAL),
        ("4ms", Outcome.VIOLATED, Ground.INTERVAL),
        ("6ms", Outcome.UNDECIDED, Ground.STRADDLES),
    ],
)
def test_judged_on_the_interval(limit: str, outcome: Outcome, ground: Ground) -> None:
    """Wholly on one side of the limit, or undecided."""
    result = result_of(f"p99(workers) < {limit}", workers=[0.005, 0.0055, 0.006, 0.0062, 0.0065, 0.007])

    assert (result.outcome, result.ground, result.n) == (outcome, ground, 6)
    assert result.difference is not None


def test_arms_are_compared_block_by_block() -> None:
    """A slow block is slow for both arms: the differences settle what the arms' own spreads would not."""
    workers = [0.010, 0.020, 0.040, 0.080, 0.015, 0.030]
    result = result_of("p99(workers) <= p99(replicas)", workers=workers, replicas=[value + 0.001 for value in workers])

    assert result.outcome is Outcome.HOLDS
    assert result.difference is not None
    assert result.difference.estimate == pytest.approx(-0.001)


def test_sizes_are_compared_in_bytes() -> None:
    """200MiB means 200 × 1024²."""
    few, many = [100 * MIB + k for k in range(6)], [299 * MIB + k for k in range(6)]
    text = "memory.pss.total(replicas) - memory.pss.total(workers) < {}"

    assert result_of(text.format("200MiB"), workers=few, replicas=many).outcome is Outcome.HOLDS
    assert result_of(text.format("200MB"), workers=few, replicas=many).outcome is Outcome.VIOLATED


@pytest.mark.parametrize(
    ("comparison", "outcome"), [("<=", "holds"), (">=", "holds"), ("<", "violated"), (">", "violated")]
)
def test_equality_within_rounding_counts_as_equal(comparison: str, outcome: str) -> None:
    """0.1 + 0.2 is not 0.3 for a computer, and that must not decide."""
    result = result_of(f"p50(workers) + 200ms {comparison} 300ms", workers=[0.1] * 6)

    assert result.outcome == outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("memory.limit.split(workers) <= 200MiB", "holds"),
        ("memory.limit.split(workers) <= 199MiB", "violated"),
        ("memory.limit.split(workers) < 0.9 * memory.limit.pooled(replicas)", "undecided"),
        ("memory.limit.split(workers) < memory.pss.total(workers)", "undecided"),
    ],
)
def test_limits_of_memory_are_compared_as_they_are(text: str, outcome: str) -> None:
    """A search has one block; what was not found, or needs an interval beside it, decides nothing."""
    expectation = parse_expectation(text, ["workers", "replicas"])
    values: dict[Reading, list[float | None]] = {
        Reading("memory.limit.split", "workers"): [200.0 * MIB],
        Reading("memory.limit.pooled", "replicas"): [None],
        Reading("memory.pss.total", "workers"): [1e9],
    }

    assert judge_expectation(expectation, values).outcome == outcome


def test_exact_conditions_hold_on_every_block_or_not_at_all() -> None:
    """One failed request in one block violates == 0, however few blocks there are."""
    assert result_of("errors(replicas) == 0", replicas=[0, 0]).outcome is Outcome.HOLDS
    violated = result_of("errors(replicas) == 0", replicas=[0, 2, 0, None])

    assert (violated.outcome, violated.ground, violated.blocks) == (Outcome.VIOLATED, Ground.SOME_BLOCKS, (2,))
    assert result_of("errors(replicas) != 1", replicas=[0, 2]).outcome is Outcome.HOLDS
    assert result_of("errors(replicas) == 0", replicas=[]).outcome is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("text", "series", "ground", "blocks"),
    [
        ("p99(workers) < 1s", [0.1] * 5, Ground.TOO_FEW, ()),
        ("p99(workers) < 1s", [0.1] * 6 + [None], Ground.MISSING, (7,)),
        ("errors(workers) == 0", [0, None], Ground.MISSING, (2,)),
        ("1 / share.skew(workers) < 1", [2, 0, 2, 2, 2, 2], Ground.UNDEFINED, (2,)),
        ("p99(workers) < 1s", [0.1] * 5 + [math.nan], Ground.UNDEFINED, (6,)),
    ],
)
def test_what_the_data_cannot_settle_is_undecided(
    text: str, series: list[float | None], ground: Ground, blocks: tuple[int, ...]
) -> None:
    """And says why, by block."""
    result = result_of(text, workers=series)

    assert (result.outcome, result.ground, result.blocks) == (Outcome.UNDECIDED, ground, blocks)


def test_missing_and_unequal_series_are_the_callers_error() -> None:
    """Statistics refuse rather than guess."""
    expectation = parse_expectation("p99(workers) < p99(replicas)", ARMS)

    with pytest.raises(AnalysisError, match=r"no values of p99\(replicas\)"):
        judge_expectation(expectation, {Reading("p99", "workers"): [0.1] * 6})
    with pytest.raises(AnalysisError, match="different numbers of blocks"):
        judge_expectation(expectation, {Reading("p99", "workers"): [0.1] * 6, Reading("p99", "replicas"): [0.1] * 5})
