"""Read and validate a scenario file. Pydantic lives here and in scenario_compare; out come frozen dataclasses."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.budget import Budget
from lab.scenario.compare import STRICT, Compare, Expect, check_expectations, unknown
from lab.scenario.env import Env
from lab.scenario.secret import plain
from lab.units import parse_duration_s

APP_IMAGE = "app"
ARM_IMAGE = "arm."  # and the name of the arm that has an image of its own
IMAGE_COMMAND = "{image}"  # as app.command: start the image as its author meant it
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
class Arm:
    """A process model + front + options under test."""

    name: Name
    model: Literal["workers", "replicas"]
    front: Literal["direct", "nginx"]
    balance: Literal["round_robin", "least_conn", "random", "ip_hash"] = "round_robin"
    profile: Literal["tuned", "stock"] = "tuned"
    image: str = ""
    env: Env = field(default_factory=dict)

    @model_validator(mode="after")
    def _front_fits(self) -> Arm:
        if self.front == "direct" and self.model == "replicas":
            raise ValueError(f'arm "{self.name}": replicas listen on one port each, so they need front = "nginx"')
        if self.front == "direct" and (self.balance != "round_robin" or self.profile != "tuned"):
            raise ValueError(f'arm "{self.name}": "balance" and "profile" need front = "nginx"')
        return self

    @property
    def image_key(self) -> str:
        """Under which key the engine keeps the image of this arm: ``"app"``, or its own."""
        return f"{ARM_IMAGE}{self.name}" if self.image else APP_IMAGE


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
