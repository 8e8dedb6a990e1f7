"""Cores of arms and load: written as the kernel does, and kept apart by the search for capacity."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import pytest

from lab.errors import LoadError, ScenarioError
from lab.load.inside.cores import keep_to
from lab.plan.cores import apart
from lab.units import cores_of, cores_text
from tests.builders import REPLICAS, WORKERS, make_scenario


@pytest.mark.parametrize("text", ["", "0", "0-1", "0-3,8", "1,3-5,7"])
def test_cores_are_read_and_written_as_the_kernel_does(text: str) -> None:
    """One core, spans, and none at all."""
    assert cores_text(cores_of(text)) == text


@pytest.mark.parametrize(
    ("cores", "arms", "load"),
    [(2, "0", "1"), (4, "0-2", "3"), (8, "0-5", "6-7"), (16, "0-10", "11-15"), (1, "", "")],
)
def test_load_gets_a_third_of_the_cores(cores: int, arms: str, load: str) -> None:
    """One at least; where there is one only, all share it."""
    found = apart(make_scenario((WORKERS, REPLICAS)), range(cores))

    assert (found.budget.cpuset, found.load.cores) == (arms, load)


def test_arms_that_are_pinned_stay_where_they_are() -> None:
    """Load takes what they leave; where that is nothing, both share all."""
    asked = make_scenario((WORKERS, REPLICAS))
    pinned = replace(asked, budget=replace(asked.budget, cpuset="2-3"))

    assert apart(pinned, range(4)).load.cores == "0-1"
    assert apart(pinned, (2, 3)).load.cores == ""


def test_load_that_is_pinned_is_left_alone() -> None:
    """The scenario says it itself."""
    asked = make_scenario((WORKERS, REPLICAS))
    pinned = replace(asked, load=replace(asked.load, cores="3"))

    assert apart(pinned, range(4)) == pinned


def refused(error: LoadError) -> NoReturn:
    """As a load process that the plan cannot be run by."""
    raise error


def test_a_load_process_keeps_to_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """To all without any; cores that it may not use are refused, and nothing is changed."""
    kept: list[tuple[int, ...]] = []
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1, 2})
    monkeypatch.setattr("os.sched_setaffinity", lambda _pid, cores: kept.append(tuple(cores)))
    keep_to((), refused)
    keep_to((1, 2), refused)
    with pytest.raises(LoadError, match="may not run on 3,7, only on 0-2"):
        keep_to((1, 3, 7), refused)

    assert kept == [(1, 2)]


def test_cores_of_another_machine_are_refused() -> None:
    """There nodes.cores says it."""
    load = {"locustfile": "f.py", "rate": 100, "cores": "0", "nodes": ["b"]}
    nodes = [{"name": "a", "address": "192.0.2.1"}, {"name": "b"}]
    with pytest.raises(ScenarioError, match=r"nodes\.cores"):
        make_scenario((WORKERS, REPLICAS), load=load, nodes=nodes)
