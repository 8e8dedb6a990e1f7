"""``lab study SCENARIO --time 40m``: what fits into a time, each in a run of its own, and one card of all of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from lab.analysis.decision import card_of
from lab.analysis.points import PointResult, worst_of
from lab.cli.asked import Running, name_of, running_of
from lab.cli.capacity import climbing
from lab.cli.console import put, put_json, say, terminal_width
from lab.cli.decide import WIDTH, places_of, refuse_other_apps
from lab.cli.names import complete_run, run_folder
from lab.cli.options import ScenarioPath, as_called, takes_options
from lab.cli.run import missed
from lab.cli.study_words import kept_words, rounded, say_plan
from lab.errors import EndedError, InterruptedRunError, InvalidRunError, LabError, RunFolderError, UsageError
from lab.plan.blocks import build_plan
from lab.report.parts.going_on import STARTS_AGAIN
from lab.report.renderers.card_document import card_document
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.decision import decision_content
from lab.run.capacity import with_ladder
from lab.run.chosen import NAMES, chosen_study
from lab.run.conclude import Conclusion, conclude_apart
from lab.run.run import planned as planned_run
from lab.run.run import resume_run, run_scenario
from lab.run.studied import begun_of, is_lost, is_whole, is_worth_keeping, left_s, with_drills_again
from lab.run.study import Part, Study, plan_study
from lab.scenario.model import Scenario
from lab.units import parse_duration_s

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
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="PART",
        help="Run this part, however long it takes, and no other: comparison, capacity, how-many, or drill-VERB, as in "
        "drill-kill; for your own app with what it needs behind a =: drill-deploy=IMAGE, and a path of drill-oom "
        "('/PATH?mb={mb}') and drill-block ('/PATH?ms={ms}'). Repeatable.",
        show_default=False,
        autocompletion=lambda incomplete: [name for name in NAMES if name.startswith(incomplete)],
    ),
]
OnlyPlan = Annotated[bool, typer.Option("--plan", help="Say which parts fit and how long they take; run nothing.")]


@takes_options(running_of)
def study(
    context: typer.Context,
    scenario: ScenarioPath,
    running: Running,
    time: Time = "40m",
    only: Only = None,
    only_plan: OnlyPlan = False,
    resume: Begun = None,
) -> None:
    """Run a comparison, a quick capacity search and drills, as far as they fit into a time, and print one card.

    It says first which parts fit and how long they take. Each part is a run
    with its own report; `lab decide` prints their card again. If you interrupt
    the study, --resume continues it; of drills it measures anew those that
    are not valid.
    """
    given, time_s = running.scenario(scenario), _seconds(time)
    asked = chosen_study(given, _quick_capacity, only) if only else plan_study(given, _quick_capacity, time_s)
    planned = with_drills_again(asked, partial(name_of, scenario), resume or ())
    begun = begun_of(planned, {part.key: name_of(scenario, part.key) for part in planned.parts}, resume or ())
    planned_s = sum(left_s(part, begun.get(part.key)) for part in planned.parts)
    if not running.quiet or only_plan:
        say_plan(planned, begun, planned_s, None if only else time_s)
    if only_plan:
        return
    began_s, command = monotonic(), as_called(context, without="resume")
    found, failed, cut = _carry_out(planned, begun, scenario, running, command)
    if not running.quiet and not failed:
        say(f"took     {rounded(monotonic() - began_s)}, about {rounded(planned_s)} were planned")
    _put_card(found, json=running.json)
    _say_anew(found, failed, cut, command)
    counted = _counted(found)
    for told in (each for points in counted for each in missed(points, strict=False)):
        say(told)
    codes = [one.exit_code() for points in counted for one in points]
    if code := worst_of((*codes, *(error.exit_code for error in failed))):
        raise typer.Exit(code)


def _quick_capacity(scenario: Scenario, slo: str) -> Scenario:
    return climbing(scenario, slo, quick=True, blocks=None)


def _seconds(time: str) -> float:
    try:
        return parse_duration_s(time)
    except ValueError as error:
        raise UsageError(f"--time: {error}", "write it as in --time 40m") from None


def _put_card(found: Sequence[Conclusion], *, json: bool) -> None:
    folders = [conclusion.folder for conclusion in found]
    points = [one for conclusion in found for one in conclusion.points]
    refuse_other_apps(points)
    card = card_of(points)
    if json:
        put_json(card_document(card))
        return
    put(render_terminal(decision_content(card, points, places_of(folders)), terminal_width(WIDTH)))
    for conclusion in found:
        put(f"report: {conclusion.written.html}")
    put(f"card again, or as a page: lab decide {_listed(folders)} --out card.html")


def _counted(found: Sequence[Conclusion]) -> list[Sequence[PointResult]]:
    """The points of each run, without drills that are not valid and that a later one measured again."""
    counted: list[Sequence[PointResult]] = []
    for place, conclusion in enumerate(found):
        again = {one.point.drill for later in found[place + 1 :] for one in later.points if one.point.drill}
        points = [one for one in conclusion.points if one.point.drill not in again or _is_valid(one)]
        counted.append(points)
    return counted


def _is_valid(one: PointResult) -> bool:
    return one.exit_code() != InvalidRunError.exit_code


def _say_anew(found: Sequence[Conclusion], failed: Sequence[LabError], cut: Sequence[Path], command: str) -> None:
    """The command that goes on with what an error cut, measures what is not valid or missing, and keeps the rest."""
    kept = [one.folder for one in found if all(map(_is_valid, one.points)) or is_worth_keeping(one.folder)]
    if failed or not all(_is_valid(one) for points in _counted(found) for one in points):
        on = "goes on with what was cut, " if cut else ""
        told = f"{on}measures anew what is not valid or missing, and keeps the rest"
        say(f"again    `{_with_runs(command, [*kept, *cut])}` {told}")


def _carry_out(
    planned: Study, begun: Mapping[str, Path], scenario: Path, running: Running, command: str
) -> tuple[list[Conclusion], list[LabError], list[Path]]:
    """Run part after part; one that ends with an error is said to be left out, and the others go on.

    Also gives the runs of those left out that are worth going on with. One that is not valid is on the card all the
    same, which says so. Raises the error of a run that was interrupted, whose hint says how to go on (``command``),
    and the last one where no part came to an end.
    """
    found: list[Conclusion] = []
    failed: list[LabError] = []
    cut: list[Path] = []
    for part in planned.parts:
        run = begun.get(part.key)
        try:
            try:
                run = _measured(part, run, scenario, running)
            except InvalidRunError as error:
                if type(error) is not InvalidRunError or error.run is None:
                    raise
                failed.append(error)
                _say_failed("invalid", part, error)
                run = error.run
            found.append(conclude_apart(run, width=terminal_width()))
        except InterruptedRunError as error:
            done = [conclusion.folder for conclusion in found]
            error.hint = _how_on(error, done, [*done, *cut, *begun.values()], command)
            raise
        except LabError as error:
            failed.append(error)
            _say_failed("without", part, error)
            cut += _worth_going_on(error, error.run or run)
    if not found:
        if cut:
            failed[-1].hint = _how_on(failed[-1], [], cut, command)
        raise failed[-1]
    return found, failed, cut


def _worth_going_on(error: LabError, run: Path | None) -> list[Path]:
    """The run that an error cut, or kept from the card; none that is not valid, ended by its arm, or cannot be read."""
    if run is None or isinstance(error, EndedError | RunFolderError):
        return []
    return [run] if _may_be_kept(run, unread=False) else []


def _how_on(error: LabError, done: Sequence[Path], there: Sequence[Path], command: str) -> str:
    """The hint of an interrupt: that of the run but for its own way on, the card so far, and the study's way on.

    A run that cannot become valid any more is no part of that: its part is measured anew.
    """
    own_way = ("--resume", STARTS_AGAIN)
    kept = [part for part in error.hint.split("; ") if part and not any(way in part for way in own_way)]
    card = [f"`lab decide {_listed(done)}` is the card so far"] if done else []
    runs = list(dict.fromkeys([*there, error.run] if error.run else there))
    worth = [run for run in runs if _may_be_kept(run)]
    anew = "" if len(worth) == len(runs) else ", and measures anew what cannot become valid any more"
    return "; ".join([*kept, *card, f"`{_with_runs(command, worth)}` goes on{anew}"])


def _may_be_kept(run: Path, *, unread: bool = True) -> bool:
    """False for a run that is not valid and cannot become so any more; ``unread`` for one that cannot be read."""
    try:
        return is_worth_keeping(run) if is_whole(run) else not is_lost(run)
    except LabError:  # what ended it is the news; the study says when it goes on that it cannot be read
        return unread


def _with_runs(command: str, runs: Sequence[Path]) -> str:
    return " ".join([command, *(f"--resume {shlex.quote(str(run))}" for run in runs)])


def _measured(part: Part, begun: Path | None, scenario: Path, running: Running) -> Path:
    """Run a part, a ladder after its pilot, or what its run lacks that is there; and give its run folder."""
    out, view_of = running.out, running.view_of
    if begun is not None and is_whole(begun):
        running.teller.step(f"{part.title}: {kept_words(part, begun)}")
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


def _say_failed(word: str, part: Part, error: LabError) -> None:
    say(f"{word:<8} {part.title}: {error}{f' ({error.hint})' if error.hint else ''}")


def _listed(folders: Sequence[Path]) -> str:
    return " ".join(shlex.quote(str(folder)) for folder in folders)
