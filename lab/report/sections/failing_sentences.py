"""What the failure guard says of an arm, before anything else that was judged of it (METHOD 7.5)."""

from __future__ import annotations

from lab.analysis.contests import Contest
from lab.analysis.judge.failures import Failures
from lab.analysis.judge.verdict import Reason, Verdict
from lab.report.parts.answers import quoted
from lab.report.parts.effects import points_text
from lab.units import count_of


def failing_sentence(contest: Contest, baseline: str) -> str:
    """That one of the two failed too much more to be the better one; empty where that changes nothing."""
    found = contest.judgement
    if found.reason is Reason.FAILS_MORE:
        return _told(contest, baseline, "an arm that fails more is worse, whatever else was measured.")
    if contest.barred is not None and found.verdict is Verdict.WORSE:
        return _told(contest, baseline, f"{quoted(baseline)} fails more, and does not win by that.")
    return ""


def percent(fraction: float) -> str:
    """``"4.87%"``."""
    return f"{fraction * 100:.3g}%"


def _told(contest: Contest, baseline: str, so: str) -> str:
    shares = _shares(contest.failures, quoted(contest.arm), quoted(baseline))
    return f"{shares}: {so}" if shares else ""


def _shares(failures: Failures | None, arm: str, baseline: str) -> str:
    """How much each of them failed; empty where it is not known how much more."""
    if failures is None or failures.more is None:
        return ""
    return (
        f"{arm} failed {percent(failures.contender)} of the requests, {baseline} {percent(failures.baseline)} "
        f"({points_text(failures.more)}, {count_of(failures.n, 'block')})"
    )
