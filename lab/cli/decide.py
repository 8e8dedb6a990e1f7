"""``lab decide RUN…``: the decision card of one or more runs."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from lab.analysis.decision import Card, card_of
from lab.analysis.points import PointResult, judge_points
from lab.analysis.trial.trial import summarise_trial
from lab.cli.console import put, put_json
from lab.cli.names import complete_run, run_folder
from lab.cli.options import Json
from lab.errors import UsageError
from lab.record.folder import read_info, read_trials, write_atomically
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_markdown
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.decision import decision_content
from lab.run.opened import opened_run

WIDTH = 140
Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="Runs of one app.",
        callback=lambda asked: [run_folder(run) for run in asked],
        autocompletion=complete_run,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write the card there instead: FILE.html or FILE.md."),
]
RENDER = {".html": render_html, ".md": render_markdown}


def decide(runs: Runs, out: Out = None, json: Json = False) -> None:
    """Say of each thing that matters which arm is better, by how much, and in which run that was measured."""
    if out is not None and out.suffix not in RENDER:
        raise UsageError(f"--out: {out}: a card is written as {' or '.join(RENDER)}", "give the file such an ending")
    with ExitStack() as opened:
        points = [one for run in runs for one in _points(opened.enter_context(opened_run(run)), run)]
    card = card_of(points)
    if json:
        put_json(_document(card))
        return
    content = decision_content(card, points)
    if out is None:
        put(render_terminal(content, WIDTH))
        return
    write_atomically(out, RENDER[out.suffix](content).encode(errors="replace"))
    put(f"card: {out}")


def _points(folder: Path, given: Path) -> tuple[PointResult, ...]:
    run = read_info(folder)
    if run.exploratory:
        raise UsageError(
            f"{given} is an exploratory session of `lab ui`, which decides nothing", "use runs of `lab run`"
        )
    return judge_points(run, map(summarise_trial, read_trials(folder, run)))


def _document(card: Card) -> dict[str, Any]:
    """Plain values; a judgement as in comparison.json."""
    return {"schema_version": 1, **asdict(card)}
