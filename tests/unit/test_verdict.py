"""Verdicts: four words, the refusals of METHOD 7, and the properties that make them trustworthy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lab.analysis.judge.decide import Side, decide
from lab.analysis.judge.intervals import AnalysisError, hodges_lehmann
from lab.analysis.judge.levels import verdict_level
from lab.analysis.judge.verdict import Judgement, Reason, Verdict, explore, judge, judge_family, log_ratios
from lab.metrics import METRICS

MEMORY = METRICS["memory.pss.total"]
THROUGHPUT = METRICS["throughput"]
MIRROR = {
    Verdict.BETTER: Verdict.WORSE,
    Verdict.WORSE: Verdict.BETTER,
    Verdict.EQUIVALENT: Verdict.EQUIVALENT,
    Verdict.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    None: None,
}
BASELINE = (100.0, 103.0, 98.0, 101.0, 99.0, 102.0, 97.0, 100.0)
NOISE = (0.004, -0.006, 0.001, 0.008, -0.003, -0.001, 0.005, -0.008)

log_noise = st.floats(-0.4, 0.4).map(lambda value: round(value, 4))
series = st.lists(log_noise, min_size=1, max_size=14)
near_one_value = st.builds(
    lambda centre, noise: [centre + 0.1 * log for log in noise], log_noise, st.lists(log_noise, min_size=6, max_size=14)
)
bounds = st.sampled_from([0.01, 0.05, 0.1, 0.2])


def times(factor: float, spread: float = 1.0) -> list[float]:
    """BASELINE × factor with a little noise in each block."""
    return [value * factor * math.exp(spread * noise) for value, noise in zip(BASELINE, NOISE, strict=True)]


def values(logs: Sequence[float]) -> tuple[list[float | None], list[float | None]]:
    """A baseline and a contender whose log ratios are ``logs``."""
    return [100.0] * len(logs), [100.0 * math.exp(log) for log in logs]


def judge_logs(logs: Sequence[float], bound: float = 0.05) -> Judgement:
    """Judge log ratios of memory as the only primary metric."""
    return judge(*values(logs), MEMORY, bound)


@pytest.mark.parametrize(
    ("factor", "verdict", "reason"),
    [
        (0.80, Verdict.BETTER, Reason.BEYOND),
        (1.25, Verdict.WORSE, Reason.BEYOND),
        (1.01, Verdict.EQUIVALENT, Reason.INSIDE),
        (1.05, Verdict.INCONCLUSIVE, Reason.ACROSS),
    ],
)
def test_the_four_words(factor: float, verdict: Verdict, reason: Reason) -> None:
    """Wholly beyond the bound, wholly inside, or neither."""
    judgement = judge(BASELINE, times(factor), MEMORY, 0.05)

    assert (judgement.verdict, judgement.reason) == (verdict, reason)
    assert judgement.estimate == pytest.approx(factor, rel=0.01)
    assert judgement.interval is not None
    assert judgement.cross_check is not None
    assert (judgement.interval.level, judgement.interval.n) == (0.95, 8)


def test_there_is_no_fifth_word() -> None:
    """METHOD 7 knows four."""
    assert {str(verdict) for verdict in Verdict} == {"better", "worse", "equivalent", "inconclusive"}


def test_direction_belongs_to_the_metric() -> None:
    """More memory is worse, more throughput is better."""
    assert judge(BASELINE, times(1.25), MEMORY, 0.05).verdict is Verdict.WORSE
    assert judge(BASELINE, times(1.25), THROUGHPUT, 0.05).verdict is Verdict.BETTER


def test_a_difference_of_uncertain_size_is_flagged() -> None:
    """Certainly above 1, perhaps within the bound: inconclusive, but not silent."""
    judgement = judge(BASELINE, times(1.05), MEMORY, 0.05)

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.difference_detected
    assert not judge_logs([0.1, -0.1, 0.2, -0.2, 0.05, -0.05]).difference_detected


def test_methods_that_disagree_leave_a_doubt_and_the_word() -> None:
    """One wild block widens Student's interval far beyond Wilcoxon's: the exact one decides (METHOD 7)."""
    judgement = judge_logs([0.2] * 9 + [3.0])

    assert (judgement.verdict, judgement.reason) == (Verdict.WORSE, Reason.BEYOND)
    assert judgement.method_sensitive
    assert judgement.leave_one_out == pytest.approx((math.exp(0.2), math.exp(0.2)))
    assert not judge_logs([0.2, 0.21] * 5).method_sensitive


def test_equivalence_takes_two_one_sided_tests_at_five_percent() -> None:
    """The 90% interval is inside, the 95% interval is not: equivalent, and no difference is detected."""
    logs = [-0.04, -0.03, 0.01, 0.02, 0.04, 0.05, 0.07, 0.055]
    judgement = judge_logs(logs, bound=0.055)

    assert judgement.equivalence is not None
    assert judgement.interval is not None
    assert judgement.equivalence.level == 0.9
    assert judgement.equivalence.high <= 1.055 < judgement.interval.high
    assert judgement.verdict is Verdict.EQUIVALENT


def test_a_failed_value_ranks_last() -> None:
    """A quantile among failed requests is worse than any number; where both arms fail there is no ratio."""
    p95 = METRICS["p95"]
    failing = judge([0.1] * 8, [math.inf] * 8, p95, 0.15)
    winning = judge([math.inf] * 8, [0.1] * 8, p95, 0.15)
    both = judge([math.inf] * 8, [math.inf] * 8, p95, 0.15)
    once = judge([0.1] * 8, [*[0.1] * 7, math.inf], p95, 0.15)

    assert (failing.verdict, failing.reason) == (Verdict.WORSE, Reason.FAILED)
    assert failing.blocks == tuple(range(1, 9))
    assert (failing.estimate, failing.interval, failing.cross_check) == (None, None, None)
    assert winning.verdict is Verdict.BETTER
    assert (both.verdict, both.reason) == (Verdict.INCONCLUSIVE, Reason.NO_RATIO)
    assert once.verdict is Verdict.INCONCLUSIVE
    assert once.estimate == 1.0


def test_holm_asks_the_others_again_at_the_level_of_those_that_remain() -> None:
    """Of four questions two are clear; the two others are then asked at the level of two."""
    asked: list[tuple[int, float]] = []

    def question(place: int, logs: list[float]) -> Callable[[float], Judgement]:
        def ask(level: float) -> Judgement:
            asked.append((place, level))
            return judge(*values(logs), MEMORY, 0.05, level)

        return ask

    clear, unclear = [0.3, 0.31] * 5, [0.04, 0.06] * 5
    found = judge_family([question(0, clear), question(1, unclear), question(2, clear), question(3, unclear)])

    assert [judgement.verdict for judgement in found] == [
        Verdict.WORSE,
        Verdict.INCONCLUSIVE,
        Verdict.WORSE,
        Verdict.INCONCLUSIVE,
    ]
    assert asked == [*((place, 0.9875) for place in range(4)), (1, 0.975), (3, 0.975)]
    assert [judgement.level for judgement in found] == [0.9875, 0.975, 0.9875, 0.975]


def test_the_level_is_shared_among_primaries() -> None:
    """Six blocks settle one primary; four primaries need eight, and say so."""
    one, four = (judge(BASELINE[:6], times(0.8)[:6], MEMORY, 0.05, verdict_level(primaries)) for primaries in (1, 4))

    assert one.verdict is Verdict.BETTER
    assert (four.verdict, four.reason, four.blocks_needed) == (None, Reason.SMOKE, 8)
    assert four.estimate == pytest.approx(0.8, rel=0.01)
    assert four.interval is None
    assert four.level == 0.9875


@given(log_noise, st.integers(0, 5), st.integers(1, 4))
def test_too_few_blocks_never_give_a_word(log: float, n: int, primaries: int) -> None:
    """One block is never significant, and neither are five."""
    judgement = judge(*values([log] * n), MEMORY, 0.05, verdict_level(primaries))

    assert judgement.verdict is None
    assert judgement.interval is None


def test_arms_with_different_numbers_of_blocks_are_refused() -> None:
    """An incomplete block is an error of the caller, not a verdict."""
    with pytest.raises(AnalysisError, match="8 values of the baseline and 7") as refusal:
        judge(BASELINE, times(0.8)[:7], MEMORY, 0.05)
    assert refusal.value.hint


@given(series.filter(lambda logs: len(logs) >= 6), st.data())
def test_a_missing_block_refuses_and_is_named(logs: list[float], data: st.DataObject) -> None:
    """None in either arm makes the metric unjudgeable, whatever the other blocks say."""
    baseline, contender = values(logs)
    hole = data.draw(st.integers(0, len(logs) - 1))
    data.draw(st.sampled_from([baseline, contender]))[hole] = None
    judgement = judge(baseline, contender, MEMORY, 0.05)

    assert (judgement.verdict, judgement.reason) == (Verdict.INCONCLUSIVE, Reason.MISSING)
    assert judgement.blocks == (hole + 1,)
    assert judgement.interval is None


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_values_without_a_logarithm_give_a_reason(value: float) -> None:
    """No errors in either arm is no ratio, and so not "equivalent" either."""
    judgement = judge([value] * 6, [value] * 6, METRICS["errors"], 0.05)

    assert (judgement.verdict, judgement.reason) == (Verdict.INCONCLUSIVE, Reason.NO_RATIO)
    assert judgement.blocks == (1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(("bound", "intervals"), [(0, 1), (-0.1, 1), (math.nan, 1), (0.05, 0)])
def test_senseless_arguments_are_refused(bound: float, intervals: int) -> None:
    """A bound of zero would make every difference matter; zero judged intervals have no level."""
    with pytest.raises(AnalysisError):
        judge(BASELINE, BASELINE, MEMORY, bound, verdict_level(intervals))


def test_exploratory_metrics_have_numbers_and_no_word() -> None:
    """METHOD 7: number and interval."""
    judgement = explore(BASELINE, times(0.8), MEMORY)

    assert (judgement.verdict, judgement.reason) == (None, Reason.EXPLORATORY)
    assert judgement.interval is not None


def test_the_lower_bound_is_the_reciprocal_of_the_upper_one() -> None:
    """With ±5%: 1/1.05 = 0.952, not 0.95, so that neither direction is easier to reach."""
    assert judge([100.0] * 6, [95.1] * 6, MEMORY, 0.05).verdict is Verdict.BETTER
    assert judge([100.0] * 6, [95.3] * 6, MEMORY, 0.05).verdict is Verdict.EQUIVALENT


def test_an_interval_that_touches_the_bound_is_not_beyond_it() -> None:
    """Constant ratios exactly on the bound lie within it, from either side, in any unit."""
    for unit in (1.0, 3.0, 1e-3, 1024.0**2):
        on_bound = [1.05 * unit] * 6
        assert judge([unit] * 6, on_bound, MEMORY, 0.05).verdict is Verdict.EQUIVALENT
        assert judge(on_bound, [unit] * 6, MEMORY, 0.05).verdict is Verdict.EQUIVALENT


@given(series, bounds, st.integers(1, 4))
def test_swapping_the_arms_mirrors_the_verdict(logs: list[float], bound: float, intervals: int) -> None:
    """What is better than the other is worse the other way round, for the same reason."""
    baseline, contender = values(logs)
    forth = judge(baseline, contender, MEMORY, bound, verdict_level(intervals))
    back = judge(contender, baseline, MEMORY, bound, verdict_level(intervals))

    assert back.verdict is MIRROR[forth.verdict]
    assert back.reason is forth.reason
    assert back.difference_detected is forth.difference_detected
    if forth.interval and back.interval:
        assert back.interval.low == pytest.approx(1 / forth.interval.high, rel=1e-12)


@given(series, bounds, st.floats(1e-12, 1e12))
def test_the_unit_of_a_metric_changes_nothing(logs: list[float], bound: float, unit: float) -> None:
    """Bytes or MiB, seconds or milliseconds."""
    baseline, contender = values(logs)
    one, other = ([value * unit for value in arm if value is not None] for arm in (baseline, contender))
    plain, changed = judge(baseline, contender, MEMORY, bound), judge(one, other, MEMORY, bound)

    assert (changed.verdict, changed.reason) == (plain.verdict, plain.reason)
    assert changed.estimate == pytest.approx(plain.estimate, rel=1e-9)


@given(near_one_value, bounds, st.floats(0, 1))
def test_more_agreement_never_unsettles(logs: list[float], bound: float, shrink: float) -> None:
    """Pulling the blocks towards their estimate keeps every verdict that was reached."""
    before = judge_logs(logs, bound)
    assume(before.verdict not in (None, Verdict.INCONCLUSIVE))
    centre = hodges_lehmann(log_ratios(*values(logs)))
    after = judge_logs([centre + shrink * (log - centre) for log in logs], bound)

    assert after.verdict is before.verdict


@given(st.permutations(range(8)))
def test_the_order_of_the_blocks_changes_nothing(order: list[int]) -> None:
    """Blocks are exchangeable."""
    contender = times(1.05, spread=4)
    shuffled = judge([BASELINE[k] for k in order], [contender[k] for k in order], MEMORY, 0.05)
    straight = judge(BASELINE, contender, MEMORY, 0.05)

    assert (shuffled.verdict, shuffled.reason) == (straight.verdict, straight.reason)


def test_the_simulation_decides_as_judge_does() -> None:
    """benchmarks/verdict_rates.py measures the error rates of the very code that gives verdicts."""
    rows = np.random.default_rng(5).normal(0.05, 0.05, (300, 8))
    words = {
        Side.BELOW: Verdict.BETTER,
        Side.ABOVE: Verdict.WORSE,
        Side.INSIDE: Verdict.EQUIVALENT,
        Side.ACROSS: Verdict.INCONCLUSIVE,
    }
    simulated = [words[Side(int(place))] for place in decide(rows, math.log1p(0.05), 0.95).place]

    assert simulated == [judge_logs(row.tolist()).verdict for row in rows]
    assert {Verdict.WORSE, Verdict.EQUIVALENT, Verdict.INCONCLUSIVE} <= set(simulated)


@given(st.lists(st.floats(min_value=5e-324, max_value=1.7e308), min_size=6, max_size=8))
def test_extreme_values_never_crash(extremes: list[float]) -> None:
    """From the smallest float to the largest."""
    judgement = judge(extremes, extremes[::-1], MEMORY, 0.05)

    assert judgement.interval is not None
    assert math.isfinite(judgement.interval.high)
