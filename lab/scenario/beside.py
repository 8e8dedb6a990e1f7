"""What an app needs beside it: sidecars (a database, a cache) and jobs (migrations), as a scenario writes them."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.compare import STRICT, unknown
from lab.scenario.container import Capability, User, Volumes
from lab.scenario.env import Env
from lab.scenario.quantities import Seconds

SIDECAR_IMAGE = "sidecar."  # and the name of the sidecar
JOB_IMAGE = "job."  # and the name of a job that has an image of its own
FORMS = "tcp:PORT, http:PORT/PATH, exec:COMMAND or exit"
READY = re.compile(
    r"tcp:(?P<tcp>\d{1,5})|http:(?P<http>\d{1,5})(?P<path>/[\x21-\x7e]*)|exec:(?P<exec>.+)|exit", re.DOTALL
)
MAX_PORT = 65535
TAKEN = {  # by what is beside the services of a trial: a log, a container
    "locust": "the load's own name",
    "agent": "the name of the lab's own agent",
}
MAX_BESIDE = 16

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
OTHER_USER = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
"""The rights by which the usual images of databases start as root, own their data and become another user."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """When a service counts as up: as soon as it ``started``, or once a port, an answer, a command or its end says so.

    ``port`` of tcp and http; ``path`` of http, where any status below 400 counts; ``command`` of exec, run inside it.
    """

    kind: Literal["started", "tcp", "http", "exec", "exit"] = "started"
    port: int = 0
    path: str = ""
    command: tuple[str, ...] = ()


STARTED = Ready()


def parse_ready(text: str) -> Ready:
    """The condition that a scenario writes as text; "" is ``started``. Raises ValueError."""
    if not text:
        return STARTED
    if (found := READY.fullmatch(text)) is None:
        raise ValueError(f"unknown condition: expected {FORMS}, got {text[:80]!r}")
    if found["exec"]:
        return Ready(kind="exec", command=split_command(found["exec"]))
    if text == "exit":
        return Ready(kind="exit")
    if not 1 <= (port := int(found["tcp"] or found["http"])) <= MAX_PORT:
        raise ValueError(f"expected a port between 1 and {MAX_PORT}, got {text[:80]!r}")
    return Ready(kind="tcp", port=port) if found["tcp"] else Ready(kind="http", port=port, path=found["path"])


def split_command(command: str) -> tuple[str, ...]:
    """The words of a command. Raises ValueError when quotes do not pair."""
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {error}, got {command[:80]!r}") from None


def _ready(text: str) -> str:
    parse_ready(text)
    return text


def _command(text: str) -> str:
    split_command(text)
    return text


Command = Annotated[str, AfterValidator(_command)]


@dataclass(config=STRICT, kw_only=True)
class Sidecar:
    """A service that the app needs, such as a database. It is never part of an arm; every trial has it fresh.

    ``command`` "" keeps the image's own. ``volumes``: folders in memory, beside those that the image declares.
    ``depends``: the sidecars that must be ready before it starts.
    """

    name: Name
    image: Annotated[str, Field(max_length=1000)] = ""
    build: Path | None = None
    dockerfile: str = "Dockerfile"
    command: Command = ""
    env: Env = field(default_factory=dict)
    ready: Annotated[str, AfterValidator(_ready)] = ""
    ready_timeout: Seconds = 60.0
    volumes: Volumes = ()
    user: User = ""
    capabilities: tuple[Capability, ...] = OTHER_USER
    read_only: bool = False
    depends: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_image_source(self) -> Sidecar:
        if (self.build is None) == (not self.image):
            raise ValueError('give exactly one of "image" (such as "postgres:17") and "build" (a folder)')
        return self

    @property
    def image_key(self) -> str:
        """Under which key the engine keeps its image."""
        return f"{SIDECAR_IMAGE}{self.name}"


@dataclass(config=STRICT, kw_only=True)
class Job:
    """A step before the app serves, such as a migration: it must end with exit code 0.

    ``times``: once in a deployment, or once for each container of the app, all at the same time. Without an ``image``
    of its own it runs in the app's, with the app's environment, to which ``env`` adds.
    """

    name: Name
    command: Annotated[Command, Field(min_length=1)]
    image: Annotated[str, Field(max_length=1000)] = ""
    env: Env = field(default_factory=dict)
    times: Literal["once", "each"] = "once"
    timeout: Annotated[Seconds, Field(gt=0)] = 120.0

    @property
    def image_key(self) -> str:
        """Under which key the engine keeps an image of its own; "" when it runs in the app's."""
        return f"{JOB_IMAGE}{self.name}" if self.image else ""


def check_beside(sidecars: Sequence[Sidecar], jobs: Sequence[Job]) -> None:
    """Raise ValueError when names are taken twice, or when an order cannot be kept."""
    names = [*(sidecar.name for sidecar in sidecars), *(job.name for job in jobs)]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"sidecars and jobs need different names, got {twice!r} twice")
    if taken := next((name for name in names if name in TAKEN), ""):
        raise ValueError(f"sidecars and jobs: {taken!r} is {TAKEN[taken]}, got it for one of them")
    known = [sidecar.name for sidecar in sidecars]
    for place, sidecar in enumerate(sidecars):
        for needed in sidecar.depends:
            if needed not in known:
                raise ValueError(f"sidecars[{place}].depends: " + unknown("sidecar", needed, known))
    try:
        list(start_order(sidecars))
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise ValueError(f"sidecars[].depends: {circle} is a circle: none of them could start first") from None


def start_order(sidecars: Sequence[Sidecar]) -> Iterator[tuple[Sidecar, ...]]:
    """Sidecars that may start together, those that others depend on first. Raises CycleError."""
    by_name = {sidecar.name: sidecar for sidecar in sidecars}
    sorter = TopologicalSorter({sidecar.name: sidecar.depends for sidecar in sidecars})
    sorter.prepare()
    while sorter.is_active():
        free = sorter.get_ready()
        yield tuple(by_name[name] for name in free)
        sorter.done(*free)
