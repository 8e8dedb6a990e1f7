"""Which arm a metric speaks for, and when that arm does not win because it failed requests (METHOD 7.5). Pure."""

from collections.abc import Mapping

from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Verdict
from lab.analysis.summary import RunSummary

MANY_FAILED = 0.01  # of the requests of an arm: from here on the answer says so, and the arm wins nothing


def better_arm(contest: Contest, baseline: str) -> str:
    """The arm that the verdict of this metric speaks for; "" where it speaks for none."""
    if contest.judgement.verdict is Verdict.BETTER:
        return contest.arm
    return baseline if contest.judgement.verdict is Verdict.WORSE else ""


def failing_arms(summary: RunSummary) -> Mapping[str, float]:
    """The arms that failed MANY_FAILED of their requests or more, with the part; drills and overload are meant to."""
    if summary.scenario.drills or summary.scenario.capacity:
        return {}
    shares = {arm.name: _failed(summary, arm.name) for arm in summary.scenario.arms}
    return {arm: share for arm, share in shares.items() if share >= MANY_FAILED}


def no_winner(contest: Contest, baseline: str, failing: Mapping[str, float]) -> Mapping[str, float]:
    """The better arm with the part of its requests that failed, where that is too much to win; empty otherwise.

    The same two arms have the same winner whichever of them is the baseline: an arm that is ``failing`` wins only where
    the other one fails more, and one that fails more wins nothing that failed requests make better.
    """
    better = better_arm(contest, baseline)
    if better == baseline and contest.barred is not None:
        return {better: failing.get(better, contest.barred)}
    return {better: failing[better]} if better in failing and not _other_fails_more(contest, better) else {}


def _other_fails_more(contest: Contest, better: str) -> bool:
    found = contest.failures
    return found is not None and (found.baseline_fails if better == contest.arm else found.decide)


def _failed(summary: RunSummary, arm: str) -> float:
    counts = [trial.counts for trial in summary.of_arm(arm)]
    return sum(each.failures for each in counts) / max(1, sum(each.requests for each in counts))
