"""``lab report RUN``: rebuild the report from the raw run folder."""

from __future__ import annotations

from lab.cli.console import put, say
from lab.cli.options import Quiet, RunPath
from lab.conclude import conclude


def report(run: RunPath, quiet: Quiet = False) -> None:
    """Rebuild report.html and report.md of a run from its raw files, and print the terminal table."""
    written = conclude(run).written
    if not quiet:
        put(written.terminal)
    say(f"report: {written.html}")
