"""One line of the result: what was measured, against which limit, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """``holds`` None: a figure that is shown beside the others and judged by nothing."""

    text: str
    holds: bool | None

    def __str__(self) -> str:
        word = {True: "pass", False: "FAIL", None: "    "}[self.holds]
        return f"{word}  {self.text}"


def within(what: str, measured: float, expected: float, tolerance: float, unit: str) -> Check:
    """``measured`` lies within the fraction ``tolerance`` of ``expected``."""
    off = measured / expected - 1
    text = f"{what}: {measured:.2f} {unit}, {off:+.1%} of {expected:g} {unit} (limit ±{tolerance:.0%})"
    return Check(text, abs(off) <= tolerance)
