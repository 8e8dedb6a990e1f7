"""A page or text that a command writes where it is told to: --out FILE.html or FILE.md."""

from pathlib import Path
from typing import Annotated

import typer

from lab.errors import UsageError
from lab.record.disk import disk_errors, write_atomically
from lab.report.content import Content
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_markdown

RENDER = {".html": render_html, ".md": render_markdown}
PageOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write to FILE.html or FILE.md instead."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file that --out names.")]


def check_target(out: Path, what: str, *, force: bool) -> None:
    """Raise UsageError where no file of this name can be written, before anything is read."""
    if out.suffix not in RENDER:
        raise UsageError(
            f"--out: {out}: {what} is written as {' or '.join(RENDER)}", "give the file one of these endings"
        )
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"--out: {out}: no place for a file", "name a file in a folder that exists")
    if (out.exists() or out.is_symlink()) and not force:
        raise UsageError(f"{out} exists already", "choose another name with --out, or say --force")


def write_page(out: Path, content: Content) -> None:
    """Write it in the form that its name asks for."""
    with disk_errors(out):
        write_atomically(out, RENDER[out.suffix](content).encode(errors="replace"))
