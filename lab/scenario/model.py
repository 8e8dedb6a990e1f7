"""The keys of a scenario file, validated: out come frozen dataclasses. What may be chosen by name is in kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.budget import Budget
from lab.scenario.build_args import BuildArgs, TargetStage
from lab.scenario.choices import AUTO, EngineName, Images, default_images
from lab.scenario.compare import STRICT, Compare, Expect, check_expectations, unknown
from lab.scenario.env import Env
from lab.scenario.images import ImageSource
from lab.scenario.kinds import FRONTS, MODELS, Options, in_new_spelling
from lab.scenario.network import Network, NetworkChoice, choose_network
from lab.scenario.secret import plain
from lab.scenario.trials import Trials
from lab.units import parse_duration_s

APP_IMAGE = "app"
ARM_IMAGE = "arm."  # and the name of the arm that has an image of its own
NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,39}$"
IMAGE_COMMAND = "{image}"  # as app.command: start the image as its author meant it


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


@dataclass(config=STRICT, kw_only=True)
class App:
    """The image under test and how it is started; equal in every arm."""

    build: Path | None = None
    image: str = ""
    dockerfile: str = "Dockerfile"
    target_stage: TargetStage = ""
    build_args: BuildArgs = field(default_factory=dict)
    requirements: Path | None = None
    target: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")] = "app.main:app"
    command: str = ""
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] | None = None
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
        if self.build is None and (self.build_args or self.target_stage):
            raise ValueError('"build_args" and "target_stage" belong to a build: they need "build"')
        if self.command and self.port is None and not self.tells("{port}"):
            raise ValueError(
                'with "command" the placeholder {port} must be in it, or in a value of "env", '
                'so that every arm can listen on a free port; or give "port", the one on which the app always listens'
            )
        return self

    def tells(self, placeholder: str) -> bool:
        """Tell whether the command or the environment hands the placeholder on to the app."""
        return any(placeholder in text for text in (self.command, *map(plain, self.env.values())))


@dataclass(config=STRICT, kw_only=True)
class Arm:
    """A process model + front + options under test. ``command`` replaces that of the app for this arm.

    A ``control`` arm explains: its numbers are exploratory.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    model: Annotated[Options, MODELS]
    front: Annotated[Options, FRONTS]
    command: str = ""
    image: str = ""
    env: Env = field(default_factory=dict)
    network: Literal["", "host", "own"] = ""
    control: bool = False

    @model_validator(mode="before")
    @classmethod
    def _old_spelling(cls, given: Any) -> Any:
        return in_new_spelling(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _front_fits(self) -> Arm:
        if not self.fronted and not MODELS[self.model.kind].one_address:
            possible = " or ".join(f'"{kind}"' for kind, front in FRONTS.items() if front.hops)
            raise ValueError(
                f'arm "{self.name}": {self.model.kind} listen on one port each, so they need front = {possible}'
            )
        return self

    @property
    def fronted(self) -> bool:
        """Tell whether something stands between the clients and the app."""
        return FRONTS[self.front.kind].hops > 0

    @property
    def image_key(self) -> str:
        """Under which key the engine keeps the image of this arm: ``"app"``, or its own."""
        return f"{ARM_IMAGE}{self.name}" if self.image else APP_IMAGE

    @property
    def front_image(self) -> ImageSource | None:
        """The image of its front, if it has one."""
        return FRONTS[self.front.kind].image


@dataclass(config=STRICT, kw_only=True)
class Load:
    """How Locust drives a trial. With ``rate`` (arrivals a second) the open model; without it the closed one.

    ``root``: the working directory of the locustfile; None: the folder that it lies in.
    """

    locustfile: Path
    root: Path | None = None
    args: tuple[str, ...] = ()
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
class Scenario:
    """A resolved scenario file: every key present, every path absolute."""

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    app: App
    arms: Annotated[tuple[Arm, ...], Field(min_length=1, max_length=64)]
    budget: Budget
    load: Load
    engine: EngineName = AUTO
    network: Literal["auto", "host", "own"] = "auto"
    ports: Annotated[str, Field(pattern=r"^\d{1,5}-\d{1,5}$")] = "20000-29999"
    images: Images = field(default_factory=default_images)
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
        self._check_judged(names)
        check_expectations(self.expect, names)
        low, high = self.port_range
        if not 1024 <= low <= high <= 65535:
            raise ValueError(f'ports: expected "LOW-HIGH" between 1024 and 65535, got "{self.ports}"')
        for arm in self.arms:
            self._check_placeholders(arm)
        return self

    def _check_placeholders(self, arm: Arm) -> None:
        """A command must say where to listen, and what the arm's process model has it told."""
        if not (command := self.command_of(arm)):
            return
        told = (command, *map(plain, {**self.app.env, **arm.env}.values()))
        fixed = self.app.port is not None and self.network_of(arm).network is Network.OWN
        for placeholder in (*(() if fixed else ("{port}",)), *MODELS[arm.model.kind].placeholders):
            if not any(placeholder in text for text in told):
                where = "arms[].command" if arm.command else "app.command"
                raise ValueError(
                    f"{where}, or a value of env, needs the placeholder {placeholder}, because of arm "
                    f'"{arm.name}" with model = "{arm.model.kind}"'
                )

    def network_of(self, arm: Arm, elsewhere: str = "") -> NetworkChoice:
        """The network of an arm's containers; ``elsewhere``: as lab.scenario.network.choose_network has it."""
        return choose_network(arm.network, self.network, self.app.port, elsewhere)

    def command_of(self, arm: Arm) -> str:
        """The command that an arm's app is started with: its own, or that of the app; "" is uvicorn."""
        return arm.command or self.app.command

    def _check_judged(self, names: list[str]) -> None:
        controls = [arm.name for arm in self.arms if arm.control]
        for name in self.compare.judged:
            if name not in names:
                raise ValueError("compare.judged: " + unknown("arm", name, names))
            if name in (self.baseline, *controls):
                what = "the baseline" if name == self.baseline else "a control"
                raise ValueError(f"compare.judged: {name!r} is {what}, and not judged")
        if self.baseline in controls:
            raise ValueError(f"arms: {self.baseline!r} is the baseline, which is compared with: it cannot be a control")

    @property
    def judged(self) -> tuple[str, ...]:
        """The arms that get a verdict on each primary metric, in the order of the file."""
        wanted = self.compare.judged
        arms = [arm for arm in self.arms if arm.name != self.baseline]
        return tuple(arm.name for arm in arms if (arm.name in wanted if wanted else not arm.control))

    @property
    def judged_intervals(self) -> int:
        """Tell how many verdicts share the error: primary metrics × judged arms; at least one."""
        return max(1, len(self.compare.primary) * len(self.judged))

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
