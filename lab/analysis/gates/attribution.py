"""The gate on attribution: is it known which process served each request? Without that no share says anything."""

from __future__ import annotations

from lab.analysis.gates.limits import ATTRIBUTION
from lab.analysis.gates.outcome import judge, not_applicable, unchecked
from lab.analysis.trial.latency import measured
from lab.analysis.trial.shares import attributed
from lab.record.types import GateResult, TrialResult
from lab.scenario.kinds import FRONTS
from lab.units import format_ratio

BY = {
    "header": "by the app's header X-Served-By",
    "socket": "by the owner of the connection's socket",
    "upstream": "by the upstream address that the front names",
}
HEADER = "let the app send a header X-Served-By that names its process, in every answer"
WHY_PARTIAL = {
    "header": "Some answers of the app carry no such header.",
    "socket": "A connection is seen only when it lives for half a second: keep connections alive.",
    "upstream": "Some answers carry no upstream address.",
}
WHY_NONE_DIRECT = f"No connection lived long enough to see who holds it: keep connections alive, or {HEADER}."
WHY_NONE_BEHIND = (
    "Clients are connected to the front, all processes share one address behind it, and the app does not say which of "
    f"them answered: {HEADER}."
)


def _fronted(kind: str) -> bool:
    front = FRONTS.get(kind)
    return front is None or front.hops > 0


def attribution(result: TrialResult) -> GateResult:
    """Successful requests of the measure phase whose serving process is known ÷ all of them."""
    record = result.record
    if record.processes == 1:
        return not_applicable(ATTRIBUTION, "one process serves everything")
    known = attributed(measured(result.tables.requests))
    if known is None:
        return unchecked(ATTRIBUTION, "no request of the measure phase succeeded")
    by = BY.get(record.attribution, "")
    said = f"Of {format_ratio(known)} of the requests it is known which process served them"
    why = WHY_PARTIAL.get(record.attribution) or (WHY_NONE_BEHIND if _fronted(record.front) else WHY_NONE_DIRECT)
    return judge(ATTRIBUTION, known, f"{said} ({by})" if by else said, f"Shares are missing. {why}")
