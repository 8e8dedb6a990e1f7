"""Gates: is a trial valid, whatever it says? Each check is a pure function over one TrialResult (METHOD 2).

``run_gates`` applies all of them to one trial, ``rates_alike`` looks at the arms of one block, and ``GATES`` declares
titles, limits and sources for reports and documents.
"""

from collections.abc import Callable

from lab.analysis.gates import drills, load, machine
from lab.analysis.gates.gate import CAVEAT, INVALID, PASS, Gate, decided
from lab.analysis.gates.limits import COMPLETE, GATES, spoiled
from lab.analysis.gates.load import attribution, rates_alike
from lab.record.types import GateResult, Phase, TrialResult, TrialState

__all__ = ["CAVEAT", "GATES", "INVALID", "PASS", "Gate", "rates_alike", "run_gates", "spoiled"]

CHECKS: tuple[Callable[[TrialResult], GateResult], ...] = (
    load.load_cpu,
    load.requests,
    load.rows,
    load.lag,
    load.little,
    load.clock,
    machine.sampler_readings,
    machine.sampler_cpu,
    machine.steal,
    machine.anonymous_memory,
    machine.shared_memory,
    attribution,
)
DRILL_CHECKS: tuple[Callable[[TrialResult], GateResult], ...] = (
    drills.done,
    drills.steady,
    drills.unrest,
    drills.clock,
)
MACHINE_CHECKS: tuple[Callable[[TrialResult, int], GateResult], ...] = (load.arrivals, machine.foreign)


def run_gates(result: TrialResult, cpu_count: int) -> tuple[GateResult, ...]:
    """Every gate over one trial; ``cpu_count`` is the machine's number of cores.

    A trial that did not reach the end of its measure phase has one result only: invalid.
    """
    complete = _complete(result)
    if complete.outcome == INVALID:
        return (complete,)
    checks = (*CHECKS, *DRILL_CHECKS) if result.record.drill else CHECKS
    results = [check(result) for check in checks] + [check(result, cpu_count) for check in MACHINE_CHECKS]
    return (complete, *sorted(results, key=lambda gate: list(GATES).index(gate.key)))


def _complete(result: TrialResult) -> GateResult:
    record = result.record
    window = record.phases.get(Phase.MEASURE)
    if record.state is TrialState.DONE and window is not None and window.length_s > 0:
        return decided(COMPLETE, PASS, 1.0)
    return decided(COMPLETE, INVALID, 0.0)
