"""The search for the smallest memory limit at which an arm still does its work (METHOD 10)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from lab.metrics.limits import MODES
from lab.scenario.capacity import check_objective
from lab.scenario.compare import STRICT
from lab.scenario.quantities import Seconds

Mode = Literal["pooled", "split"]
HELD_S = 60.0
MOST_TRIES = 8  # of an arm and a mode
USUAL_TRIES = 4.5  # of these, where the limit is not far from what the arm had without one
LEAST_HELD_S = 10.0  # a shorter one may end between two readings of memory


@dataclass(config=STRICT, kw_only=True)
class LimitSearch:
    """What `lab limits` asks: each arm under ever smaller memory limits, every one in a trial of its own.

    ``modes``: how the limit is shared, as in budget.memory. ``slo``: the objective that an arm must hold under it;
    without one it is found in the run without a limit. ``measure``: how long it must hold.
    """

    modes: Annotated[tuple[Mode, ...], Field(min_length=1, max_length=2)] = MODES
    slo: Annotated[str, AfterValidator(check_objective)] = ""
    measure: Annotated[Seconds, Field(ge=LEAST_HELD_S, le=3600)] = HELD_S

    @model_validator(mode="after")
    def _each_once(self) -> LimitSearch:
        if len(set(self.modes)) < len(self.modes):
            raise ValueError("modes: each once")
        return self
