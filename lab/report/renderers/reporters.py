"""The reporters: each turns content into files of a run folder, as text; ``write.py`` owns the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.report.content import Content
from lab.report.renderers.csv_tables import render_csv
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_figures, render_markdown

Reporter = Callable[[Content], Mapping[str, str]]


def html(content: Content) -> Mapping[str, str]:
    """One self-contained page."""
    return {"report.html": render_html(content)}


def markdown(content: Content) -> Mapping[str, str]:
    """Markdown with SVG figures beside it."""
    return {"report.md": render_markdown(content), **render_figures(content)}


def csv(content: Content) -> Mapping[str, str]:
    """One file for each table."""
    return {f"tables/{name}": text for name, text in render_csv(content).items()}


REPORTERS: Mapping[str, Reporter] = {"html": html, "markdown": markdown, "csv": csv}
