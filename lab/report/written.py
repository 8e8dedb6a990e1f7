"""Where the forms of a report are; apart from ``write.py``, so that knowing it costs no chart library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the report is, and its short form for the terminal."""

    html: Path
    markdown: Path
    comparison: Path
    terminal: str
