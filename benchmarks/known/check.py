"""One line of the table: what was planted, what the lab printed, what is allowed, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass

WIDTHS = (62, 20, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``holds`` None: a figure that is shown beside the others and judged by nothing."""

    case: str
    planted: str
    printed: str
    allowed: str = ""
    holds: bool | None = None

    def __str__(self) -> str:
        word = {True: "pass", False: "FAIL", None: ""}[self.holds]
        return row(word, self.case, self.planted, self.printed, self.allowed)


def row(word: str, *cells: str) -> str:
    """The cells in columns; a long one moves the rest of its line."""
    return f"{word:4}  " + "  ".join(f"{text:<{width}}" for text, width in zip(cells, (*WIDTHS, 0), strict=True))


def within(case: str, printed: float, planted: float, tolerance: float, unit: str) -> Check:
    """``printed`` lies within the fraction ``tolerance`` of ``planted``."""
    return Check(
        case=case,
        planted=f"{planted:g} {unit}",
        printed=f"{printed:.4g} {unit} ({printed / planted - 1:+.1%})",
        allowed=f"±{tolerance:.1%}",
        holds=abs(printed / planted - 1) <= tolerance,
    )


def exactly(case: str, printed: object, planted: object) -> Check:
    """``printed`` is what was ``planted``."""
    return Check(case=case, planted=str(planted), printed=str(printed), allowed="the same", holds=printed == planted)
