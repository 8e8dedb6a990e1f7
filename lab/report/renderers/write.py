"""Write every form of a run's report into its folder: the only place of ``report/`` that touches files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lab.analysis.comparison import Comparison
from lab.analysis.summary import RunSummary
from lab.errors import RunFolderError
from lab.record.folder import disk_errors, write_atomically
from lab.record.types import RunInfo
from lab.report.build import build_content
from lab.report.content import Content, Written
from lab.report.renderers.csv_tables import render_csv
from lab.report.renderers.html_page import render_html
from lab.report.renderers.json_document import comparison_document
from lab.report.renderers.markdown import render_figures, render_markdown, render_summary
from lab.report.renderers.terminal import render_terminal

WIDTH = 100


def files_of(content: Content) -> Mapping[str, str]:
    """Every file of a report but comparison.json, by its name in the run folder."""
    return {
        "report.html": render_html(content),
        "report.md": render_markdown(content),
        **render_figures(content),
        **{f"tables/{name}": text for name, text in render_csv(content).items()},
    }


def write_reports(path: Path, run: RunInfo, summary: RunSummary, comparison: Comparison, width: int = WIDTH) -> Written:
    """Write every report of the run in ``path``; older ones are replaced. ``width``: columns of the terminal form.

    Raises RunFolderError (a name is taken) or MissingError (disk full).
    """
    content = build_content(run, summary, comparison)
    for name, text in files_of(content).items():
        _write(path, name, text)
    document = comparison_document(run, summary, comparison)
    _write(path, "comparison.json", json.dumps(document, indent=1, ensure_ascii=False))
    return Written(
        html=path / "report.html",
        markdown=path / "report.md",
        comparison=path / "comparison.json",
        terminal=render_terminal(content, width),
        summary=render_summary(content),
    )


def _write(path: Path, name: str, text: str) -> None:
    target = path / name
    if target.parent != path and target.parent.is_symlink():
        raise RunFolderError(
            f"{target.parent}: a link, and a run folder holds none", "remove it; reports are made anew"
        )
    try:
        with disk_errors(target):
            target.parent.mkdir(exist_ok=True)
            write_atomically(target, text.encode(errors="replace"))  # outside text may hold lone surrogates
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise RunFolderError(f"{target}: something else has this name", "move it away; reports are made anew") from None
