"""The repetitions of a run: a number of blocks that is fixed, or looks at which it may end (METHOD 6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from lab.scenario.compare import STRICT

FIRST_LOOK = 7  # with fewer blocks not even two looks can give a verdict (METHOD 6.2)


@dataclass(config=STRICT, kw_only=True)
class Trials:
    """How often everything is repeated, and the seed of every random choice.

    ``looks`` are the numbers of valid blocks after which the run may end early, when every verdict is reached; the last
    one is ``blocks``. Without them the number of blocks is fixed before the start. ``restart_one``: after each trial's
    load one serving process is restarted, to count the app's start-up steps again.
    """

    blocks: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 1
    looks: Annotated[tuple[Annotated[int, Field(strict=True)], ...], Field(max_length=20)] = ()
    restart_one: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="before")
    @classmethod
    def _last_look_is_the_end(cls, given: Any) -> Any:
        keys: Any = given.kwargs if isinstance(given, ArgsKwargs) else given
        looks = keys.get("looks") if isinstance(keys, Mapping) else None
        if not isinstance(looks, list | tuple) or not looks or "blocks" in keys:
            return given
        filled: dict[str, Any] = {**keys, "blocks": looks[-1]}
        return ArgsKwargs((), filled) if isinstance(given, ArgsKwargs) else filled

    @model_validator(mode="after")
    def _looks_lead_to_the_end(self) -> Trials:
        if not self.looks:
            return self
        if list(self.looks) != sorted(set(self.looks)) or self.looks[0] < FIRST_LOOK:
            raise ValueError(f"looks: numbers of blocks that grow, from {FIRST_LOOK} on, got {list(self.looks)}")
        if self.looks[-1] != self.blocks:
            raise ValueError(f"looks: the last one is the end of the run, but blocks = {self.blocks}: leave one out")
        return self
