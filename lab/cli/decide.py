"""``lab decide RUN…``: the decision card of one or more runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from lab.analysis.decision import ASKED_BY, BESIDES, ENOUGH, STEPS, card_of
from lab.analysis.points import PointResult
from lab.cli.console import put, put_json, terminal_width
from lab.cli.names import complete_run_or_bundle, run_folder
from lab.cli.options import Json
from lab.cli.page_file import Force, PageOut, check_target, write_page
from lab.errors import UsageError
from lab.metrics import METRICS
from lab.record.folder import read_info
from lab.report.renderers.card_document import card_document
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.decision import decision_content
from lab.run.inside import points_in as points_of_run
from lab.run.opened import opened_run
from lab.scenario.compare import unknown
from lab.scenario.drills import Verb
from lab.scenario.model import APP_IMAGE

WIDTH = 140
NUMBER = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)
DRILLS = tuple(f"drill {verb}" for verb in Verb)  # those too of which the lab ships no scenario
NAMES = tuple(dict.fromkeys(topic for topic in (*ASKED_BY, *DRILLS, BESIDES) if topic not in (ENOUGH, STEPS)))
Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="Runs or bundles of one app.",
        callback=lambda asked: [run_folder(run) for run in asked],
        autocompletion=complete_run_or_bundle,
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        "--weights",
        metavar="NAME=NUMBER,...",
        help="What matters to you, as in memory=3,p99=1: names of the card's lines, or keys of metrics. The card shows "
        "the result, and what the weights change.",
    ),
]


def decide(runs: Runs, weights: Weights = "", out: PageOut = None, force: Force = False, json: Json = False) -> None:
    """Print one decision card for several runs: which arm is better at what, by how much, and in which run."""
    given = parse_weights(weights)
    if out is not None:
        check_target(out, "a card", force=force)
    points = _points_in(runs)
    card = card_of(points, given)
    if json:
        put_json(card_document(card))
        return
    if out is None:
        put(render_terminal(decision_content(card, points, places_of(runs)), terminal_width(WIDTH)))
        return
    write_page(out, decision_content(card, points))
    put(f"card: {out}")


def _points_in(runs: Sequence[Path]) -> list[PointResult]:
    """Every point of the runs, each run once. Raises UsageError where they are of different apps."""
    with ExitStack() as opened:
        once = {run.resolve(): run for run in runs}.values()
        points = [one for run in once for one in _points(opened.enter_context(opened_run(run)), run)]
    refuse_other_apps(points)
    return points


def places_of(runs: Iterable[Path]) -> dict[str, str]:
    """The folders of runs by their ids, as commands typed here name them; no command goes on with a bundle."""
    return {read_info(run).run_id: str(run) for run in runs if run.is_dir()}


def parse_weights(text: str) -> dict[str, float]:
    """``"memory=3,p99=1"`` → names and numbers. Raises UsageError that names the part at fault."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (side.strip() for side in part.partition("="))
        if name not in (*NAMES, *METRICS):
            raise UsageError(f"--weights: {unknown('name', name, (*NAMES, *METRICS))}", f"names: {', '.join(NAMES)}")
        if name in found:
            raise UsageError(f"--weights: {name} is there twice", "give each name once")
        if NUMBER.fullmatch(number) is None or float(number) <= 0:
            raise UsageError(f"--weights: {part}: expected a number above zero", "write it as in memory=3,p99=1")
        found[name] = float(number)
    return found


def refuse_other_apps(points: Sequence[PointResult]) -> None:
    """A card is of one app: its image is the same in all runs."""
    first = points[0].whole
    for one in points:
        if one.whole.image_digest(APP_IMAGE) != first.image_digest(APP_IMAGE):
            raise UsageError(
                f"{first.run_id} and {one.whole.run_id} measured different images of the app",
                "a card is of one app: give runs of the same image, or a card for each",
            )


def _points(folder: Path, given: Path) -> tuple[PointResult, ...]:
    run = read_info(folder)
    if run.exploratory:
        raise UsageError(
            f"{given} is an exploratory session of `lab ui`, which decides nothing", "use runs of `lab run`"
        )
    return points_of_run(folder, run)
