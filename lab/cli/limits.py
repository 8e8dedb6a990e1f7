"""``lab limits SCENARIO``: the smallest memory limit in which each arm still does its work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.asked import Running, name_of, running_of
from lab.cli.capacity import SEE, slo_of
from lab.cli.open import Open, show_page
from lab.cli.options import takes_options
from lab.cli.run import OptionalScenario, Resume, Strict, exit_by, show
from lab.engines.kinds import ENGINE_KINDS
from lab.errors import LabError, UsageError
from lab.metrics.limits import LIMITS, MODES
from lab.plan.blocks import Plan, build_plan
from lab.record.folder import RunFolder
from lab.run.conclude import conclude_apart
from lab.run.limits import search, search_s, under, without_limit
from lab.run.run import planned, resume_run, run_scenario
from lab.scenario.choices import AUTO
from lab.scenario.compare import Compare, unknown
from lab.scenario.limits import MOST_TRIES, USUAL_TRIES, LimitSearch
from lab.scenario.model import Scenario
from lab.scenario.refusals import refusing
from lab.units import GIB, format_duration

Slo = Annotated[
    str,
    typer.Option(
        "--slo", help='The objective, as in "p99 <= 50ms and errors <= 0.1%"; without it, the search finds one.'
    ),
]
Mode = Annotated[
    str, typer.Option("--mode", help="Search only for the pooled or the split limit; without it, for both.")
]


@takes_options(running_of)
def limits(
    *,
    scenario: OptionalScenario = None,
    slo: Slo = "",
    mode: Mode = "",
    resume: Resume = None,
    running: Running,
    strict: Strict = False,
    open_page: Open = False,
) -> None:
    """Find the smallest memory limit that holds for each arm, pooled and split, and what gives way below it."""
    teller, around = running.teller, running.around
    if scenario is not None and resume is None:
        asked = searching(running.scenario(scenario), slo, mode)
        plan = build_plan(asked)
        usual, most = (format_duration(round(search_s(asked, tries))) for tries in (USUAL_TRIES, MOST_TRIES))
        late = format_duration(round(2 * asked.app.ready_timeout))
        teller.step(
            f"limits: about {usual}, at most {most} for {MOST_TRIES} tries of each arm and mode, and up to {late} more "
            "for each limit in which an arm does not get ready (app.ready_timeout, twice)"
        )
        folder = run_scenario(plan, name_of(scenario, "limits"), running.out, running.view_of(plan), around=around)
    elif resume is not None and scenario is None and not (slo or mode or running.engine):
        plan, folder = _continued(resume, running)
    else:
        raise UsageError("give either a scenario, with what you like, or --resume RUN", "see `lab limits --help`")
    try:
        search(folder, running.view_of, teller.step, plan.scenario, around=around)
    except LabError as error:  # what was tried before it counts, and is told first
        parts = [part for part in error.hint.split("; ") if part and "--resume" not in part]
        error.hint = "; ".join([*parts, f"`lab limits --resume {folder.path}` goes on with the search"])
        show(conclude_apart(folder.path), json=running.json, quiet=running.quiet)
        raise
    found = conclude_apart(folder.path)
    show(found, json=running.json, quiet=running.quiet)
    if open_page:
        show_page(found.written.html)
    exit_by(found, strict=strict)


def searching(scenario: Scenario, slo: str, mode: str) -> Scenario:
    """The scenario as a search for limits asks it, and nothing that belongs to another question."""
    if mode not in ("", *MODES):
        raise UsageError(f"--mode: {unknown('mode', mode, MODES)}", f"names: {', '.join(MODES)}")
    kept = scenario.limits or LimitSearch()
    modes = tuple(one for one in MODES if one == mode) or kept.modes
    found = replace(kept, slo=slo_of(slo) or kept.slo, modes=modes)
    compared = Compare(
        primary=tuple(LIMITS[one] for one in modes),
        baseline=scenario.compare.baseline,
        judged=scenario.compare.judged,
    )
    with refusing("", SEE):
        asked = without_limit(
            replace(
                scenario,
                capacity=None,
                drills=(),
                sweep=type(scenario.sweep)(),
                expect=scenario.expect if scenario.limits else (),
                limits=found,
                compare=compared,
            )
        )
    if asked.engine != AUTO:  # what cannot be limited is told before anything is measured
        ENGINE_KINDS[asked.engine].check(replace(under(asked, asked.arms[0].name, modes[0], GIB), app=asked.app))
    return asked


def _continued(run: Path, running: Running) -> tuple[Plan, RunFolder]:
    """A run whose search was cut, on the same machine with the same images."""
    plan = planned(run)
    if plan.scenario.lab_command != "lab limits":  # nor is one try of a search
        raise UsageError(f"{run}: no search for limits", "`lab run --resume` continues other runs")
    return plan, resume_run(plan, run, running.view_of(plan), around=running.around)
