"""The gate on attribution: is it known which process served each request? Without that no share says anything."""

from __future__ import annotations

from lab.analysis.gates.limits import ATTRIBUTION
from lab.analysis.gates.outcome import judge, not_applicable, unchecked
from lab.analysis.trial.latency import measured
from lab.analysis.trial.shares import attributed
from lab.record.types import GateResult, TrialResult
from lab.scenario.kinds import FRONTS


def _fronted(kind: str) -> bool:
    front = FRONTS.get(kind)
    return front is None or front.hops > 0


def attribution(result: TrialResult) -> GateResult:
    """Successful requests of the measure phase whose serving process is known ÷ all of them."""
    record = result.record
    if record.processes == 1:
        return not_applicable(ATTRIBUTION, "one-process")
    known = attributed(measured(result.tables.requests))
    if known is None:
        return unchecked(ATTRIBUTION, "no-success")
    nobody = "none-behind" if _fronted(record.front) else "none-direct"
    return judge(ATTRIBUTION, known, nobody if record.attribution == "none" else record.attribution)
