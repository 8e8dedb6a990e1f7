"""What the environment may change about the app, validated before anything is served."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

MAX_MS = 60_000
STARTUP_FAILURE = 3  # uvicorn's own: its supervisor restarts a worker that dies with any other code, for ever

Place = Literal["import", "lifespan", "entrypoint", "job", "shutdown"]


def _words(value: object) -> object:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


class Settings(BaseModel):
    """Environment variables of the app; names are the fields in capitals."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    ballast_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Size in MB (10**6 bytes) of the private "model" that every process holds."""
    ballast_at: Literal["startup", "import"] = "startup"
    """When it is made: by each process before it serves, or when the app is imported, which a server may do once."""
    startup_ms: Annotated[float, Field(ge=0, le=600_000)] = 0.0
    """How long the start-up step waits before the process serves."""
    extra_cpu_ms: Annotated[float, Field(ge=0, le=MAX_MS)] = 0.0
    """CPU time burned on every request, to make an arm costlier on purpose."""
    prestart: Annotated[frozenset[Place], BeforeValidator(_words)] = frozenset()
    """Where the app takes a start-up step, separated by commas; a real one would migrate, warm up or download."""
    prestart_ms: Annotated[float, Field(ge=0, le=MAX_MS)] = 0.0
    """How long such a step takes."""
    log_requests: bool = False
    """Whether every request that is executed is told of by its X-Request-ID: ``lab-request ID``."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in ``environment``. Raises ValueError with one line that names every wrong variable."""
    given = {name: environment[name.upper()] for name in Settings.model_fields if name.upper() in environment}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        wrong = [f"{str(detail['loc'][0]).upper()}={detail['input']!r}: {detail['msg']}" for detail in error.errors()]
        raise ValueError("; ".join(wrong)) from None


def settings_or_exit() -> Settings:
    """The process's settings; a wrong variable ends the process with one line and exit code 3, before it serves."""
    try:
        return read_settings(os.environ)
    except ValueError as error:
        # Before any log is set up, and at one stroke: the workers say it at the same time, print() writes twice.
        os.write(sys.stderr.fileno(), f"app: wrong environment variable: {error}\n".encode())
        sys.exit(STARTUP_FAILURE)
