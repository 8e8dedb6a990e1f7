"""A gate: a check of instrument and machine with its limits, and the outcomes that it can have (METHOD 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lab.metric_types import Family
from lab.metrics import Unit
from lab.record.schema import Outcome
from lab.record.types import GateResult

PASS: Final = "pass"  # noqa: S105  no password
CAVEAT: Final = "caveat"
INVALID: Final = "invalid"

EVERYTHING = frozenset(Family)
TIME_ONLY = frozenset({Family.TIME})  # a late or busy generator moves instants, neither memory nor CPU seconds
NOT_MEMORY = frozenset({Family.CPU, Family.TIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate. A value beyond ``caveat`` makes a caveat, beyond ``invalid`` the trial invalid; None: no limit.

    ``floor`` True: the limits are lower bounds (achieved readings), False: upper bounds. ``source`` gives the reason.
    ``spoils`` are the families of metrics of which an invalid trial says nothing.
    """

    key: str
    title: str
    unit: Unit
    source: str
    spoils: frozenset[Family] = EVERYTHING
    caveat: float | None = None
    invalid: float | None = None
    floor: bool = False

    def beyond(self, value: float, limit: float | None) -> bool:
        """True when ``value`` is on the wrong side of ``limit``."""
        if limit is None:
            return False
        return value < limit if self.floor else value > limit

    def badness(self, value: float) -> float:
        """The value, or its negative for a floor: what is worse is greater."""
        return -value if self.floor else value

    def outcome(self, value: float) -> Outcome:
        """``"pass"``, ``"caveat"`` or ``"invalid"``."""
        if self.beyond(value, self.invalid):
            return INVALID
        return CAVEAT if self.beyond(value, self.caveat) else PASS

    def limit(self, outcome: Outcome) -> float | None:
        """The limit that decided ``outcome``; for a pass the first one that would have been met."""
        if outcome == INVALID:
            return self.invalid
        return self.caveat if self.caveat is not None else self.invalid


def judge(gate: Gate, value: float, why: str = "", node: str = "") -> GateResult:
    """Hold ``value`` against the gate's limits; ``node`` is where it was measured, of several machines."""
    if not math.isfinite(value):
        return unchecked(gate, "no-number", node)
    return decided(gate, gate.outcome(value), value, why, node)


def judge_worst(gate: Gate, found: Mapping[str, float | None], missing: str) -> GateResult:
    """Hold the worst value of several machines, by their names, against the limits; "" is the name of the only one.

    One of which it is not known leaves the gate unchecked, for the reason ``missing``.
    """
    known = {node: value for node, value in found.items() if value is not None}
    if silent := [node for node in found if node not in known]:
        return unchecked(gate, missing, silent[0])
    worst = max(known, key=lambda node: gate.badness(known[node]))
    return judge(gate, known[worst], node=worst)


def decided(gate: Gate, outcome: Outcome, value: float, why: str = "", node: str = "") -> GateResult:
    """As ``judge``, for a gate whose outcome takes more than its limits to decide."""
    return GateResult(key=gate.key, outcome=outcome, value=value, limit=gate.limit(outcome), why=why, node=node)


def unchecked(gate: Gate, why: str, node: str = "") -> GateResult:
    """Data for the gate are missing: a caveat, for a gate that was not checked has not been passed."""
    return GateResult(key=gate.key, outcome=CAVEAT, value=None, limit=gate.limit(CAVEAT), why=why, node=node)


def not_applicable(gate: Gate, why: str) -> GateResult:
    """The gate has no meaning for this trial: a pass without a value, and the reason."""
    return GateResult(key=gate.key, outcome=PASS, value=None, limit=None, why=why)
