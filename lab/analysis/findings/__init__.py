"""Findings: what the arm did that a reader must know, printed beside the numbers; they remove no block (METHOD 2)."""

from __future__ import annotations

from collections.abc import Callable

from lab.analysis.findings import processes, requests, steadiness
from lab.analysis.findings.kinds import FINDINGS, FindingKind
from lab.record.types import Finding, Phase, TrialResult

__all__ = ["FINDINGS", "FindingKind", "run_findings"]

CHECKS: tuple[Callable[[TrialResult], Finding | None], ...] = (
    requests.failed,
    requests.hung,
    requests.dropped,
    processes.changed,
    processes.starved,
    steadiness.steady_p50,
    steadiness.steady_throughput,
    steadiness.memory_drift,
)


def run_findings(result: TrialResult, cpu_count: int) -> tuple[Finding, ...]:
    """All findings of one trial, in the order of FINDINGS; ``cpu_count`` is the machine's number of cores.

    None of a trial without a measure phase: its gates say that it has none.
    """
    window = result.record.phases.get(Phase.MEASURE)
    if window is None or window.length_s <= 0:
        return ()
    found = [*(check(result) for check in CHECKS), requests.capacity(result, cpu_count)]
    return tuple(sorted((one for one in found if one), key=lambda one: list(FINDINGS).index(one.key)))
