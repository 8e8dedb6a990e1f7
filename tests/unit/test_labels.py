"""Whose things are: of a lab that lives here, of one that has ended, of one on another machine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lab.engines.leftovers import count_foreign, find_leftovers_of
from lab.host.labels import OWNER, RUN, foreign, machine, owner, owner_lives
from lab.host.places import SCRATCH

OTHER = "0" * 12
DEAD = f"1-0.00-{machine()}"
ELSEWHERE = f"1-0.00-{OTHER}"
OLDER = "1-0.00"


def marked(name: str, mark: str) -> Any:
    """A container, as an engine tells of it."""
    return SimpleNamespace(name=name, id=name, labels={RUN: name, OWNER: mark}, attrs={"Mounts": []})


def engine(*containers: Any) -> Any:
    """An engine that has these containers and nothing else."""

    def found(**_asked: object) -> list[Any]:
        return list(containers)

    nothing = SimpleNamespace(list=lambda **_asked: [])
    return SimpleNamespace(info=dict, containers=SimpleNamespace(list=found), volumes=nothing, networks=nothing)


@pytest.mark.parametrize(
    ("mark", "lives", "away"),
    [
        (owner(), True, False),
        (DEAD, False, False),
        (ELSEWHERE, True, True),
        (OLDER, False, False),
        (owner().removesuffix(f"-{machine()}"), True, False),
        ("", False, False),
    ],
    ids=["own", "dead", "elsewhere", "older", "own-older", "none"],  # marks have a pid, which no two runs share
)
def test_a_pid_says_nothing_about_another_machine(mark: str, lives: bool, away: bool) -> None:
    """There a lab may live; marks of older labs, without a machine, are read as ever."""
    assert (owner_lives({OWNER: mark}), foreign({OWNER: mark})) == (lives, away)


def test_what_another_machine_started_is_removed_only_by_force() -> None:
    """A colleague's run on a shared node stays, and is counted; what has ended here goes."""
    client = engine(marked("mine", owner()), marked("dead", DEAD), marked("theirs", ELSEWHERE), marked("old", OLDER))

    assert [found.name for found in find_leftovers_of(client)] == ["dead", "old"]
    assert [found.name for found in find_leftovers_of(client, include_owned=True)] == ["mine", "dead", "theirs", "old"]
    assert count_foreign(client) == 1


@pytest.mark.parametrize("mark", [DEAD, OLDER], ids=["dead", "older"])
def test_a_folder_says_whose_it_is(mark: str) -> None:
    """Also one of an older lab."""
    match = SCRATCH.fullmatch(f"lab-pilot-{mark}-x1_y2")

    assert match is not None
    assert match["owner"] == mark
