"""Gates on a drill: was it carried out, on an arm that was steady before? (METHOD 9.3)"""

from lab.analysis.gates.limits import DRILL_DONE, DRILL_STEADY, judge
from lab.analysis.trial.drill import aftermath
from lab.record.schema import ACTION
from lab.record.types import GateResult, TrialResult


def done(result: TrialResult) -> GateResult:
    """Acts that were carried out."""
    return judge(DRILL_DONE, float(sum(event.kind.startswith(ACTION) for event in result.record.events)))


def steady(result: TrialResult) -> GateResult:
    """Requests that were bad before anything was done."""
    found = aftermath(result.record, result.tables.requests)
    return judge(DRILL_STEADY, float(found.bad_before if found else 0))
