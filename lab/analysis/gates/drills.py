"""Gates on a drill: was it carried out, on an arm that was steady before? (METHOD 9.3)"""

from lab.analysis.gates.gate import judge, unchecked
from lab.analysis.gates.limits import DRILL_CLOCK, DRILL_DONE, DRILL_STEADY, DRILL_UNREST
from lab.analysis.gates.load import held_to
from lab.analysis.trial.acted import began, given_up
from lab.analysis.trial.drill import aftermath, bad_without_action
from lab.record.types import GateResult, TrialResult


def done(result: TrialResult) -> GateResult:
    """1 where the drill's action was carried out under load, 0 where the trial, or its measure phase, ended before.

    By how long the drill took no gate may decide: the slower arm would lose its blocks. See lab.analysis.findings.
    """
    record = result.record
    return judge(DRILL_DONE, float(began(record)), "aborted" if given_up(record) else "")


def steady(result: TrialResult) -> GateResult:
    """Requests that were bad before anything was done, which in a trial without an action are all that were."""
    record, requests = result.record, result.tables.requests
    found = aftermath(record, requests)
    return judge(DRILL_STEADY, float(found.bad_before if found else bad_without_action(record, requests)))


def clock(result: TrialResult) -> GateResult:
    """How well the clock on which requests were timed is known on that of the action: the worst of all."""
    return held_to(DRILL_CLOCK, result.record)


def unrest(result: TrialResult) -> GateResult:
    """How far the p95 shortly before the action was from what it usually was then."""
    found = aftermath(result.record, result.tables.requests)
    if found is None or found.unrest is None:
        return unchecked(DRILL_UNREST, "no-number")
    return judge(DRILL_UNREST, found.unrest)
