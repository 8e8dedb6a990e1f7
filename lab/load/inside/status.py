"""What a load process tells the lab while it runs: one small file, replaced whole, so that a reader never sees half."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True, kw_only=True)
class Status:
    """The state of one load process. Instants are CLOCK_MONOTONIC; None: not yet known.

    ``tally`` holds the fields of load_counts.Tally; ``recorded`` is the number of rows written;
    ``refusal`` (message, hint) is why the plan or the locustfile cannot be run.
    """

    lanes: int = 0
    ready: bool = False
    warmup_start_s: float | None = None
    measure_start_s: float | None = None
    measure_end_s: float | None = None
    finished_s: float | None = None
    starved: int = 0
    recorded: int = 0
    tally: dict[str, Any] = field(default_factory=dict)
    refusal: dict[str, str] | None = None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Replace ``path`` atomically."""
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(values), encoding="utf-8")
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """What was last written, or None when nothing was."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    values: dict[str, Any] = json.loads(text)
    return values


def write_status(path: Path, status: Status) -> None:
    """Publish the state of a load process."""
    write_json(path, asdict(status))


def read_status(path: Path) -> Status | None:
    """The latest state, or None before the first."""
    values = read_json(path)
    return None if values is None else Status(**values)
