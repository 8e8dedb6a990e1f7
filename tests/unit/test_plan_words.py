"""What `lab plan` says of drills and expectations, and of percentiles that so few requests cannot settle."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab.analysis.expectations import blocks_to_settle, judge_expectation
from lab.analysis.judge.levels import verdict_level
from lab.cli.beforehand import run_lines, words_of
from lab.cli.plan import IN_FULL, MORE, _lines, plan
from lab.cli.plan_warnings import warnings
from lab.cli.plan_words import drill_lines, expectation_lines, network_lines, order_lines, time_lines
from lab.metrics import METRICS
from lab.plan.blocks import build_plan
from lab.plan.loading import CHANCE_OF_FEWER, measure_for, sure_requests, surely_too_few
from lab.scenario.expectation import parse_expectation
from lab.scenario.limits import LimitSearch
from tests.builders import REPLICAS, WORKERS, WORKERS_NGINX, make_scenario

LOAD = {"locustfile": "x.py", "rate": 100, "measure": "10s"}
ENOUGH = {"blocks": 8}
LIMITED = {"processes": 2, "memory": "split:1GiB"}
DRILLED = LOAD | {"measure": "40s"}
P99 = "p99(replicas) <= 1.1 * p99(workers)"
MAY = "p99, which is judged, may stay undecided unless requests fail"
LADDER = {"slo": "p99 <= 50ms", "rates": [100, 150, 200]}


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
    expect = [{"that": P99, "name": "tail"}, {"that": "p95(replicas) <= 1s"}]
    given = make_scenario(load=LOAD, trials=ENOUGH, expect=expect)

    planned = build_plan(given)

    assert list(expectation_lines(planned)) == [f"  expect    tail: {P99}", "  expect    p95(replicas) <= 1s"]
    assert list(warnings(planned)) == [
        "p99 is judged from 3,000 requests in every trial; rate × measure gives 1,000: "
        f"'{P99}' stays undecided unless requests fail; load.measure = \"33s\" is enough",
    ]


@pytest.mark.parametrize(
    ("load", "sweep", "said"),
    [
        (LOAD, {}, ["1,000: p99, which is judged, stays undecided unless requests fail"]),
        (LOAD, {"rate": [60, 400]}, ["600: p99, which is judged, stays undecided unless requests fail"]),
        (LOAD | {"rate": 300}, {}, [f"3,000, by chance as few as 2,786: {MAY}"]),
        (LOAD | {"rate": 290}, {}, [f"2,900, by chance as few as 2,690: {MAY}"]),
        (
            LOAD | {"rate": 290, "schedule": "uniform"},
            {},
            ["2,900: p99, which is judged, stays undecided unless requests fail"],
        ),
        (LOAD | {"rate": 300, "schedule": "uniform"}, {}, []),
        (LOAD | {"rate": 330}, {}, []),
        ({"locustfile": "x.py", "measure": "10s"}, {}, []),
    ],
)
def test_a_primary_percentile_is_looked_at_too(
    load: dict[str, object], sweep: dict[str, object], said: list[str]
) -> None:
    """At the lowest rate of a sweep; without a rate nobody knows how many requests there will be.

    At the limit half of the trials have fewer by chance, and one is enough; a little below all may have enough.
    """
    given = make_scenario(load=load, sweep=sweep, compare={"primary": ["p99", "memory.pss.total"]})
    told = list(warnings(build_plan(given)))

    assert [each.partition("gives ")[2].partition(";")[0] for each in told if "gives" in each] == said


def test_of_one_arm_nothing_is_judged_but_what_is_expected() -> None:
    """A primary says there only for what blocks must be valid."""
    that = "p99(replicas) <= 1s"
    given = make_scenario(
        (REPLICAS,), load=LOAD, trials=ENOUGH, compare={"primary": ["p95", "p99"]}, expect=[{"that": that}]
    )

    assert [f"'{that}' stays" in told for told in warnings(build_plan(given))] == [True]


PAIR = (WORKERS, REPLICAS)
ERRORS = "errors(workers) == 0"
MEMORY = "memory.pss.total(replicas) <= 1GiB"


@pytest.mark.parametrize(
    ("arms", "changes", "said"),
    [
        (PAIR, {"trials": {"blocks": 6}, "compare": {"primary": ["p50"]}}, []),
        (
            PAIR,
            {"trials": {"blocks": 6}},  # with two primaries
            [
                "memory.pss.total, p50 of replicas: numbers only, for a verdict takes 7 valid blocks and there will be "
                "6; trials.blocks = 7, or --blocks 7, is enough"
            ],
        ),
        (
            (REPLICAS | {"name": "workers"}, REPLICAS | {"control": True}),  # nothing is judged
            {"trials": {"blocks": 1}, "expect": [{"that": MEMORY}, {"that": ERRORS}]},  # an exact one takes one block
            [
                f"'{MEMORY}' stays undecided unless requests fail: it takes 6 valid blocks and there will be 1; "
                "trials.blocks = 6, or --blocks 6, is enough"
            ],
        ),
        (
            (REPLICAS,),
            {"trials": {"blocks": 5}, "expect": [{"that": MEMORY}, {"that": f"2 * {MEMORY}"}]},
            [
                f"'{MEMORY}', '2 * {MEMORY}' stay undecided unless requests fail: each takes 6 valid blocks and there "
                "will be 5; trials.blocks = 6, or --blocks 6, is enough"
            ],
        ),
        (
            (WORKERS, *({**REPLICAS, "name": f"r{number}"} for number in range(9))),
            {"trials": {"looks": [7, 8]}},
            [
                f"memory.pss.total, p50 of {', '.join(f'r{number}' for number in range(9))}: numbers only, for a "
                "verdict takes 11 valid blocks and there will be 8; let trials.looks end with more"
            ],
        ),
    ],
)
def test_too_few_blocks_are_told_with_what_is_enough(
    arms: tuple[dict[str, object], ...], changes: dict[str, object], said: list[str]
) -> None:
    """Of what is judged and of what is expected; a search for limits is one block whatever the scenario says."""
    given = make_scenario(arms, load=LOAD | {"rate": 300}, **changes)

    assert list(warnings(build_plan(given))) == said
    assert list(warnings(build_plan(replace(given, limits=LimitSearch())))) == []


@pytest.mark.parametrize(
    ("that", "changes", "told"),
    [
        ("p95(workers) <= 1s", {}, [("latency", "p95")]),
        (ERRORS, {}, [("latency", "errors")]),
        ("errors(workers) <= cpu.cores(workers)", {}, [("latency", "errors"), ("CPU", "cpu.per_1k")]),
        (MEMORY, {}, []),
        (MEMORY, {"compare": {"primary": ["p95"]}}, [("memory", "memory.pss.total")]),
        ("p95(workers) <= 1s", {"compare": {"primary": ["p50"]}}, []),
        (ERRORS, {"trials": {"blocks": 4}}, []),  # of so few none is replaced
        (ERRORS, {"capacity": LADDER}, []),
    ],
)
def test_an_expectation_whose_invalid_blocks_stay_is_told(
    that: str, changes: dict[str, object], told: list[tuple[str, str]]
) -> None:
    """No primary needs what it needs; what to write is a metric that a verdict may be on."""
    given = {"trials": ENOUGH, "compare": {"primary": ["memory.pss.total"]}, **changes}
    plan = build_plan(make_scenario(PAIR, load=LOAD | {"rate": 300}, expect=[{"that": that}], **given))

    assert [each for each in warnings(plan) if "not replaced" in each] == [
        f"'{that}' needs blocks that are valid for {family}, and no metric in compare.primary does: an invalid one is "
        f'not replaced; with "{metric}" in compare.primary it is'
        for family, metric in told
    ]


def test_blocks_that_are_enough_by_the_plan_settle_an_expectation() -> None:
    """The number is that of the judgement, also where there are looks."""
    for looks in ((), (7, 12), (8, 12, 16, 20)):
        parsed = parse_expectation(MEMORY, ["replicas"])
        least = blocks_to_settle(parsed, verdict_level(1, looks))
        outcomes = [
            judge_expectation(parsed, {parsed.needs[0]: [1.0] * blocks}, verdict_level(1, looks)).outcome
            for blocks in (least - 1, least)
        ]

        assert outcomes == ["undecided", "holds"]


def test_fewer_blocks_settle_an_expectation_where_requests_fail() -> None:
    """So nobody may be told before that it is certain to stay undecided."""
    parsed = parse_expectation("p50(replicas) <= 1s", ["replicas"])

    assert judge_expectation(parsed, {parsed.needs[0]: [math.inf]}).outcome == "violated"


@pytest.mark.parametrize(
    ("arms", "trials", "said"),
    [
        (PAIR, {"blocks": 6}, []),
        (PAIR, {"blocks": 5}, ["capacity.rate of replicas: numbers only, for a verdict takes 6"]),
        ((WORKERS, *({**REPLICAS, "name": f"r{number}"} for number in range(4))), {"looks": [7, 8]}, []),
    ],
)
def test_what_a_ladder_takes_is_what_its_search_judges(
    arms: tuple[dict[str, object], ...], trials: dict[str, object], said: list[str]
) -> None:
    """Capacity alone, without looks: `lab capacity` carries it out, whatever else the file has judged."""
    judged = {"primary": ["memory.pss.total", "p99"]}
    given = make_scenario(arms, load=LOAD, trials=trials, capacity=LADDER, compare=judged)

    assert [told.partition(" valid")[0] for told in warnings(build_plan(given))] == said


@pytest.mark.parametrize(
    ("load", "changes", "said"),
    [
        ({"warmup": "5s", "measure": "6s"}, {}, []),
        (
            {"warmup": "2s"},
            {},
            [
                "a warm-up of 2 s is a caveat: caches, heaps and connections may still be filling; "
                'load.warmup = "5s" is enough'
            ],
        ),
        ({"warmup": "2s", "rate": 20}, {}, []),  # prolonged until each process has had its requests
        (
            {"measure": "5s"},
            {},
            [
                "a measure phase of 5 s is a caveat on latency and throughput: whether an arm was steady shows in 6 s "
                'or more; load.measure = "6s" is enough'
            ],
        ),
        ({"measure": "5s"}, {"limits": {}}, []),  # the search has its own
        ({"measure": "5s"}, {"capacity": LADDER}, []),
    ],
)
def test_what_will_be_a_caveat_of_every_trial_is_told(
    load: dict[str, object], changes: dict[str, object], said: list[str]
) -> None:
    """Only what follows from the scenario alone."""
    given = make_scenario(
        PAIR, load=LOAD | {"rate": 300} | load, trials=ENOUGH, compare={"primary": ["boot"]}, **changes
    )

    assert list(warnings(build_plan(given))) == said


def test_a_warning_stands_below_what_it_is_about_and_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """On a line of its own with a sign that nothing else has."""
    scenario = Path(__file__).parents[2] / "scenarios" / "smoke.toml"
    plan(scenario)
    lines = capsys.readouterr().out.splitlines()
    plan(scenario, json=True)
    told = json.loads(capsys.readouterr().out)["warnings"]

    assert len(told) == 3
    assert [line.removeprefix("  !         ") for line in lines if line.startswith("  ! ")] == told
    plan(scenario, blocks=6)
    assert "numbers only" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arms", "blocks", "said"),
    [
        ((WORKERS,), 3, "order"),
        (PAIR, 4, "order, balanced over 2 blocks"),
        (PAIR, 3, "order, balanced only over multiples of 2 blocks"),
    ],
)
def test_an_order_is_balanced_only_where_there_is_one(
    arms: tuple[dict[str, object], ...], blocks: int, said: str
) -> None:
    """One arm has no other to take turns with."""
    order = list(order_lines(build_plan(make_scenario(arms, trials={"blocks": blocks}))))

    assert order[1] == said


def test_an_order_names_each_point_once() -> None:
    """With its arms behind it: of five drills of three arms a block would be four lines of brackets."""
    swept = make_scenario(PAIR, load=LOAD, sweep={"rate": [50, 100]}, trials={"blocks": 1})
    whole = make_scenario(PAIR, load=LOAD, trials={"blocks": 1})

    (line,) = list(order_lines(build_plan(swept)))[2:]
    (alone,) = list(order_lines(build_plan(whole)))[2:]

    block, *places = re.split(": |; ", line)
    assert block == "  block 1"
    assert sorted(places[::2]) == ["100 requests a second", "50 requests a second"]
    assert {frozenset(arms.split(", ")) for arms in places[1::2]} == {frozenset({"workers", "replicas"})}
    assert set(alone.removeprefix("  block 1: ").split(", ")) == {"workers", "replicas"}


@pytest.mark.parametrize(
    ("blocks", "changes", "length", "says"),
    [
        (6, {}, "12 trials (6 blocks of 2 arms)", "better, worse, equivalent or inconclusive, on p50 of replicas"),
        (2, {}, "4 trials (2 blocks of 2 arms)", "numbers only: a verdict takes 6 blocks"),
        (6, {"sweep": {"rate": [50, 100]}}, "24 trials (6 blocks of 2 arms at 2 points)", "better, worse, equivalent"),
        (
            6,
            {"capacity": LADDER},
            "12 trials (6 blocks of 2 arms)",
            "better, worse, equivalent or inconclusive, on cap",
        ),
    ],
)
def test_the_plan_says_how_long_it_takes_and_what_so_many_blocks_may_say(
    blocks: int, changes: dict[str, object], length: str, says: str
) -> None:
    """Above the order of the trials; of a ladder what `lab capacity` may say of it."""
    planned = build_plan(
        make_scenario(PAIR, load=LOAD, compare={"primary": ["p50"]}, trials={"blocks": blocks}, **changes)
    )
    takes, told = time_lines(planned)

    assert takes.startswith(f"  takes     {length}, about ")
    assert told.startswith(f"  says      {says}")


def test_networks_that_differ_are_told_with_their_arms() -> None:
    """One line is enough where all arms have the same."""
    own = make_scenario((WORKERS, REPLICAS | {"network": "own"}), load=LOAD)

    assert [line.partition(":")[0] for line in network_lines(build_plan(make_scenario(PAIR, load=LOAD)))] == [
        "  network   host"
    ]
    assert [line.partition(":")[0] for line in network_lines(build_plan(own))] == [
        "  network   host of workers",
        "  network   own of replicas",
    ]


def test_commands_and_files_are_told_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed without asking is all there, above them."""
    scenario = Path(__file__).parents[2] / "scenarios" / "how_many_workers.toml"
    plan(scenario)
    short = capsys.readouterr().out
    plan(scenario, everything=True)
    whole = capsys.readouterr().out

    assert "--workers" not in short
    assert short.removesuffix(f"\n{MORE}\n") in whole
    assert MORE not in whole
    assert f"\n{IN_FULL}, at N = 1\n" in whole
    assert "\narm workers\n  app      uvicorn " in whole
    assert "\n/etc/lab/nginx.conf of arm replicas\n" in whole


def test_what_is_swept_or_climbed_is_not_told_as_one_number() -> None:
    """Of a sweep the budget says that its points have it, also of one value; the objective is what is asked."""
    slo = "p95 <= 100ms and errors == 0"
    one, several, rates = (
        "\n".join(_lines(build_plan(make_scenario((WORKERS, REPLICAS), sweep=sweep))))
        for sweep in ({"cpus": ["pooled:1"]}, {"processes": [1, 2], "slo": slo}, {"rate": [10, 20]})
    )
    ladder = {"slo": "p99 <= 50ms", "rates": [100, 200, 300]}
    climb = "\n".join(_lines(build_plan(make_scenario((WORKERS, REPLICAS), capacity=ladder))))

    assert "serving processes, the cpus of the point, memory none;" in one
    assert "points    1 CPU pooled: compared apart, each with" in one
    assert "budget    the serving processes of the point, cpus none" in several
    assert f"enough    what holds {slo} (sweep.slo)" in several
    assert ": the rate of the point (poisson), " in rates
    assert ": the rates of the ladder (poisson), warm-up" in climb
    assert "ladder    100, 200, 300 arrivals/s in every trial, 29.5 s, 60 connections (load.lanes)" in climb
    assert climb.count("measure") == 0


def test_one_of_a_thing_is_told_as_one() -> None:
    """One arm, process, connection, block and trial."""
    load = {"locustfile": "x.py", "rate": 300, "lanes": 1}
    given = make_scenario((WORKERS,), load=load, budget={"processes": 1}, trials={"blocks": 1}, engine="process")
    planned = build_plan(given)
    told = "\n".join((*_lines(planned), *run_lines(planned)))

    assert "budget    1 serving process, cpus none, memory none; in total, its front included" in told
    assert ", 1 connection (load.lanes)" in told
    assert "takes     1 trial (1 block of 1 arm), about" in told
    assert "runs     workers: 1 serving process, 300 requests a second" in told
    assert "takes    1 trial (1 block of 1 arm), about" in told


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


@pytest.mark.parametrize("least", [600, 3000])
def test_what_is_surely_too_few_is_too_few(least: int) -> None:
    """At the highest rate of which it is said hardly a trial has enough; far below every bound agrees, above none."""
    load = make_scenario(load=LOAD).load
    rates = [rate for rate in range(1, 400) if surely_too_few(least, replace(load, rate=float(rate)))]
    counts = np.random.default_rng(7).poisson(rates[-1] * load.measure, size=20_000)

    assert (counts >= least).mean() <= CHANCE_OF_FEWER
    assert 0.8 * least < rates[-1] * load.measure < least
    assert rates == list(range(1, rates[-1] + 1))
