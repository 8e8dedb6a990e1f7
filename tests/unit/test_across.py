"""Several runs: what may be compared, and intervals with the run as the unit, checked against scipy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from lab.analysis.across import compare_across, studied, unlike
from lab.analysis.judge.unpaired import failures_of_runs, judge_runs, welch_limits
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


@given(sample, sample)
def test_welch_agrees_with_scipy(x: list[int], y: list[int]) -> None:
    """What decides between runs is Welch's interval."""
    ours = welch_limits(np.array(x, dtype=float), np.array(y, dtype=float), 0.95)
    theirs = ttest_ind(y, x, equal_var=False).confidence_interval(0.95)

    assert (float(ours.low), float(ours.high)) == pytest.approx((theirs.low, theirs.high))


def test_a_clear_difference_between_runs_is_judged() -> None:
    """10% less memory in three runs a side; swapping the sides mirrors the word."""
    before, after = [1e8, 1.001e8, 0.999e8], [0.9e8, 0.901e8, 0.899e8]

    assert judge_runs(before, after, MEMORY, 0.05).verdict is Verdict.BETTER
    assert judge_runs(after, before, MEMORY, 0.05).verdict is Verdict.WORSE
    assert judge_runs(before, before, MEMORY, 0.05).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("runs", [3, 6])
def test_equal_arms_are_told_apart_in_at_most_one_comparison_of_twenty(runs: int) -> None:
    """Runs that vary by 3% with blocks that vary by 1%: blocks as the unit gave better or worse in 18.8%."""
    rng = np.random.default_rng(8)

    def side() -> list[float]:
        return [math.exp(rng.normal(0, 0.03) + rng.normal(0, 0.003)) for _ in range(runs)]

    found = [judge_runs(side(), side(), MEMORY, 0.05) for _ in range(1000)]

    intervals = [judgement.interval for judgement in found if judgement.interval]
    assert len(intervals) == 1000
    assert np.mean([not interval.low <= 1 <= interval.high for interval in intervals]) < 0.07
    assert np.mean([judgement.verdict in (Verdict.BETTER, Verdict.WORSE) for judgement in found]) < 0.01


@pytest.mark.parametrize(
    ("before", "after", "reason", "verdict"),
    [
        ([1.0] * 2, [1.0] * 8, Reason.FEW_RUNS, None),
        ([1.0] * 8, [], Reason.FEW_RUNS, None),
        ([1.0] * 8, [1.0] * 7 + [None], Reason.MISSING, Verdict.INCONCLUSIVE),
        ([1.0] * 8, [1.0] * 7 + [0.0], Reason.NO_RATIO, Verdict.INCONCLUSIVE),
    ],
)
def test_what_cannot_be_judged_is_not(
    before: list[float], after: list[float | None], reason: Reason, verdict: Verdict | None
) -> None:
    """Below three runs a side there is no word and no interval; a missing value is not replaced."""
    found = judge_runs(before, after, MEMORY, 0.05)

    assert (found.reason, found.interval, found.verdict) == (reason, None, verdict)


def test_runs_that_fail_more_are_worse() -> None:
    """Shares of failed requests, run by run, and what overrules latency."""
    failed = failures_of_runs([0.0, 0.001, 0.0], [0.05, 0.06, 0.055])
    shares = judge_runs([0.0, 0.001, 0.0], [0.05, 0.06, 0.055], METRICS["errors"], 0.001)

    assert failed.decide
    assert shares.verdict is Verdict.WORSE
    assert not failures_of_runs([0.0, 0.0], [0.5, 0.5]).decide


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


def test_an_arm_is_compared_over_the_valid_blocks_of_its_runs() -> None:
    """One value a run; primaries get a word from three runs a side on, thin percentiles none."""
    compare = {"baseline": "workers", "primary": ["memory.pss.total", "p99"]}
    before: Values = {(MEMORY.key, "workers"): series(1e8, 1.001), ("p99", "workers"): series(0.01, 1.001)}
    after: Values = {(MEMORY.key, "workers"): series(1e8, 0.9), ("p99", "workers"): series(0.01, 2.0)}
    first, second = (summary(scenario(compare=compare), values, requests=450) for values in (before, after))
    (found,) = compare_across([first] * 3, [second] * 3, ["workers"])
    (single,) = compare_across([first], [second], ["workers"])
    memory, p99 = found.primaries

    assert found.blocks == ((8, 8, 8), (8, 8, 8))
    assert memory.verdict is Verdict.BETTER
    assert (p99.verdict, p99.reason) == (Verdict.INCONCLUSIVE, Reason.TOO_FEW_REQUESTS)
    assert {judgement.verdict for judgement in found.exploratory} == {None}
    assert {(judgement.verdict, judgement.reason) for judgement in single.primaries} == {(None, Reason.FEW_RUNS)}
    assert single.primaries[0].estimate == pytest.approx(0.9, rel=0.01)


def test_an_arm_that_answered_nothing_in_one_run_is_not_judged() -> None:
    """Of what it used nothing follows; only its failures are told."""
    compare = {"baseline": "workers", "primary": ["memory.pss.total"]}
    values: Values = {(MEMORY.key, "workers"): series(1e8, 1.001)}
    answered = summary(scenario(compare=compare), values, requests=450)
    silent = summary(scenario(compare=compare), values, requests=450, failed={"workers": 450})
    (found,) = compare_across([answered] * 3, [answered, answered, silent], ["workers"])

    assert [(word.verdict, word.reason, word.estimate) for word in found.primaries] == [(None, Reason.NO_SUCCESS, None)]
    assert {word.reason for word in found.exploratory if not METRICS[word.metric].shares} == {Reason.NO_SUCCESS}
    assert found.failures.contender > 0.3
