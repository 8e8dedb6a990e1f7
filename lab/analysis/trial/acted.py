"""Whether what a drill does to an arm began, and was over, while its requests were measured. Pure."""

from lab.record.schema import ACTION, OVER, EventKind
from lab.record.types import TrialRecord


def began(record: TrialRecord) -> bool:
    """Tell whether anything was done before the measure phase ended."""
    return any(event.kind.startswith(ACTION) and event.t_s <= record.measure.end_s for event in record.events)


def given_up(record: TrialRecord) -> bool:
    """Tell whether the load was given up after the action: such an arm has shown what the drill costs (METHOD 9.6)."""
    return began(record) and any(event.kind == EventKind.ABORTED for event in record.events)


def unfinished(record: TrialRecord) -> bool:
    """Tell whether the measure phase ended before the drill: what the rest of it cost, no request has seen.

    That may be the arm's own doing, as it is slow. So its block stays, and what it cost ranks last (METHOD 2, 9.5).
    """
    end_s = record.measure.end_s
    over = any(event.kind == f"{ACTION}{OVER}" and event.t_s <= end_s for event in record.events)
    return began(record) and not over and not given_up(record)
