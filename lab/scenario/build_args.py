"""What a build is told beyond its files: the stage that it ends with, and what fills the Dockerfile's ARGs."""

from typing import Annotated

from pydantic import AfterValidator, Field

from lab.scenario.secret import is_secret

BASE_ARGUMENT = "PYTHON_IMAGE"  # of a Dockerfile that takes its base image from the lab


def _no_secrets(arguments: dict[str, str]) -> dict[str, str]:
    """Raise ValueError for a secret, which would stay readable, and for what the lab itself fills in."""
    for name, value in arguments.items():
        if is_secret(name, value):
            raise ValueError(
                f"{name} looks like a secret, and what a build is told stays readable in the image's history: "
                "hand it over in env when the app starts, or build the image yourself and name it with image = …"
            )
    if BASE_ARGUMENT in arguments:
        raise ValueError(f'{BASE_ARGUMENT} is filled in by the lab: choose it with [images] python = "…"')
    return arguments


Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
BuildArgs = Annotated[dict[Name, str], AfterValidator(_no_secrets)]
TargetStage = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")]
