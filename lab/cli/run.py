"""``lab run SCENARIO``: the whole job, from the scenario file to the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from lab.analysis.expectations import Outcome
from lab.analysis.points import PointResult, worst_code
from lab.cli.asked import Running, file_named, name_of, running_of, with_blocks
from lab.cli.console import put, put_json, say
from lab.cli.junit import Junit, results_in
from lab.cli.metrics_port import MetricsPort, metrics_at
from lab.cli.names import complete_run, complete_scenario, run_folder, scenario_file
from lab.cli.open import Open, show_page
from lab.cli.options import WHICH_SCENARIO, Blocks, takes_options
from lab.cli.summary_file import SummaryFile, summary_in
from lab.errors import UsageError
from lab.plan.blocks import build_plan
from lab.report.overview import answers_over
from lab.report.renderers.json_document import comparison_document
from lab.report.renderers.text import one_line
from lab.report.sections.answer import failing_over
from lab.report.sections.answer_sentences import answer_line
from lab.report.sections.checks import checks_of
from lab.report.sections.expectation_sentences import SPOILED
from lab.run.conclude import Conclusion
from lab.run.confirm import concluded
from lab.run.quiet import QUIETER
from lab.run.run import planned, resume_run, run_scenario
from lab.scenario.model import Scenario
from lab.units import count_of

ENOUGH = "the report says why, and `lab plan` how many requests and blocks are enough"
PASSES = ", which fails only with --strict"
OptionalScenario = Annotated[
    Path | None,
    typer.Argument(
        help=WHICH_SCENARIO,
        show_default=False,
        callback=lambda asked: asked and scenario_file(asked),
        autocompletion=complete_scenario,
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        help="Continue this run instead, on the same machine with the same versions and images.",
        callback=lambda asked: asked and run_folder(asked),
        autocompletion=complete_run,
    ),
]
STRICT = "Exit with 1 also if an expectation is undecided, or with 3 if that is for want of valid blocks."
Strict = Annotated[bool, typer.Option("--strict", help=STRICT)]


@takes_options(running_of)
def run(
    *,
    scenario: OptionalScenario = None,
    blocks: Blocks = None,
    resume: Resume = None,
    running: Running,
    strict: Strict = False,
    summary_file: SummaryFile = None,
    junit: Junit = None,
    metrics_port: MetricsPort = None,
    open_page: Open = False,
) -> None:
    """Run a scenario, keep everything in a run folder, and write the report."""
    with (
        summary_in(summary_file) as summarise,
        results_in(junit, scenario or resume) as hand_over,
        metrics_at(metrics_port) as shown,
        file_named(scenario),
    ):
        if scenario is not None and resume is None:
            plan = build_plan(with_blocks(_one_run(running.scenario(scenario)), blocks))
            view = shown(plan, running.view_of(plan))
            folder = run_scenario(plan, name_of(scenario), running.out, view, around=running.around)
        elif resume is not None and scenario is None and blocks is None and running.engine is None:
            plan = planned(resume)
            _one_run(plan.scenario)
            folder = resume_run(plan, resume, shown(plan, running.view_of(plan)), around=running.around)
        else:
            raise UsageError(
                "give either a scenario, with --blocks and --engine if you like, or --resume RUN",
                "for example `lab run quickstart`; `lab run --help` shows every option",
            )
        tell = partial(show, json=running.json, quiet=running.quiet)
        step, around = running.teller.step, running.around
        found = concluded(folder, plan.scenario, running.view_of, tell, say=step, around=around)
        summarise(found.written.summary)
        hand_over(found.written)
    tell(found)
    if open_page:
        show_page(found.written.html)
    exit_by(found, strict=strict)


def exit_by(found: Conclusion, *, strict: bool) -> None:
    """Raise typer.Exit with the code of what a run claims, of all its points the worst; nothing where that is 0.

    Last it says what makes it so, or has settled nothing: that stands at the end of a build's log.
    """
    for told in missed(found.points, strict=strict):
        say(told)
    if code := worst_code(found.points, strict=strict):
        raise typer.Exit(code)


def missed(points: Sequence[PointResult], *, strict: bool) -> Iterator[str]:
    """Name what fails a build, and what only ``strict`` would fail: first arms, then expectations by outcome."""
    for check in checks_of(points):
        if check.sentences:
            yield f"{check.broken}{'' if check.fails or strict else PASSES}: {one_line(check.brief)}"
    answers = [answer for answer in answers_over(points) if answer.case]
    undecided = "" if strict else PASSES
    for word, why, passes, hint in (
        (Outcome.VIOLATED, "", "", ""),
        (Outcome.UNDECIDED, "", undecided, f"; {ENOUGH}"),
        (Outcome.UNDECIDED, SPOILED, undecided, f"; they say nothing of the app: {QUIETER}, and run it again"),
    ):
        own = [answer.case for answer in answers if (answer.word, answer.why) == (word, why)]
        if own:
            named, told = one_line("; ".join(own)), f" ({why})" if why else ""
            yield f"{len(own)} of {count_of(len(answers), 'expectation')} {word}{told}{passes}: {named}{hint}"


def _one_run(scenario: Scenario) -> Scenario:
    """The scenario itself. Raises UsageError for a search, which is many runs."""
    if scenario.lab_command == "lab limits":
        raise UsageError(
            "limits: a search for limits is several runs",
            "`lab limits SCENARIO` makes them, `lab limits --resume RUN` goes on with them",
        )
    return scenario


def show(found: Conclusion, *, json: bool, quiet: bool) -> None:
    """Print what came out and where the report is; ``quiet``: of what came out only the sentences of the answer."""
    if json:
        put_json(_document(found))
        return
    if quiet:
        put_answers(found)
    else:
        put(found.written.terminal)
    put(f"report: {found.written.html}")


def put_answers(found: Conclusion) -> None:
    """Print which arms failed requests, and the sentences of the answer, those of each point with its name."""
    for note in failing_over(found.points):
        put(note)
    for answer in answers_over(found.points):
        put(answer_line(answer))


def _document(found: Conclusion) -> dict[str, Any]:
    return {
        "run": found.run.run_id,
        "folder": str(found.folder),
        "report": str(found.written.html),
        "trials": {trial: state.value for trial, state in found.run.states.items()},
        **_compared(found),
    }


def _compared(found: Conclusion) -> dict[str, Any]:
    """What was claimed, by point where there are several."""
    documents = {one.point.key: comparison_document(one.run, one.summary, one.comparison) for one in found.points}
    return {"points": documents} if len(documents) > 1 else {"comparison": documents[""]}
