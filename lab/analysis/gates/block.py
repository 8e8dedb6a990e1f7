"""The gate that takes a whole block: arms that are suspiciously alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.analysis.gates.limits import ALIKE
from lab.analysis.gates.outcome import judge, not_applicable, unchecked
from lab.analysis.trial.latency import measured
from lab.record.types import GateResult, TrialResult
from lab.units import format_ratio


def arms_alike(block: Sequence[TrialResult]) -> GateResult:
    """``rates_alike`` of one block's trials."""
    open_model = any(result.record.load.open_model for result in block)
    return rates_alike({result.record.arm: _throughput(result) for result in block}, open_model=open_model)


def rates_alike(rates: Mapping[str, float], *, open_model: bool) -> GateResult:
    """Throughput of all arms of one closed-model block within 1.5 %: what they share may be the limit, the generator.

    ``rates`` are successful requests a second by arm. The value is the largest ÷ the smallest − 1. In the open model
    the rate sets the throughput, and likeness means nothing.
    """
    if open_model:
        return not_applicable(ALIKE, "in the open model the rate sets the throughput of every arm")
    if len(rates) < 2:
        return not_applicable(ALIKE, "the block has one arm only")
    if not all(rates.values()):
        return unchecked(ALIKE, "an arm of the block has no successful request in its measure window")
    spread = max(rates.values()) / min(rates.values()) - 1
    listed = ", ".join(f"{arm} {rate:.1f}/s" for arm, rate in rates.items())
    said = f"The arms of the block are {format_ratio(spread)} apart in throughput ({listed})"
    advice = "The generator may be the limit, or the waits of the locustfile: use more load processes or lanes."
    return judge(ALIKE, spread, said, advice)


def _throughput(result: TrialResult) -> float:
    return float(measured(result.tables.requests)["ok"].sum()) / result.record.measure.length_s
