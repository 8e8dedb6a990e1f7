"""Two runs: what may be compared, and exact unpaired intervals checked against scipy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, ttest_ind

from lab.analysis.across import compare_across, studied, unlike
from lab.analysis.judge.intervals import AnalysisError
from lab.analysis.judge.unpaired import (
    explore_unpaired,
    judge_unpaired,
    mann_whitney_distribution,
    mann_whitney_limits,
    welch_limits,
)
from lab.analysis.judge.verdict import Reason, Verdict
from lab.metrics import METRICS
from lab.record.types import Environment, RunInfo
from lab.scenario.model import App
from tests.builders import make_run
from tests.judged_runs import Values, scenario, series, summary

MEMORY = METRICS["memory.pss.total"]
FIRST = make_run(scenario())
sample = st.lists(st.integers(-10_000, 10_000), min_size=4, max_size=9, unique=True)


def changed(**facts: Any) -> RunInfo:
    return replace(FIRST, environment=Environment(facts={**FIRST.environment.facts, **facts}))


@given(sample, sample, st.sampled_from([0.9, 0.95]))
def test_the_interval_is_the_inversion_of_scipys_exact_test(x: list[int], y: list[int], level: float) -> None:
    """Just inside the ends the test does not reject, just outside it does."""
    baseline, contender = np.array(x, dtype=float), np.array(y, dtype=float) + 0.5  # no ties between the two
    try:
        limits = mann_whitney_limits(baseline, contender, level)
    except AnalysisError:
        assert 2 / math.comb(len(x) + len(y), len(x)) > 1 - level
        return

    def p_value(shift: float) -> float:
        return float(mannwhitneyu(baseline, contender - shift, method="exact").pvalue)

    nudge = 1e-3
    assert p_value(float(limits.low) - nudge) <= 1 - level + 1e-12
    assert p_value(float(limits.high) + nudge) <= 1 - level + 1e-12
    assert p_value(float(limits.low) + nudge) > 1 - level
    assert p_value(float(limits.high) - nudge) > 1 - level


def test_the_null_distribution_agrees_with_the_published_table() -> None:
    """Critical values of the two-sided 5 % test: 2 for 5 and 5, 5 for 6 and 6, 13 for 8 and 8, 23 for 10 and 10."""
    for n, critical in ((5, 2), (6, 5), (8, 13), (10, 23)):
        cumulative = np.cumsum(mann_whitney_distribution(n, n))
        assert 2 * cumulative[critical] <= 0.05 < 2 * cumulative[critical + 1]
        assert cumulative[-1] == pytest.approx(1)


@given(sample, sample)
def test_welch_agrees_with_scipy(x: list[int], y: list[int]) -> None:
    """The cross-check is Welch's interval."""
    ours = welch_limits(np.array(x, dtype=float), np.array(y, dtype=float), 0.95)
    theirs = ttest_ind(y, x, equal_var=False).confidence_interval(0.95)

    assert (float(ours.low), float(ours.high)) == pytest.approx((theirs.low, theirs.high))


def test_a_clear_difference_between_runs_is_judged() -> None:
    """10 % less memory; swapping the runs mirrors the word."""
    before, after = series(1e8, 1.001), series(1e8, 0.9)

    assert judge_unpaired(before, after, MEMORY, 0.05, 1).verdict is Verdict.BETTER
    assert judge_unpaired(after, before, MEMORY, 0.05, 1).verdict is Verdict.WORSE
    assert judge_unpaired(before, before, MEMORY, 0.05, 1).verdict is Verdict.EQUIVALENT
    assert judge_unpaired(before, after, MEMORY, 0.05, 1, floor=0.2).reason is Reason.BELOW_FLOOR


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ([1.0] * 5, [1.0] * 8, Reason.SMOKE),
        ([1.0] * 8, [], Reason.SMOKE),
        ([1.0] * 8, [1.0] * 7 + [None], Reason.MISSING),
        ([1.0] * 8, [1.0] * 7 + [0.0], Reason.NO_RATIO),
    ],
)
def test_what_cannot_be_judged_is_not(before: list[float], after: list[float | None], reason: Reason) -> None:
    """Each run needs as many blocks as a paired verdict takes; a missing value is not replaced."""
    found = explore_unpaired(before, after, MEMORY)

    assert (found.reason, found.interval, found.verdict) == (reason, None, None)


def test_equal_runs_differ_in_nothing() -> None:
    """Time, seed, question and the other arms are not what an arm is."""
    later = replace(FIRST, run_id="later", started_at="2027-01-01T00:00:00+00:00")
    other_plan = make_run(scenario(20, question="Later?"))

    assert unlike(FIRST, later, "workers") == ()
    assert unlike(FIRST, other_plan, "workers") == ()


@pytest.mark.parametrize(
    ("second", "key"),
    [
        (changed(kernel="6.12.1"), "environment.kernel"),
        (changed(machine="other"), "environment.machine"),
        (replace(FIRST, lab_version="9.9"), "lab_version"),
        (replace(FIRST, images={"app": {"digest": "sha256:new"}}), "images.app.digest"),
        (replace(FIRST, inputs={"locustfile": "abc"}), "inputs.locustfile"),
        (make_run(replace(scenario(), load=replace(scenario().load, rate=301.0))), "scenario.load.rate"),
        (make_run(replace(scenario(), app=App(image="example/app:1", loop="asyncio"))), "scenario.app.loop"),
    ],
)
def test_each_difference_is_named_by_the_key_that_allows_it(second: RunInfo, key: str) -> None:
    """What ``--studied`` takes is what the refusal prints."""
    found = unlike(FIRST, second, "workers")

    assert key in [difference.key for difference in found]
    assert all(studied(difference, [key]) == (difference.key == key) for difference in found)


def test_a_new_image_brings_its_own_versions() -> None:
    """Studying the digest allows the uvicorn inside to differ, and nothing else."""
    second = replace(
        changed(uvicorn="0.60.0", image_digest="sha256:new", kernel="6.12.1"), images={"app": {"digest": "sha256:new"}}
    )
    foreign = [d.key for d in unlike(FIRST, second, "workers") if not studied(d, ["images.app.digest"])]

    assert foreign == ["environment.kernel"]


def test_nginx_matters_only_to_arms_behind_it() -> None:
    """A new nginx does not touch an arm that is reached directly."""
    second = replace(FIRST, images={**FIRST.images, "nginx": {"digest": "sha256:new"}})

    assert unlike(FIRST, second, "workers") == ()
    assert [difference.key for difference in unlike(FIRST, second, "replicas")] == ["images.nginx.digest"]


def test_an_arm_is_compared_over_the_valid_blocks_of_both_runs() -> None:
    """Only that arm; primaries get a word, thin percentiles none."""
    compare = {"baseline": "workers", "primary": ["memory.pss.total", "p99"]}
    before: Values = {(MEMORY.key, "workers"): series(1e8, 1.001), ("p99", "workers"): series(0.01, 1.001)}
    after: Values = {(MEMORY.key, "workers"): series(1e8, 0.9), ("p99", "workers"): series(0.01, 2.0)}
    runs = [summary(scenario(compare=compare), values, requests=450) for values in (before, after)]
    found = compare_across(runs[0], runs[1], "workers")
    memory, p99 = found.primaries

    assert found.blocks == (8, 8)
    assert memory.verdict is Verdict.BETTER
    assert (p99.verdict, p99.reason) == (Verdict.INCONCLUSIVE, Reason.TOO_FEW_REQUESTS)
    assert {judgement.verdict for judgement in found.exploratory} == {None}
