"""The one known defect that explains a response time: an acknowledgement of TCP that is waited for (FIELD 2)."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from lab.analysis.gates import CAVEAT
from lab.analysis.summary import RunSummary
from lab.metric_types import Family
from lab.metrics import Unit
from lab.report.parts.cells import quantity
from lab.report.parts.gate_sentences import listed
from lab.report.parts.values import shown_value

KEEPALIVE = "keepalive"  # the gate that probes for it
WHY = (
    "waiting for a TCP acknowledgement, not work of the app: uvicorn with --workers on the asyncio loop does not set "
    "TCP_NODELAY. Install uvloop in the image."
)


def late_told(summary: RunSummary) -> str:
    """Of which arms it is in the numbers, and what helps; empty where no arm's show it.

    The probe asks again and again. A connection that rests for longer than the client delays acknowledgements (60 ms
    are enough) does not wait, so an arm may have the defect, and no number of it.
    """
    found = [
        (gate.value, gate.limit, trial.record.arm)
        for trial in summary.trials
        for gate in trial.record.gates
        if gate.key == KEEPALIVE and gate.outcome == CAVEAT and gate.value is not None and gate.limit is not None
    ]
    if not found:
        return ""
    limit_s, arms = min(limit for _, limit, _ in found), dict.fromkeys(arm for *_, arm in found)
    told = " and ".join(_told(summary, list(arms), limit_s))
    worst = quantity(Unit.SECONDS, max(value for value, *_ in found))
    return f"{worst} {told} is {WHY}" if told else ""


def late_beside(summary: RunSummary) -> bool:
    """Whether it touches nothing that is judged: then it stands beside the numbers that it explains, and only there."""
    return bool(summary.decision.needed) and Family.TIME not in summary.decision.needed


def _told(summary: RunSummary, arms: list[str], limit_s: float) -> Iterator[str]:
    """Which requests of which arms are so late: each where the median is, some where only the slowest are."""
    for key, which in (("service.p50", "each request"), ("service.p95", "some requests")):
        late = [arm for arm in arms if limit_s <= (shown_value(summary, arm, key) or 0.0) < inf]
        arms = [arm for arm in arms if arm not in late]
        if late:
            yield f"of {which} to {listed(late)}"
