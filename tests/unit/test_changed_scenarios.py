"""A scenario that a command makes of another one is valid, or refused in a sentence of the lab's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from lab.analysis.across_arms import in_one_run
from lab.analysis.selfcheck import against_itself
from lab.cli.capacity import climbing
from lab.cli.limits import searching
from lab.errors import ScenarioError
from lab.plan.points import points_of, without
from lab.run.by_hand import by_hand
from lab.run.chosen import chosen_study
from lab.run.confirm import alone
from lab.run.estimate import search_span
from lab.run.limits import under
from lab.run.study import plan_study
from lab.scenario.model import Scenario
from lab.units import GIB
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario

CONTROL = {"name": "workers-nginx", "model": "workers", "front": "nginx", "control": True}
OF_CONTROL = [{"that": "p95(workers-nginx) <= 50ms"}]
HEADLINE = {"baseline": "workers", "headline": ["replicas"]}
LADDER = {"slo": "p99 <= 50ms", "rates": [100, 150, 200]}
quick = partial(climbing, quick=True, blocks=None)


def given(**changes: Any) -> Scenario:
    """Arms of which the first is a control."""
    return make_scenario((CONTROL, WORKERS, REPLICAS), **{"compare": {"baseline": "workers"}, **changes})


def climbed(scenario: Scenario) -> Scenario:
    return climbing(scenario, "p99 <= 50ms", quick=False, blocks=None)


@pytest.mark.parametrize(
    ("make", "asked"),
    [
        (lambda one: under(searching(one, "", ""), "workers-nginx", "split", GIB), given()),
        (lambda one: alone(one, "workers-nginx", 90.0), given(capacity=LADDER)),
        (lambda one: without(points_of(one)[0], ["workers"]), given()),
        (lambda one: without(points_of(one)[0], ["workers", "replicas"]), given()),
        (by_hand, given()),
        (by_hand, given(limits={})),
        (lambda one: against_itself(one, 8), given(compare=HEADLINE)),
        (lambda one: against_itself(climbed(one), 8), given()),
        (lambda one: against_itself(searching(one, "", ""), 8), given()),
        (lambda one: plan_study(one, quick, 36_000), given(expect=OF_CONTROL)),
        (lambda one: chosen_study(one, quick, ["capacity", "how-many", "drill-kill"]), given(expect=OF_CONTROL)),
        (
            lambda one: search_span(climbing(one, "p99 <= 1ms", quick=True, blocks=None), fits=False),
            given(load={"locustfile": "f.py", "rate": 30_000}),
        ),
    ],
)
def test_what_is_made_of_a_scenario_is_one(make: Callable[[Scenario], object], asked: Scenario) -> None:
    """Of one arm or some, with what is judged, expected, searched for and put in front among those that are left."""
    assert make(asked)


def test_a_look_keeps_a_control_of_which_something_is_expected() -> None:
    """It leaves out the others: there is no time for them."""
    asked = given(capacity=LADDER, compare={"baseline": "workers", "primary": ["capacity.rate"]})
    expected = given(capacity=LADDER, expect=[{"that": "capacity.rate(workers-nginx) >= 100/s"}])

    assert [arm.name for arm in quick(asked, "").arms] == ["workers", "replicas"]
    assert [arm.name for arm in quick(expected, "").arms] == ["workers-nginx", "workers", "replicas"]


def test_a_check_against_itself_judges_what_it_measures() -> None:
    """Neither a capacity nor a limit, which nothing searches for; memory where nothing else is judged."""
    made = against_itself(climbed(given()), 8)

    assert (made.capacity, made.limits, made.compare.primary) == (None, None, ("memory.pss.total",))


def test_a_control_is_no_baseline_where_anything_is_judged() -> None:
    """Only where nothing is compared is it as good as any."""
    with pytest.raises(ScenarioError, match="'workers-nginx' is the baseline, which is compared with"):
        given(compare={"baseline": "workers-nginx"})

    assert given(compare={"baseline": "workers-nginx", "primary": []}).judged == ("workers", "replicas")


def test_two_runs_of_builds_are_one_of_their_images() -> None:
    """An image that is there needs nothing of what it was built with."""
    build = {"build": "/app", "target_stage": "final", "build_args": {"A": "1"}}
    asked = make_scenario((WORKERS, REPLICAS), app=build, compare=HEADLINE)
    images = [{"app": {"id": f"sha256:{digest * 32}", "digest": f"sha256:{digest * 32}"}} for digest in ("ab", "cd")]
    first, second = (make_run(asked, images=one) for one in images)

    made = in_one_run("workers", (first, second), (asked, asked))

    assert made is not None
    assert (made.app.image, made.arms[0].image) == (f"sha256:{'cd' * 32}", f"sha256:{'ab' * 32}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("drill-oom=hold", '--only: drill-oom: request: expected a text such as "/hold?mb={mb}" or "/block?ms={ms}"'),
        ("drill-block=/x", '--only: drill-block: request: expected a text such as "/hold?mb={mb}" or "/block?ms={ms}"'),
        ("drill-oom=/x?{ms}", '--only: drill-oom: request: oom fills in {mb}, which is not in "/x?{ms}"'),
        (f"drill-deploy={'a' * 501}", "--only: drill-deploy: image: expected at most 500 characters"),
    ],
)
def test_a_drill_that_is_asked_for_wrongly_is_refused_in_words(name: str, said: str) -> None:
    """Pydantic's are for programmers."""
    with pytest.raises(ScenarioError) as caught:
        chosen_study(given(), quick, [name])

    assert str(caught.value) == said


def test_more_drills_than_a_run_may_have_are_refused_in_words() -> None:
    """The key is named, and how many there may be."""
    with pytest.raises(ScenarioError) as caught:
        chosen_study(given(), quick, [f"drill-oom=/hold{number}?mb={{mb}}" for number in range(17)])

    assert str(caught.value) == "--only: drills: expected at most 16 in the list"
