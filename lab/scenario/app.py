"""The keys of ``[app]``: the image under test, how it is started, what its containers get, how it is asked."""

from __future__ import annotations

import shlex
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.build_args import BuildArgs, TargetStage
from lab.scenario.compare import STRICT
from lab.scenario.container import Capability, User, Volumes
from lab.scenario.env import Env, Headers
from lab.scenario.quantities import Seconds
from lab.scenario.secret import plain

SERVER_HEADER = "X-Served-By"
HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"  # RFC 9110, 5.1; none at all: answers name no process
Restart: TypeAlias = Literal["no", "on-failure", "always"]
IMAGE_COMMAND = "{image}"  # as app.command: start the image as its author meant it
IMAGE_ENTRYPOINT = "image"  # as app.entrypoint: what the image has, before the command


def _splits(text: str) -> str:
    try:
        shlex.split(text)
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {str(error).lower()}, got {text[:80]!r}") from None
    return text


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
    entrypoint: Annotated[str, AfterValidator(_splits)] = IMAGE_ENTRYPOINT
    ready_path: Annotated[str, Field(pattern=r"^/[\x21-\x7e]*$")] = "/ready"
    ready_timeout: Seconds = 60.0
    probe_headers: Headers = field(default_factory=dict)
    server_header: Annotated[str, Field(pattern=HEADER_NAME, max_length=100)] = SERVER_HEADER
    client_path: Annotated[str, Field(pattern=r"^(/[\x21-\x7e]*)?$")] = ""
    env: Env = field(default_factory=dict)
    loop: Literal["auto", "asyncio", "uvloop", "zuvloop"] = "auto"
    http: Literal["auto", "h11", "httptools", "zttp"] = "auto"
    user: User = ""
    capabilities: Annotated[tuple[Capability, ...], Field(max_length=64)] = ()
    volumes: Volumes = ()
    read_only: bool = True
    healthcheck: bool = False
    restart: Restart = "no"

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
        """Tell whether the command, the entrypoint or the environment hands the placeholder on to the app."""
        return any(placeholder in text for text in (self.command, self.entrypoint, *map(plain, self.env.values())))
