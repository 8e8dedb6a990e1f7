"""What `lab plan` says of drills and expectations, and of percentiles that so few requests cannot settle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lab.cli.beforehand import words_of
from lab.cli.plan import _lines
from lab.cli.plan_words import drill_lines, expectation_lines
from lab.metrics import METRICS
from lab.plan.blocks import build_plan
from lab.plan.loading import CHANCE_OF_FEWER, measure_for, sure_requests
from tests.builders import REPLICAS, WORKERS, WORKERS_NGINX, make_scenario

LOAD = {"locustfile": "x.py", "rate": 100, "measure": "10s"}
LIMITED = {"processes": 2, "memory": "split:1GiB"}
DRILLED = LOAD | {"measure": "40s"}
P99 = "p99(replicas) <= 1.1 * p99(workers)"


@pytest.mark.parametrize(
    ("drill", "done"),
    [
        ({"verb": "kill"}, "kill: one serving process is killed"),
        ({"verb": "hang", "name": "stuck"}, "stuck, hang: one serving process is stopped for 8 s"),
        ({"verb": "roll"}, "roll: every serving process is replaced"),
        ({"verb": "deploy", "image": "shop:2"}, "deploy: every container of the app gives way to one of shop:2"),
        ({"verb": "oom"}, "oom: one serving process is asked (/hold?mb=…) to hold more memory than there is"),
        ({"verb": "kill-supervisor"}, "kill-supervisor: one supervisor is killed"),
        ({"verb": "kill-front"}, "kill-front: what clients connect to is killed"),
        ({"verb": "crash-loop", "hold": "4s"}, "crash-loop: one serving process is killed, and for 4 s whatever comes"),
        ({"verb": "recycle"}, "recycle: every serving process is asked to end, each at an instant drawn over 8 s"),
        ({"verb": "slow-start", "hold": "20s"}, "slow-start: every serving process of a slow app is replaced, which"),
        (
            {"verb": "roll", "drain": "2s"},
            "roll: every serving process is replaced, where there are several out of",
        ),
        ({"verb": "scale"}, "scale: one serving process more is started"),
        ({"verb": "stop"}, "stop: every container of the app is stopped"),
        (
            {"verb": "block", "hold": "2s"},
            "block: a request (/block?ms=2000) keeps the event loop of one serving",
        ),
    ],
)
def test_a_drill_is_announced(drill: dict[str, str], done: str) -> None:
    """Also where it is the only one: something is broken on purpose."""
    (line,) = drill_lines(build_plan(make_scenario((WORKERS_NGINX,), load=DRILLED, drills=[drill], budget=LIMITED)))

    assert line.startswith(f"  drill     {done}")
    assert line.endswith(", 6 to 8 s into the measure phase; a request slower than 250 ms is bad")


def test_an_expectation_is_printed_and_said_to_stay_undecided() -> None:
    """Where rate × measure gives fewer requests than its percentile is judged from."""
    given = make_scenario(load=LOAD, expect=[{"that": P99, "name": "tail"}, {"that": "p95(replicas) <= 1s"}])

    assert list(expectation_lines(build_plan(given))) == [
        f"  expect    tail: {P99}",
        "  expect    p95(replicas) <= 1s",
        "  !         p99 is judged from 3,000 requests in every trial; rate × measure gives 1,000: "
        f"'{P99}' stays undecided; measure = \"33s\" is enough",
    ]


@pytest.mark.parametrize(
    ("load", "sweep", "said"),
    [
        (LOAD, {}, ["1,000: p99, which is judged, stays undecided"]),
        (LOAD, {"rate": [60, 400]}, ["600: p99, which is judged, stays undecided"]),
        (LOAD | {"rate": 300}, {}, ["3,000, by chance as few as 2,786: p99, which is judged, may stay undecided"]),
        (LOAD | {"rate": 300, "schedule": "uniform"}, {}, []),
        (LOAD | {"rate": 330}, {}, []),
        ({"locustfile": "x.py", "measure": "10s"}, {}, []),
    ],
)
def test_a_primary_percentile_is_looked_at_too(
    load: dict[str, object], sweep: dict[str, object], said: list[str]
) -> None:
    """At the lowest rate of a sweep; without a rate nobody knows how many requests there will be.

    At exactly the limit half of the trials have fewer by chance, and one is enough.
    """
    given = make_scenario(load=load, sweep=sweep, compare={"primary": ["p99", "memory.pss.total"]})
    lines = list(expectation_lines(build_plan(given)))

    assert [line.partition("gives ")[2].partition(";")[0] for line in lines] == said


def test_of_one_arm_nothing_is_judged_but_what_is_expected() -> None:
    """A primary says there only for what blocks must be valid."""
    that = "p99(replicas) <= 1s"
    given = make_scenario((REPLICAS,), load=LOAD, compare={"primary": ["p95", "p99"]}, expect=[{"that": that}])

    assert [f"'{that}' stays" in line for line in expectation_lines(build_plan(given))] == [False, True]


@pytest.mark.parametrize(
    ("control", "said"), [(None, "nothing is compared: there is one arm"), (True, "with workers; judged: nothing")]
)
def test_what_is_compared_with_nothing_is_said_so(control: bool | None, said: str) -> None:
    """One arm, or only arms that explain; nor does a run promise verdicts then."""
    arms = (WORKERS,) if control is None else (WORKERS, REPLICAS | {"control": control})
    planned = build_plan(make_scenario(arms, load=LOAD, engine="process"))

    assert f"  compare   {said}" in _lines(planned)
    assert words_of(planned.scenario, 8) == "numbers only: there is nothing to compare"


@pytest.mark.parametrize("key", ["p95", "p99", "p99.9"])
def test_the_measure_that_is_proposed_is_enough_for_every_trial(key: str) -> None:
    """Of many runs of ten blocks hardly one has a trial with fewer arrivals than the percentile is judged from."""
    least = METRICS[key].least_to_judge or 0
    load = make_scenario(load=LOAD).load
    enough = replace(load, measure=measure_for(least, load, 10))

    counts = np.random.default_rng(7).poisson(enough.rate * enough.measure, size=(2000, 10))  # type: ignore[operator]

    assert sure_requests(enough, 10) == pytest.approx(least)
    assert (counts.min(axis=1) < least).mean() <= CHANCE_OF_FEWER
    assert measure_for(least, replace(load, schedule="uniform"), 10) == pytest.approx(least / 100)
