"""The failure guard from the other side: a baseline that fails more wins nothing by that either (METHOD 7.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.analysis.card import Line
from lab.analysis.comparison import compare_run
from lab.analysis.conclusion import Outcome, conclude_arms
from lab.analysis.decision import card_of
from lab.analysis.judge.verdict import Verdict
from lab.analysis.points import PointResult
from lab.plan.points import points_of
from lab.report.sections.answer_sentences import verdict_answers
from lab.report.sections.decision import verdict_words
from lab.report.sections.lead import lead_of
from tests.builders import make_run
from tests.judged_runs import scenario, series, summary

MEMORY, P95 = "memory.pss.total", "p95"
FEW = {"workers": 600}  # 0.6 of 100: too few to be named for it, six times what the guard lets pass


def judged(factors: Mapping[str, float], failed: Mapping[str, int], baseline: str = "workers") -> PointResult:
    """Replicas have so many times as much as workers of each of these, which are judged over 8 blocks."""
    asked = scenario(compare={"baseline": baseline, "primary": list(factors)})
    values: dict[tuple[str, str], Any] = {}
    for key, factor in factors.items():
        values |= {(key, "workers"): series(100.0), (key, "replicas"): series(100.0, factor)}
    found = summary(asked, values, failed=failed)
    run, point = make_run(asked), points_of(asked)[0]
    return PointResult(point=point, run=run, whole=run, summary=found, comparison=compare_run(found))


def outcome_of(one: PointResult) -> Outcome:
    (side,) = conclude_arms(one.summary, one.comparison).sides
    return side.outcome


def sentence_of(one: PointResult) -> str:
    (answer,) = lead_of(one.run, one.summary, one.comparison).sentences
    return answer.sentence


def line_of(one: PointResult, metric: str) -> Line:
    return next(line for line in card_of([one]).lines if line.metric == metric)


@pytest.mark.parametrize(("metric", "factor"), [(P95, 1.3), ("throughput", 0.7), ("cpu.per_1k", 1.3)])
def test_a_baseline_that_fails_more_is_no_winner(metric: str, factor: float) -> None:
    """Its verdict stands; neither the card nor the answer names it, and both say why."""
    one = judged({metric: factor}, FEW)
    (contest,) = one.comparison.primaries
    (answer,) = lead_of(one.run, one.summary, one.comparison).sentences
    (verdict,) = verdict_answers(one.comparison)

    assert contest.judgement.verdict is Verdict.WORSE
    assert outcome_of(one) is Outcome.FAILING
    assert answer.sentence.startswith(
        "“replicas” against “workers” has no winner, as requests failed (0.6% in workers): "
    )
    assert verdict.sentence.startswith("“replicas” failed 0% of the requests, “workers” 0.6% (")
    assert "“workers” fails more, and does not win by that." in verdict.sentence


def test_the_winner_does_not_hang_on_which_arm_is_the_baseline() -> None:
    """An arm that fails more wins from neither side."""
    line = line_of(judged({P95: 1.3}, FEW), P95)
    mirrored = line_of(judged({P95: 1.3}, FEW, baseline="replicas"), P95)

    assert (line.winner, mirrored.winner) == ("", "replicas")
    assert line.failed == {"workers": pytest.approx(0.006)}
    assert "no winner, as requests failed: 0.6% in workers" in verdict_words(line)


@pytest.mark.parametrize("failed", [{}, {"workers": 50}, {"workers": 600, "replicas": 590}])
def test_within_the_margin_a_baseline_wins(failed: Mapping[str, int]) -> None:
    """0.05 points, or 0.01 points where both fail, are no reason."""
    one = judged({P95: 1.3}, failed)

    assert outcome_of(one) is Outcome.WORSE
    assert line_of(one, P95).winner == "workers"


def test_what_no_failed_request_makes_better_is_won_all_the_same() -> None:
    """Memory is not guarded: an arm that has more of it is worse, whatever the other one fails."""
    one = judged({MEMORY: 1.3, P95: 1.3}, FEW)

    assert outcome_of(one) is Outcome.WORSE
    assert sentence_of(one).startswith(
        "“replicas” is worse than “workers” in memory, and requests failed (0.6% in workers): memory +30."
    )
    assert sentence_of(one).endswith("%), no winner: “workers” fails more requests.")
    assert (line_of(one, MEMORY).winner, line_of(one, P95).winner) == ("workers", "")


def test_what_a_baseline_does_not_win_is_no_side_of_a_trade() -> None:
    """The arm is better in memory, and worse in nothing that the baseline has won: so it stands from both sides."""
    one = judged({P95: 1.3, MEMORY: 0.8}, FEW)
    mirrored = judged({P95: 1.3, MEMORY: 0.8}, FEW, baseline="replicas")

    assert (outcome_of(one), outcome_of(mirrored)) == (Outcome.BETTER, Outcome.WORSE)
    assert sentence_of(one).startswith(
        "“replicas” is better than “workers” in memory, and requests failed (0.6% in workers): "
    )
    assert "%), no winner: “workers” fails more requests; memory −20." in sentence_of(one)
    assert sentence_of(one).endswith("%), better.")


@pytest.mark.parametrize("failing", ["workers", "replicas"])
@pytest.mark.parametrize("baseline", ["workers", "replicas"])
def test_an_arm_that_fails_too_many_is_no_side_of_a_trade_either(failing: str, baseline: str) -> None:
    """Replicas have less memory and need more CPU: the arm that failed 5% wins neither, whichever is the baseline."""
    one = judged({MEMORY: 0.8, "boot": 1.3}, {failing: 5_000}, baseline)
    lines = [line_of(one, metric) for metric in (MEMORY, "boot")]
    won = [line.winner for line in lines if line.winner]
    (other,) = {"workers", "replicas"} - {failing}

    assert won == [other]
    assert outcome_of(one) is (Outcome.WORSE if baseline == other else Outcome.BETTER)
    assert f"no winner: “{failing}” fails too many requests" in sentence_of(one)


@pytest.mark.parametrize("baseline", ["workers", "replicas"])
def test_of_two_failing_arms_the_one_that_fails_less_wins_from_both_sides(baseline: str) -> None:
    """9% are more than 5%: that the arm with less memory failed 5% does not take it from it."""
    one = judged({MEMORY: 0.8}, {"workers": 9_000, "replicas": 5_000}, baseline)

    assert line_of(one, MEMORY).winner == "replicas"
    assert outcome_of(one) is (Outcome.BETTER if baseline == "workers" else Outcome.WORSE)


@pytest.mark.parametrize(
    ("factors", "title"),
    [
        ({MEMORY: 0.8, P95: 1.3}, ", better, and requests failed"),
        ({MEMORY: 1.01, P95: 1.3}, ", requests failed"),  # the only difference has no winner
        ({P95: 1.3, MEMORY: 0.8}, ", requests failed"),
        ({P95: 1.3}, ", requests failed"),
        ({P95: 0.7, MEMORY: 0.8}, ", better"),
    ],
)
def test_the_tab_keeps_the_verdict_of_a_metric_that_has_a_winner(factors: Mapping[str, float], title: str) -> None:
    """It says only of what has none that requests failed."""
    one = judged(factors, FEW)
    found = lead_of(one.run, one.summary, one.comparison).title

    assert found.partition("%")[2] == title, found


def test_an_arm_that_is_better_than_a_failing_baseline_is_better() -> None:
    """The guard speaks against the baseline only where it would win."""
    one = judged({P95: 0.7}, FEW)

    assert outcome_of(one) is Outcome.BETTER
    assert (line_of(one, P95).winner, line_of(one, P95).failed) == ("replicas", {})
