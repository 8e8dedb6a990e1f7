"""The gate that takes a whole block: arms that are suspiciously alike."""

from __future__ import annotations

from collections.abc import Mapping

from lab.analysis.gates.limits import ALIKE
from lab.analysis.gates.outcome import judge, unchecked
from lab.record.types import GateResult


def rates_alike(rates: Mapping[str, float]) -> GateResult:
    """Throughput of all arms of one closed-model block within 1.5 %: what they share may be the limit, the generator.

    ``rates`` are successful requests a second of two or more arms. The value is the largest ÷ the smallest − 1. In
    the open model the rate sets the throughput, and likeness means nothing.
    """
    if not all(rates.values()):
        return unchecked(ALIKE, "no-success")
    return judge(ALIKE, max(rates.values()) / min(rates.values()) - 1)
