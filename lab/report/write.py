"""Write every form of a run's report into its folder: the only place of ``report/`` that touches files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.analysis.summary import summarise
from lab.errors import RunFolderError
from lab.report.build import build_content
from lab.report.reporters import REPORTERS
from lab.report.terminal import render_terminal
from lab.results import disk_errors, read_info, read_trials, write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the report is, and its short form for the terminal."""

    html: Path
    markdown: Path
    terminal: str


def write_reports(path: Path, width: int = 100) -> Written:
    """Rebuild every report of the run in ``path`` from its raw files; older ones are replaced.

    ``width``: columns of the terminal form. Raises RunFolderError (unreadable, or a name is taken) or MissingError
    (disk full).
    """
    run = read_info(path)
    content = build_content(run, summarise(run, read_trials(path, run)))
    for reporter in REPORTERS.values():
        for name, text in reporter(content).items():
            _write(path / name, text)
    return Written(html=path / "report.html", markdown=path / "report.md", terminal=render_terminal(content, width))


def _write(target: Path, text: str) -> None:
    try:
        with disk_errors(target):
            target.parent.mkdir(exist_ok=True)
            write_atomically(target, text.encode(errors="replace"))  # outside text may hold lone surrogates
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise RunFolderError(f"{target}: something else has this name", "move it away; reports are made anew") from None
