"""Gates on a drill: was it carried out, on an arm that was steady before? (METHOD 9.3)"""

from lab.analysis.gates.gate import judge, unchecked
from lab.analysis.gates.limits import DRILL_DONE, DRILL_STEADY, DRILL_UNREST
from lab.analysis.trial.drill import aftermath, bad_without_action
from lab.record.schema import ACTION, OVER, EventKind
from lab.record.types import GateResult, TrialResult


def done(result: TrialResult) -> GateResult:
    """1 where the drill was carried out as a whole, 0 where the trial ended before.

    An arm whose load was given up after the action has shown what the drill costs it (METHOD 9.6).
    """
    kinds = {event.kind for event in result.record.events}
    given_up = EventKind.ABORTED in kinds and any(kind.startswith(ACTION) for kind in kinds)
    return judge(DRILL_DONE, float(given_up or f"{ACTION}{OVER}" in kinds), "aborted" if given_up else "")


def steady(result: TrialResult) -> GateResult:
    """Requests that were bad before anything was done, which in a trial without an action are all that were."""
    record, requests = result.record, result.tables.requests
    found = aftermath(record, requests)
    return judge(DRILL_STEADY, float(found.bad_before if found else bad_without_action(record, requests)))


def unrest(result: TrialResult) -> GateResult:
    """How far the p95 shortly before the action was from what it usually was then."""
    found = aftermath(result.record, result.tables.requests)
    if found is None or found.unrest is None:
        return unchecked(DRILL_UNREST, "no-number")
    return judge(DRILL_UNREST, found.unrest)
