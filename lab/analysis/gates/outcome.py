"""From a measured value to a GateResult: the outcome and the limit that decided it. The report has the words."""

from __future__ import annotations

import math

from lab.analysis.gates.limits import CAVEAT, PASS, Gate
from lab.record.schema import Outcome
from lab.record.types import GateResult


def judge(gate: Gate, value: float, why: str = "") -> GateResult:
    """Hold ``value`` against the gate's limits."""
    return decided(gate, gate.outcome(value), value, why) if math.isfinite(value) else unchecked(gate, "no-number")


def decided(gate: Gate, outcome: Outcome, value: float, why: str = "") -> GateResult:
    """As ``judge``, for a gate whose outcome takes more than its limits to decide."""
    return GateResult(key=gate.key, outcome=outcome, value=value, limit=gate.limit(outcome), why=why)


def unchecked(gate: Gate, why: str) -> GateResult:
    """Data for the gate are missing: a caveat, for a gate that was not checked has not been passed."""
    return GateResult(key=gate.key, outcome=CAVEAT, value=None, limit=gate.limit(CAVEAT), why=why)


def not_applicable(gate: Gate, why: str) -> GateResult:
    """The gate has no meaning for this trial: a pass without a value, and the reason."""
    return GateResult(key=gate.key, outcome=PASS, value=None, limit=None, why=why)
