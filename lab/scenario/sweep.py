"""What a run sweeps: settings beside the arms, each with its own comparison (METHOD 10)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.compare import STRICT
from lab.scenario.slo import check_slo

MAX_VALUES = 16

Processes = Annotated[int, Field(ge=1, le=512, strict=True)]
Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


@dataclass(config=STRICT, kw_only=True)
class Sweep:
    """The values of N and of the rate (arrivals a second) at which the arms are compared; each of one with each of the
    other. ``slo``: what an arm must hold at the smallest N that is enough for it.
    """

    processes: Annotated[tuple[Processes, ...], Field(max_length=MAX_VALUES)] = ()
    rate: Annotated[tuple[Rate, ...], Field(max_length=MAX_VALUES)] = ()
    slo: Annotated[str, AfterValidator(check_slo)] = ""

    @model_validator(mode="after")
    def _each_once(self) -> Sweep:
        for key, values in (("processes", self.processes), ("rate", self.rate)):
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: each value once, got {list(values)}")
        return self

    @model_validator(mode="after")
    def _slo_has_numbers(self) -> Sweep:
        if self.slo and len(self.processes) < 2:
            raise ValueError("slo: which N is enough can be told of two or more values of processes only")
        return self

    def __bool__(self) -> bool:
        return bool(self.processes or self.rate)
