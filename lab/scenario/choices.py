"""Keys of a scenario whose valid values are what was declared: the engine, and the images that the lab chooses."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

from lab.scenario.compare import unknown
from lab.scenario.images import PYTHON, ImageSource
from lab.scenario.kinds import ENGINES, FRONTS

AUTO = "auto"  # the first engine that answers here
MAX_NAME = 1000  # of an image


def image_sources() -> dict[str, ImageSource]:
    """The images that the lab chooses, by key: the base of the app's image, and that of every front."""
    fronts = (front.image for front in FRONTS.values())
    return {image.key: image for image in (PYTHON, *fronts) if image is not None}


def _images(table: object) -> Mapping[str, str]:
    known = {key: image.reference for key, image in image_sources().items()}
    if not isinstance(table, Mapping):
        raise ValueError('expected a table such as { python = "python:3.13-slim" }, got something else')
    for key, name in table.items():
        if key not in known:
            raise ValueError(unknown("image", str(key)[:80], known))
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
            raise ValueError(f"{key}: expected the name of an image, such as {known[key]!r}, got something else")
    return {**known, **table}


def _describe_images(schema: dict[str, Any]) -> None:
    properties = {key: {"type": "string", "default": image.reference} for key, image in image_sources().items()}
    schema |= {"type": "object", "properties": properties, "additionalProperties": False}


def _engine(name: str) -> str:
    if name not in (AUTO, *ENGINES):
        raise ValueError(unknown("engine", name, (AUTO, *ENGINES)))
    return name


def _describe_engine(schema: dict[str, Any]) -> None:
    schema |= {"enum": [AUTO, *ENGINES]}


def default_images() -> Mapping[str, str]:
    """Every image by the name that it has in its registry."""
    return _images({})


Images = Annotated[Mapping[str, str], PlainValidator(_images), Field(json_schema_extra=_describe_images)]
EngineName = Annotated[str, AfterValidator(_engine), Field(json_schema_extra=_describe_engine)]
