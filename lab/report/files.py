"""The files of a report: what they are called, and what there is once they are written."""

from dataclasses import dataclass
from pathlib import Path

PAGE = "report.html"
POINTS = "points"  # the folder of the reports of points
TERMINAL_WIDTH = 100  # columns of the form for a terminal, where none tells its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The files of a report, its short form for the terminal, and forms for a build: Markdown, JUnit, annotations."""

    html: Path
    markdown: Path
    comparison: Path
    terminal: str
    summary: str
    junit: str = ""
    annotations: tuple[str, ...] = ()
