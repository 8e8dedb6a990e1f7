"""What both documents for programs have: the base of their types, and one metric judged."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lab.units import finite


class Strict(BaseModel):
    """The base of all of them: nothing but the fields, read from an object's attributes or from a mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


End = Annotated[float | None, BeforeValidator(finite)]


class IntervalEntry(Strict):
    """A confidence interval, ends included; null is an end that nothing bounds, as of "at least that"."""

    low: End
    high: End
    level: float


class JudgementEntry(Strict):
    """One metric over some blocks; ``verdict`` is null where only numbers are given, and ``reason`` says why.

    ``interval`` decides better and worse, the narrower ``equivalence`` decides equivalent; ``difference`` stands in
    their place where shares of requests are judged. ``blocks`` are the block numbers that ``reason`` is about.
    ``bound`` and ``noise_floor`` are fractions; a ratio is judged between 1/(1 + bound) and 1 + bound.
    """

    verdict: Literal["better", "worse", "equivalent", "inconclusive"] | None
    reason: str
    n: int
    blocks_needed: int
    estimate: float | None
    interval: IntervalEntry | None
    equivalence: IntervalEntry | None
    cross_check: IntervalEntry | None
    difference: IntervalEntry | None
    method_sensitive: bool
    leave_one_out: tuple[End, End] | None
    bound: float | None
    noise_floor: float | None = Field(validation_alias="floor")
    difference_detected: bool
    blocks: tuple[int, ...]
