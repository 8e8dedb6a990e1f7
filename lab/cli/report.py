"""``lab report RUN``: rebuild the report from the raw run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.console import put, say, terminal_width
from lab.cli.junit import Junit, results_in
from lab.cli.open import Open, show_page
from lab.cli.options import Quiet, RunPath
from lab.cli.run import put_answers
from lab.cli.summary_file import SummaryFile, summary_in
from lab.report.sections.answer import exploratory_status
from lab.run.conclude import conclude

Intact = Annotated[
    bool, typer.Option("--intact", help="Leave out trials with damaged files, and say so, instead of refusing.")
]


ReportOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder for the report; by default that of the run, or one next to the bundle.",
        show_default=False,
    ),
]


def report(
    run: RunPath,
    out: ReportOut = None,
    intact: Intact = False,
    quiet: Quiet = False,
    summary_file: SummaryFile = None,
    junit: Junit = None,
    open_page: Open = False,
) -> None:
    """Rebuild the report of a run or a bundle from its raw files, and print it in the terminal."""
    with summary_in(summary_file) as summarise, results_in(junit, run) as hand_over:
        found = conclude(run, intact=intact, into=out, width=terminal_width())
        written = found.written
        summarise(written.summary)
        hand_over(written)
    for trial, reason in found.run.left_out.items():
        say(f"left out: {trial}: {reason}")
    if not quiet:
        put(written.terminal)
    elif found.run.exploratory:
        put(exploratory_status(found.summary))
    else:
        put_answers(found)
    if open_page:
        show_page(written.html)
    else:
        say(f"report: {written.html}")
