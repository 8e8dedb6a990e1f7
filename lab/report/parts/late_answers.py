"""The one known defect that explains a response time: an acknowledgement of TCP that is waited for (FIELD 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from lab.analysis.conditions import judged_families
from lab.analysis.gates import CAVEAT
from lab.analysis.summary import RunSummary
from lab.metric_types import Family
from lab.metrics import Unit
from lab.record.evidence import NAGLE_MAX_S, NAGLE_MIN_S
from lab.report.parts.answers import capital
from lab.report.parts.cells import quantity
from lab.report.parts.gate_sentences import listed
from lab.report.parts.values import shown_value

KEEPALIVE = "keepalive"  # the gate that probes for it
WHY = (
    "which waits for a TCP acknowledgement, not for the app: uvicorn with --workers on the asyncio loop does not set "
    "TCP_NODELAY. Install uvloop in the image."
)


def late_told(summary: RunSummary) -> str:
    """Of which arms it is in the numbers, and what helps; empty where no arm's show it.

    The probe asks again and again. A connection that rests for longer than the client delays acknowledgements (60 ms
    are enough) does not wait, so an arm may have the defect, and no number of it.
    """
    probed: dict[str, float] = {}
    for trial in summary.trials:
        for gate in trial.record.gates:
            if gate.key == KEEPALIVE and gate.outcome == CAVEAT and gate.value is not None:
                probed[trial.record.arm] = max(gate.value, probed.get(trial.record.arm, 0.0))
    told = list(_told(summary, probed))
    return f"{capital('; '.join(told))}, {WHY}" if told else ""


def late_beside(summary: RunSummary) -> bool:
    """Whether it touches nothing that is judged: then it stands beside the numbers that it explains, and only there."""
    judged = judged_families(summary)
    return bool(judged) and Family.TIME not in judged


def _told(summary: RunSummary, probed: Mapping[str, float]) -> Iterator[str]:
    """Which requests of which arms are as late as the probe; of slower ones it may be a part, which nothing shows."""
    arms = list(probed)
    for key, which, latest_s in (
        ("service.p50", "the median request to {} is as late as", NAGLE_MAX_S),
        ("service.p95", "the slowest requests (p95) to {} are as late as", NAGLE_MAX_S),
        ("service.p50", "a request to {} may hold as much as", inf),
    ):
        late = [arm for arm in arms if NAGLE_MIN_S <= (shown_value(summary, arm, key) or 0.0) <= latest_s]
        arms = [arm for arm in arms if arm not in late]
        if late:
            took = quantity(Unit.SECONDS, max(probed[arm] for arm in late))
            yield f"{which.format(listed(late))} a probe of a kept-alive connection there ({took})"
