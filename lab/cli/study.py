"""``lab study SCENARIO --time 40m``: what fits into a time, each in a run of its own, and one card of all of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from lab.analysis.decision import card_of
from lab.cli.asked import Running, name_of, running_of
from lab.cli.beforehand import words_of
from lab.cli.capacity import climbing
from lab.cli.console import put, put_json, say, terminal_width
from lab.cli.decide import WIDTH, points_in
from lab.cli.names import complete_run, run_folder
from lab.cli.options import ScenarioPath, as_called, takes_options
from lab.errors import InterruptedRunError, InvalidRunError, LabError, UsageError
from lab.plan.blocks import build_plan
from lab.report.renderers.card_document import card_document
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.decision import decision_content
from lab.run.capacity import with_ladder
from lab.run.conclude import Conclusion, conclude_apart
from lab.run.run import planned as planned_run
from lab.run.run import resume_run, run_scenario
from lab.run.studied import begun_of, is_whole
from lab.run.study import Part, Study, plan_study
from lab.scenario.model import Scenario
from lab.units import format_duration, parse_duration_s

Time = Annotated[str, typer.Option("--time", metavar="DURATION", help="How long everything may take, as in 40m.")]
Begun = Annotated[
    list[Path] | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        help="A run of this study that you already have: it is kept, or continued; repeatable.",
        show_default=False,
        callback=lambda runs: [run_folder(run) for run in runs or ()],
        autocompletion=complete_run,
    ),
]
OnlyPlan = Annotated[bool, typer.Option("--plan", help="Say which parts fit and how long they take; run nothing.")]

LARGE_ONLY = "which arm carries more, if the difference is large; the time depends on the rates that a pilot finds"


@takes_options(running_of)
def study(
    context: typer.Context,
    scenario: ScenarioPath,
    running: Running,
    time: Time = "40m",
    only_plan: OnlyPlan = False,
    resume: Begun = None,
) -> None:
    """Run a comparison, a quick capacity search and drills, as far as they fit into a time, and print one card.

    It says first which parts fit and how long they take. Each part is a run
    with its own report; `lab decide` prints their card again. If you interrupt
    the study, --resume continues it.
    """
    planned = plan_study(running.scenario(scenario), _quick_capacity, _seconds(time))
    begun = begun_of(planned, {part.key: name_of(scenario, part.key) for part in planned.parts}, resume or ())
    if not running.quiet or only_plan:
        _say_plan(planned, _seconds(time))
    if only_plan:
        return
    began_s = monotonic()
    found, failed = _carry_out(planned, begun, scenario, running, as_called(context, without="resume"))
    if not running.quiet and not begun and not failed:
        say(f"took     {format_duration(round(monotonic() - began_s))}, about {_about(planned)} were planned")
    folders = [conclusion.folder for conclusion in found]
    points = points_in(folders)
    card = card_of(points)
    if running.json:
        put_json(card_document(card))
    else:
        put(render_terminal(decision_content(card, points), terminal_width(WIDTH)))
        for conclusion in found:
            put(f"report: {conclusion.written.html}")
        put(f"card again, or as a page: lab decide {_listed(folders)} --out card.html")
    codes = [one.exit_code() for conclusion in found for one in conclusion.points]
    if code := max((*codes, *(error.exit_code for error in failed))):
        raise typer.Exit(code)


def _quick_capacity(scenario: Scenario, slo: str) -> Scenario:
    return climbing(scenario, slo, quick=True, blocks=None)


def _seconds(time: str) -> float:
    try:
        return parse_duration_s(time)
    except ValueError as error:
        raise UsageError(f"--time: {error}", "write it as in --time 40m") from None


def _say_plan(planned: Study, time_s: float) -> None:
    say(planned.parts[0].scenario.question)
    for part in planned.parts:
        blocks = part.nominal.blocks
        says = LARGE_ONLY if part.climbs else words_of(part.scenario, blocks)
        say(
            f"part     {part.title}: {len(part.nominal.trials)} trials, {blocks} blocks, about "
            f"{format_duration(round(part.estimated_s))}; says {says}"
        )
    for sentence in planned.left_out:
        say(f"without  {sentence}")
    say(f"takes    about {_about(planned)} of {format_duration(time_s)}, images apart")


def _about(planned: Study) -> str:
    return format_duration(round(planned.estimated_s))


def _carry_out(
    planned: Study, begun: Mapping[str, Path], scenario: Path, running: Running, command: str
) -> tuple[list[Conclusion], list[LabError]]:
    """Run part after part; one that ends with an error is said to be left out, and the others go on.

    One that is not valid is on the card all the same, which says so. Raises the error of a run that was interrupted,
    whose hint says how to go on (``command``), and the last one where no part came to an end.
    """
    found: list[Conclusion] = []
    failed: list[LabError] = []
    for part in planned.parts:
        try:
            try:
                path = _measured(part, begun.get(part.key), scenario, running)
            except InvalidRunError as error:
                if type(error) is not InvalidRunError or error.run is None:
                    raise
                failed.append(error)
                _say_without(part, error)
                path = error.run
            found.append(conclude_apart(path, width=terminal_width()))
        except InterruptedRunError as error:
            done = [conclusion.folder for conclusion in found]
            error.hint = _how_on(error, done, [*done, *begun.values()], command)
            raise
        except LabError as error:
            failed.append(error)
            _say_without(part, error)
    if not found:
        raise failed[-1]
    return found, failed


def _how_on(error: LabError, done: Sequence[Path], there: Sequence[Path], command: str) -> str:
    """The hint of an interrupt: that of the run but for its own way on, the card so far, and the study's way on."""
    kept = [part for part in error.hint.split("; ") if part and "--resume" not in part]
    card = [f"`lab decide {_listed(done)}` is the card so far"] if done else []
    runs = dict.fromkeys([*there, error.run] if error.run else there)
    on = " ".join(f"--resume {shlex.quote(str(run))}" for run in runs)
    return "; ".join([*kept, *card, f"`{' '.join(filter(None, (command, on)))}` goes on"])


def _measured(part: Part, begun: Path | None, scenario: Path, running: Running) -> Path:
    """Run a part, a ladder after its pilot, or what its run lacks that is there; and give its run folder."""
    out, view_of = running.out, running.view_of
    if begun is not None and is_whole(begun):
        running.teller.step(f"{part.title}: it is there, {begun}")
        return begun
    if begun is not None:
        lacking = planned_run(begun)
        return resume_run(lacking, begun, view_of(lacking), around=running.around).path
    if not part.climbs:
        plan = part.nominal
        return run_scenario(plan, name_of(scenario, part.key), out, view_of(plan), around=running.around).path
    with with_ladder(part.scenario, out, view_of, running.teller.step, around=running.around) as laddered:
        plan, around = build_plan(laddered.scenario), laddered.around
        name, pilot = name_of(scenario, part.key), laddered.pilot
        return run_scenario(plan, name, out, view_of(plan), around=around, pilot=pilot).path


def _say_without(part: Part, error: LabError) -> None:
    say(f"without  {part.title}: {error}{f' ({error.hint})' if error.hint else ''}")


def _listed(folders: Sequence[Path]) -> str:
    return " ".join(shlex.quote(str(folder)) for folder in folders)
