"""Findings on the locustfile: what it raised, how it changed the load, and what it said itself."""

from lab.analysis.findings.kinds import EXCEPTIONS, OWN_VERDICT, RAMP, UNREAD
from lab.record.types import Finding, TrialResult


def exceptions(result: TrialResult) -> Finding | None:
    """Exceptions that left tasks or on_start of the locustfile, over the whole trial; the most frequent is named."""
    load = result.record.load
    return EXCEPTIONS.of(float(load.user_errors), max(load.exceptions, key=load.exceptions.__getitem__, default=""))


def ramp(result: TrialResult) -> Finding | None:
    """A LoadTestShape that changed the number of users inside the measure phase."""
    return RAMP.of(float(result.record.load.ramp))


def unread(result: TrialResult) -> Finding | None:
    """Streamed answers that the locustfile reported before it had read them, over the whole trial."""
    return UNREAD.of(float(result.record.load.unread))


def own_verdict(result: TrialResult) -> Finding | None:
    """The exit code that the locustfile set when it quit, with what it said."""
    return OWN_VERDICT.of(float(result.record.load.exit_code), result.record.load.last_words)
