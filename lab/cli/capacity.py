"""``lab capacity SCENARIO``: the highest rate that each arm carries within an objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Annotated

import typer

from lab.analysis.comparison import least_blocks
from lab.analysis.conditions import expectations_of
from lab.cli.asked import Running, name_of, running_of
from lab.cli.beforehand import words_of
from lab.cli.open import Open, show_page
from lab.cli.options import Blocks, ScenarioPath, takes_options
from lab.cli.run import Strict, exit_by, show
from lab.errors import UsageError
from lab.metrics.capacity import CAPACITY
from lab.plan.blocks import build_plan
from lab.run.capacity import with_ladder
from lab.run.confirm import concluded
from lab.run.estimate import Span, before_s, fitted, ladder_s, search_span
from lab.run.run import run_scenario
from lab.scenario.capacity import Capacity, check_objective
from lab.scenario.compare import Compare
from lab.scenario.model import Scenario
from lab.scenario.refusals import refusing
from lab.units import count_of, format_duration

FULL_BLOCKS, QUICK_BLOCKS = 12, 6
SEE = "`lab capacity --help` says what it takes, such as --slo 'p99 <= 50ms and errors <= 0.1%'"

Slo = Annotated[
    str,
    typer.Option(
        "--slo", help='The objective, as in "p99 <= 50ms and errors <= 0.1%"; without it, the pilot finds one.'
    ),
]
Look = Annotated[
    bool,
    typer.Option(
        "--quick", help="A quick look: fewer rungs and blocks, no control arms; shows large differences only."
    ),
]


@takes_options(running_of)
def capacity(
    scenario: ScenarioPath,
    running: Running,
    slo: Slo = "",
    look: Look = False,
    blocks: Blocks = None,
    strict: Strict = False,
    open_page: Open = False,
) -> None:
    """Find the highest rate that each arm carries within an objective, and compare the arms by it."""
    began_s, given = monotonic(), running.scenario(scenario)
    asked = climbing(given, slo, quick=look, blocks=blocks)
    view_of, teller = running.view_of, running.teller
    fits = blocks is None and given.capacity is None and not look
    span = search_span(asked, fits=fits)
    teller.step(f"{told_span(span)} in all, images apart{_told_longer(span)}")
    with with_ladder(asked, running.out, view_of, teller.step, around=running.around) as laddered:
        climber, around = laddered.scenario, laddered.around
        if laddered.pilot and fits:
            climber = _fitting(climber, before_s(asked), teller.step)
        plan = build_plan(climber)
        left_s, spent_s = ladder_s(climber), monotonic() - began_s
        says = words_of(climber, plan.blocks)
        teller.step(f"{count_of(len(plan.trials), 'trial')}, about {format_duration(round(left_s))}; says {says}")
        name, view = name_of(scenario, "capacity"), view_of(plan)
        folder = run_scenario(plan, name, running.out, view, around=around, pilot=laddered.pilot)
    tell = partial(show, json=running.json, quiet=running.quiet)
    found = concluded(folder, plan.scenario, view_of, tell, say=teller.step, around=around)
    took, then = (format_duration(round(each_s)) for each_s in (monotonic() - began_s, spent_s + left_s))
    teller.step(
        f"took {took}; the plan was {told_span(span)}{f', and {then} after the pilot' if laddered.pilot else ''}"
    )
    tell(found)
    if open_page:
        show_page(found.written.html)
    exit_by(found, strict=strict)


def told_span(span: Span) -> str:
    """``"about 39 min 4 s"``, or where rates decide that nobody knows yet ``"about 39 min to 54 min"``."""
    if span.is_known:
        return f"about {format_duration(round(span.likely))}"
    least, most = (format_duration(60 * round(each_s / 60)) for each_s in (span.least, span.most))
    return f"about {least} to {most}"


def _told_longer(span: Span) -> str:
    return f"; longer if an arm carries less than {span.carried:g} requests a second" if span.may_be_longer else ""


def _fitting(climber: Scenario, before: float, say: Callable[[str], None]) -> Scenario:
    """The scenario with as many blocks as fit, and a sentence where slow arms leave room for fewer."""
    found, asked = fitted(climber, before), climber.trials.blocks
    if found.trials.blocks == asked:
        return climber
    all_s, own_s = (format_duration(round(before + ladder_s(one))) for one in (climber, found))
    say(
        f"{found.trials.blocks} blocks, not {asked}: the ladder is long (arms that are slow, or far apart), and all of "
        f"them would take {all_s} with the pilot; these take {own_s}. --blocks {asked} asks for all"
    )
    return found


def climbing(scenario: Scenario, slo: str, *, quick: bool, blocks: int | None) -> Scenario:
    """The scenario as a search for capacity asks it: what it compares, and nothing that belongs to another question.

    A look is without the arms that are there to explain: it has no time for them, unless something is expected of one.
    """
    kept = scenario.capacity or Capacity()
    slo = slo_of(slo) or kept.slo
    found = Capacity.look(slo) if quick else replace(kept, slo=slo)
    expect = scenario.expect if scenario.capacity else ()
    expected = {arm for each in expectations_of(replace(scenario, expect=expect)) for _, arm in each.needs}
    kept_arms = {scenario.baseline, *scenario.judged, *expected}
    arms = tuple(arm for arm in scenario.arms if arm.name in kept_arms) if quick else scenario.arms
    with refusing("", SEE):
        asked = replace(
            scenario,
            arms=arms,
            capacity=found,
            limits=None,
            drills=(),
            sweep=type(scenario.sweep)(),
            expect=expect,
            trials=replace(scenario.trials, looks=()),
            compare=Compare(primary=(CAPACITY,), baseline=scenario.compare.baseline, judged=scenario.compare.judged),
        )
    if blocks is None and scenario.capacity is None:  # a form with fewer than a verdict takes could say nothing
        blocks = max(QUICK_BLOCKS if quick else FULL_BLOCKS, least_blocks(asked))
    return replace(asked, trials=replace(asked.trials, blocks=blocks or asked.trials.blocks))


def slo_of(text: str) -> str:
    """The objective as it was given. Raises UsageError (exit 2) where it is none."""
    try:
        return check_objective(text)
    except ValueError as error:
        raise UsageError(f"--slo: {error}", SEE) from None
