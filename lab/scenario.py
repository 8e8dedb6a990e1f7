"""Read and validate a scenario file. Pydantic lives here and in scenario_compare; out come frozen dataclasses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario_compare import STRICT, Compare, Expect, check_expectations, unknown
from lab.scenario_env import Env
from lab.secrets import plain
from lab.topology import Limits
from lab.units import parse_duration_s, parse_size_bytes

MAX_PROCESSES = 512
NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,39}$"


def _duration(value: object) -> float:
    if isinstance(value, str):
        return parse_duration_s(value)
    if isinstance(value, float | int) and not isinstance(value, bool):
        return float(value)
    raise ValueError('expected a duration like "500ms", "10s" or "2m"')


Seconds = Annotated[
    float,
    BeforeValidator(_duration, json_schema_input_type=str | float),
    Field(ge=0, le=7 * 24 * 3600, allow_inf_nan=False),
]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]


@dataclass(config=STRICT, kw_only=True)
class Quota:
    """How one resource is limited: ``mode`` none | pooled | split, ``amount`` in cores or bytes for the whole arm."""

    mode: Literal["none", "pooled", "split"] = "none"
    amount: float | None = None


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
class App:
    """The image under test and how it is started; equal in every arm."""

    build: Path | None = None
    image: str = ""
    dockerfile: str = "Dockerfile"
    requirements: Path | None = None
    target: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")] = "app.main:app"
    command: str = ""
    ready_path: Annotated[str, Field(pattern=r"^/[\x21-\x7e]*$")] = "/ready"
    ready_timeout: Seconds = 60.0
    env: Env = field(default_factory=dict)
    loop: Literal["auto", "asyncio", "uvloop"] = "auto"
    http: Literal["auto", "h11", "httptools"] = "auto"
    read_only: bool = True
    restart: Literal["no", "on-failure", "always"] = "no"

    @model_validator(mode="after")
    def _one_image_source(self) -> App:
        if (self.build is None) == (not self.image):
            raise ValueError('give exactly one of "build" (a folder with a Dockerfile) and "image" (an existing image)')
        if self.requirements is not None and self.build is None:
            raise ValueError('"requirements" fills the wheelhouse of a build: it needs "build"')
        if self.command and not self.tells("{port}"):
            raise ValueError(
                'with "command" the placeholder {port} must be in it, or in a value of "env", '
                "so that every arm can listen on a free port"
            )
        return self

    def tells(self, placeholder: str) -> bool:
        """Whether the command or the environment hands the placeholder on to the app."""
        return any(placeholder in text for text in (self.command, *map(plain, self.env.values())))


@dataclass(config=STRICT, kw_only=True)
class Images:
    """Base images: ``python`` fills ARG PYTHON_IMAGE of the Dockerfile, ``nginx`` runs the balancer."""

    python: Annotated[str, Field(min_length=1)] = "python:3.13-slim"
    nginx: Annotated[str, Field(min_length=1)] = "nginx:stable"


@dataclass(config=STRICT, kw_only=True)
class Budget:
    """What every arm may use in total, the balancer included (METHOD 5)."""

    processes: Annotated[int, Field(ge=1, le=MAX_PROCESSES, strict=True)]
    cpus: CpuQuota = field(default_factory=Quota)
    memory: MemoryQuota = field(default_factory=Quota)
    cpuset: Annotated[str, Field(pattern=r"^(\d+(-\d+)?(,\d+(-\d+)?)*)?$")] = ""

    def share(self, held: int, slots: int) -> Limits:
        """Limits of a service that holds ``held`` of the arm's ``slots`` process slots, for what is ``split``.

        A slot is a serving process or the balancer, so the sum over the services is the budget in every arm.
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


@dataclass(config=STRICT, kw_only=True)
class Arm:
    """A process model + front + options under test."""

    name: Name
    model: Literal["workers", "replicas"]
    front: Literal["direct", "nginx"]
    balance: Literal["round_robin", "least_conn", "random", "ip_hash"] = "round_robin"
    profile: Literal["tuned", "stock"] = "tuned"
    env: Env = field(default_factory=dict)

    @model_validator(mode="after")
    def _front_fits(self) -> Arm:
        if self.front == "direct" and self.model == "replicas":
            raise ValueError(f'arm "{self.name}": replicas listen on one port each, so they need front = "nginx"')
        if self.front == "direct" and (self.balance != "round_robin" or self.profile != "tuned"):
            raise ValueError(f'arm "{self.name}": "balance" and "profile" need front = "nginx"')
        return self


@dataclass(config=STRICT, kw_only=True)
class Load:
    """How Locust drives a trial. With ``rate`` (arrivals a second) the open model; without it the closed one."""

    locustfile: Path
    rate: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] | None = None
    schedule: Literal["poisson", "uniform"] = "poisson"
    lanes: Annotated[int, Field(ge=1, le=20_000, strict=True)] = 32
    processes: Annotated[int, Field(ge=1, le=64, strict=True)] = 1
    users: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    idle: Seconds = 0.0
    warmup: Seconds = 5.0
    measure: Annotated[Seconds, Field(gt=0)] = 10.0

    @model_validator(mode="after")
    def _lanes_cover_processes(self) -> Load:
        if self.lanes < self.processes:
            raise ValueError(f"{self.processes} load processes need at least as many lanes, got {self.lanes}")
        return self


@dataclass(config=STRICT, kw_only=True)
class Trials:
    """How often everything is repeated, and the seed of every random choice."""

    blocks: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 1


@dataclass(config=STRICT, kw_only=True)
class Scenario:
    """A resolved scenario file: every key present, every path absolute."""

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    app: App
    arms: Annotated[tuple[Arm, ...], Field(min_length=1, max_length=64)]
    budget: Budget
    load: Load
    engine: Literal["auto", "docker", "process"] = "auto"
    network: Literal["host"] = "host"
    ports: Annotated[str, Field(pattern=r"^\d{1,5}-\d{1,5}$")] = "20000-29999"
    images: Images = field(default_factory=Images)
    trials: Trials = field(default_factory=Trials)
    compare: Compare = field(default_factory=Compare)
    expect: Annotated[tuple[Expect, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> Scenario:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"arms need different names, got {', '.join(names)}")
        if self.compare.baseline and self.compare.baseline not in names:
            raise ValueError("compare.baseline: " + unknown("arm", self.compare.baseline, names))
        check_expectations(self.expect, names)
        low, high = self.port_range
        if not 1024 <= low <= high <= 65535:
            raise ValueError(f'ports: expected "LOW-HIGH" between 1024 and 65535, got "{self.ports}"')
        if self.app.command and not self.app.tells("{workers}") and any(a.model == "workers" for a in self.arms):
            raise ValueError(
                "app.command, or a value of app.env, needs the placeholder {workers}, "
                'because an arm has model = "workers"'
            )
        return self

    @property
    def port_range(self) -> tuple[int, int]:
        """First and last port that arms may listen on."""
        low, _, high = self.ports.partition("-")
        return int(low), int(high)

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with: ``compare.baseline``, or the first arm."""
        return self.compare.baseline or self.arms[0].name


SCENARIO: TypeAdapter[Scenario] = TypeAdapter(Scenario)
