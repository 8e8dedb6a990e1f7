"""Durations, sizes and cores as values of a scenario: written by people; seconds, bytes, the kernel's list format."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from lab.units import parse_duration_s, parse_size_bytes

LONGEST_S = 7 * 24 * 3600
LAST_CORE = 8191  # Linux has no configuration with more


def _duration(value: object) -> float:
    if isinstance(value, str):
        return parse_duration_s(value)
    if isinstance(value, float | int) and not isinstance(value, bool):
        return float(value)
    raise ValueError('expected a duration like "500ms", "10s" or "2m"')


def _size(value: object) -> int:
    if isinstance(value, str):
        return parse_size_bytes(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError('expected a size like "64MiB" or "1GiB"')


Seconds = Annotated[
    float,
    BeforeValidator(_duration, json_schema_input_type=str | float),
    Field(ge=0, le=LONGEST_S, allow_inf_nan=False),
]
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=str | int), Field(ge=4096, le=2**50)]


def _cores(value: str) -> str:
    ends = [part.partition("-")[::2] for part in value.split(",") if part]
    for low, high in ends:
        if max(int(low), int(high or low)) > LAST_CORE:
            raise ValueError(f"no machine has a core {max(int(low), int(high or low))}")
        if int(high or low) < int(low):
            raise ValueError(f"{low}-{high} has no core: the lower one comes first, {high}-{low}")
    return value


Cores = Annotated[str, Field(pattern=r"^(\d+(-\d+)?(,\d+(-\d+)?)*)?$"), AfterValidator(_cores)]
"""A list of cores as the kernel writes it: ``"0-3,8"``; "" for all."""
