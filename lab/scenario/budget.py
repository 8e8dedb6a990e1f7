"""The budget of every arm: processes, CPU and memory in total, and how a limit is divided (METHOD 5)."""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from lab.scenario.compare import STRICT
from lab.scenario.quantities import Cores
from lab.units import parse_size_bytes

MAX_PROCESSES = 512


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Resource limits of one service, or of a whole arm when they are pooled.

    ``cpus`` in cores (2.0 = two cores' worth of CPU time), ``memory_bytes`` in bytes; None means unlimited.
    ``cpuset`` in the kernel's list format (``"0-1,4"``); empty means every core.
    """

    cpus: float | None = None
    memory_bytes: int | None = None
    cpuset: str = ""

    @property
    def unlimited(self) -> bool:
        """True when there is no quota on CPU time or memory (pinning is not a quota)."""
        return self.cpus is None and self.memory_bytes is None


@dataclass(config=STRICT, kw_only=True)
class Quota:
    """The limit of one resource: ``mode`` none | pooled | split, ``amount`` in cores or bytes for the whole arm."""

    mode: Literal["none", "pooled", "split"] = "none"
    amount: float | None = None

    def within(self, other: "Quota") -> bool:
        """Tell whether this is no more than the other; split is no more than as much pooled."""
        if other.amount is None:
            return True
        looser = other.mode in ("pooled", self.mode)
        return looser and self.amount is not None and self.amount <= other.amount


def _quota(amount_of: Callable[[str], float], example: str) -> Callable[[object], object]:
    def parse(value: object) -> object:
        expected = f'expected "none", "pooled:{example}" or "split:{example}", got {value!r}'
        if not isinstance(value, str):
            if isinstance(value, dict | Quota):
                return value  # what asdict() gives when a resolved scenario is read back
            raise ValueError(expected)
        mode, _, amount = value.partition(":")
        if mode == "none" and not amount:
            return Quota()
        if mode not in ("pooled", "split") or not amount:
            raise ValueError(expected)
        quantity = amount_of(amount)
        if not 0 < quantity < float("inf"):
            raise ValueError(f"{expected}: the amount must be above zero")
        return Quota(mode="pooled" if mode == "pooled" else "split", amount=quantity)

    return parse


def _cores(text: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) is None:
        raise ValueError(f'expected a number of cores like "2.0", got {text!r}')
    return float(text)


CpuQuota = Annotated[Quota, BeforeValidator(_quota(_cores, "2.0"), json_schema_input_type=str)]
MemoryQuota = Annotated[Quota, BeforeValidator(_quota(parse_size_bytes, "1GiB"), json_schema_input_type=str)]


@dataclass(config=STRICT, kw_only=True)
class Budget:
    """What every arm may use in total, the front included (METHOD 5)."""

    processes: Annotated[int, Field(ge=1, le=MAX_PROCESSES, strict=True)]
    cpus: CpuQuota = field(default_factory=Quota)
    memory: MemoryQuota = field(default_factory=Quota)
    cpuset: Cores = ""

    def share(self, held: int, slots: int) -> Limits:
        """Limits of a service that holds ``held`` of the arm's ``slots`` process slots, for what is ``split``.

        A slot is a serving process or the front, so the sum over the services is the budget in every arm.
        Pooled quotas are not in it: they belong to the arm, see ``pool``.
        """
        part = held / slots
        cpus = self.cpus.amount * part if self.cpus.mode == "split" and self.cpus.amount else None
        memory = self.memory.amount * part if self.memory.mode == "split" and self.memory.amount else None
        return Limits(cpus=cpus, memory_bytes=None if memory is None else int(memory), cpuset=self.cpuset)

    def pool(self) -> Limits:
        """Limits over the sum of all services of the arm: what is ``pooled``."""
        memory = self.memory.amount if self.memory.mode == "pooled" else None
        return Limits(
            cpus=self.cpus.amount if self.cpus.mode == "pooled" else None,
            memory_bytes=None if memory is None else int(memory),
            cpuset=self.cpuset,
        )
