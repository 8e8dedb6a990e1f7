"""From a measured value to a GateResult: the outcome, the limit that decided it, and a sentence for people."""

from __future__ import annotations

import math

from lab.analysis.gates.limits import CAVEAT, INVALID, PASS, Gate
from lab.metrics import Unit
from lab.record.types import GateResult
from lab.units import format_ratio, format_seconds


def judge(gate: Gate, value: float, said: str, advice: str) -> GateResult:
    """Hold ``value`` against the gate's limits.

    ``said`` is a clause with the number ("The sampler used 0.8 % of a core"), ``advice`` a sentence on what to do.
    """
    if not math.isfinite(value):
        return unchecked(gate, f"the measured value is {value}")
    outcome = gate.outcome(value)
    return decided(gate, outcome, value, _against_limit(gate, outcome, said, advice))


def decided(gate: Gate, outcome: str, value: float, sentence: str) -> GateResult:
    """As ``judge``, for a gate whose outcome takes more than its limits to decide; ``sentence`` gives the reason."""
    return GateResult(key=gate.key, outcome=outcome, value=value, limit=gate.limit(outcome), sentence=sentence)


def unchecked(gate: Gate, why: str) -> GateResult:
    """Data for the gate are missing: a caveat, for a gate that was not checked has not been passed."""
    return GateResult(
        key=gate.key,
        outcome=CAVEAT,
        value=None,
        limit=gate.limit(CAVEAT),
        sentence=f"Could not be checked ({gate.title}): {why}.",
    )


def not_applicable(gate: Gate, why: str) -> GateResult:
    """The gate has no meaning for this trial: a pass without a value, and the reason."""
    return GateResult(
        key=gate.key, outcome=PASS, value=None, limit=None, sentence=f"Does not apply ({gate.title}): {why}."
    )


def quantity(unit: Unit, value: float) -> str:
    """A value in the unit of its gate, for sentences."""
    if unit is Unit.FRACTION:
        return format_ratio(value)
    return format_seconds(value) if unit is Unit.SECONDS else f"{value:.0f}"


def _against_limit(gate: Gate, outcome: str, said: str, advice: str) -> str:
    limit = gate.limit(outcome)
    if limit is None:
        return f"{said}."
    bound, beyond = ("at least", "less than") if gate.floor else ("at most", "more than")
    if outcome == INVALID:
        return f"{said}; with {beyond} {quantity(gate.unit, limit)} the trial says nothing. {advice}"
    if outcome == CAVEAT:
        return f"{said}; {beyond} {quantity(gate.unit, limit)} leaves a doubt. {advice}"
    return f"{said}; {bound} {quantity(gate.unit, limit)} is asked for."
