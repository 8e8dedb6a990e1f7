"""What `lab plan` says of drills and expectations, and of percentiles that so few requests cannot settle."""

from __future__ import annotations

import pytest

from lab.cli.plan_words import drill_lines, expectation_lines
from lab.plan.blocks import build_plan
from tests.builders import WORKERS_NGINX, make_scenario

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
        "  !         p99 is judged from 3,000 requests in a trial; rate × measure gives 1,000: "
        f"'{P99}' stays undecided",
    ]


@pytest.mark.parametrize(
    ("load", "sweep", "said"),
    [
        (LOAD, {}, ["1,000: p99, which is judged, stays undecided"]),
        (LOAD, {"rate": [60, 400]}, ["600: p99, which is judged, stays undecided"]),
        (LOAD | {"rate": 300}, {}, []),
        ({"locustfile": "x.py", "measure": "10s"}, {}, []),
    ],
)
def test_a_primary_percentile_is_looked_at_too(
    load: dict[str, object], sweep: dict[str, object], said: list[str]
) -> None:
    """At the lowest rate of a sweep; without a rate nobody knows how many requests there will be."""
    given = make_scenario(load=load, sweep=sweep, compare={"primary": ["p99", "memory.pss.total"]})
    lines = list(expectation_lines(build_plan(given)))

    assert [line.rpartition("gives ")[2] for line in lines] == said
