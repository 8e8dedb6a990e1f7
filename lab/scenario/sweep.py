"""What a run sweeps: settings beside the arms, each with its own comparison (METHOD 10)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.budget import CpuQuota, MemoryQuota
from lab.scenario.compare import STRICT
from lab.scenario.slo import check_slo

MAX_VALUES = 16
MOST_RATE = 100_000.0  # arrivals a second
RESOURCES = ("processes", "cpus", "memory")  # of which less is cheaper: it can be told how much of one is enough
SWEPT = (*RESOURCES, "rate")  # the order in which curves prefer them for their axis

Processes = Annotated[int, Field(ge=1, le=512, strict=True)]
Rate = Annotated[float, Field(gt=0, le=MOST_RATE, allow_inf_nan=False)]


@dataclass(config=STRICT, kw_only=True)
class Sweep:
    """The values of N, of the quotas and of the rate (arrivals a second) at which the arms are compared; each of one
    with each of the others. ``slo``: what an arm must hold at the smallest N, or quota, that is enough for it.
    """

    processes: Annotated[tuple[Processes, ...], Field(max_length=MAX_VALUES)] = ()
    rate: Annotated[tuple[Rate, ...], Field(max_length=MAX_VALUES)] = ()
    cpus: Annotated[tuple[CpuQuota, ...], Field(max_length=MAX_VALUES)] = ()
    memory: Annotated[tuple[MemoryQuota, ...], Field(max_length=MAX_VALUES)] = ()
    slo: Annotated[str, AfterValidator(check_slo)] = ""

    @model_validator(mode="after")
    def _each_once(self) -> Sweep:
        for key in SWEPT:
            values = getattr(self, key)
            if any(value in values[:place] for place, value in enumerate(values)):
                raise ValueError(f"{key}: each value once")
        if any(quota.amount is None for quota in (*self.cpus, *self.memory)):
            raise ValueError('cpus, memory: "none" has no amount to go by; make a run of its own without a limit')
        return self

    @model_validator(mode="after")
    def _slo_has_numbers(self) -> Sweep:
        if self.slo and all(len(getattr(self, key)) < 2 for key in RESOURCES):
            raise ValueError("slo: what is enough can be told of two or more values of processes, cpus or memory only")
        return self

    def __bool__(self) -> bool:
        return any(getattr(self, key) for key in SWEPT)
