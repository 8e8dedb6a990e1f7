"""How a scenario drives load: its locustfile, rate, lanes and phases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.compare import STRICT
from lab.scenario.nodes import MAX_NODES
from lab.scenario.quantities import Cores, Seconds

MOST_LANES = 20_000


@dataclass(config=STRICT, kw_only=True)
class Load:
    """How Locust drives a trial. With ``rate`` (arrivals a second) the open model; without it the closed one.

    ``idle`` and ``settle``: how long the arm rests before and after it, still read.
    ``nodes``: those of [[nodes]] that drive it, each with so many ``processes``; none: the machine that runs the arms,
    where they keep to ``cores`` ("" for all).
    ``root``: the working directory of the locustfile; None: the folder that it lies in. ``python`` or, from
    ``requirements``, an environment made for it, runs it; None: the lab's own interpreter.
    """

    locustfile: Path
    root: Path | None = None
    args: tuple[str, ...] = ()
    python: Path | None = None
    requirements: Path | None = None
    rate: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] | None = None
    schedule: Literal["poisson", "uniform"] = "poisson"
    lanes: Annotated[int, Field(ge=1, le=MOST_LANES, strict=True)] = 32
    processes: Annotated[int, Field(ge=1, le=64, strict=True)] = 1
    cores: Cores = ""
    nodes: Annotated[tuple[str, ...], Field(max_length=MAX_NODES - 1)] = ()
    users: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    idle: Seconds = 0.0
    warmup: Seconds = 5.0
    measure: Annotated[Seconds, Field(gt=0)] = 10.0
    settle: Seconds = 0.0

    @model_validator(mode="after")
    def _lanes_cover_processes(self) -> Load:
        if self.python is not None and self.requirements is not None:
            raise ValueError('give "python" (an interpreter with Locust) or "requirements" (to make one), not both')
        if self.cores and self.nodes:
            raise ValueError("cores are those of this machine; where a node drives load, say nodes.cores")
        if self.lanes < self.all_processes:
            least = f"{self.all_processes} load processes need at least as many connections (load.lanes)"
            raise ValueError(f"{least}, got {self.lanes}")
        return self

    @property
    def machines(self) -> int:
        """How many machines drive load."""
        return max(1, len(self.nodes))

    @property
    def all_processes(self) -> int:
        """How many load processes there are on all of them."""
        return self.processes * self.machines
