"""Where the forms of a report are; apart from ``write.py``, so that knowing it draws no chart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the report is, its short form for the terminal, and one in Markdown for a CI job summary."""

    html: Path
    markdown: Path
    comparison: Path
    terminal: str
    summary: str
