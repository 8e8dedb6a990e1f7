"""Whose things are: of a lab that lives here, of one that has ended, of one on another machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.engines.leftovers import count_foreign, find_leftovers_of
from lab.host.labels import OWNER, RUN, foreign, machine, owner, owner_lives, started
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


def test_what_a_lab_removes_that_ends_while_it_is_listed_is_no_leftover() -> None:
    """On a busy machine that takes a while: its owner has ended by then, and it is gone when looked at again."""
    gone, dead = marked("gone", DEAD), marked("dead", DEAD)
    client = engine(gone, dead)
    listed = iter([[gone, dead], [dead]])
    client.containers.list = lambda **_asked: next(listed)

    assert [found.name for found in find_leftovers_of(client)] == ["dead"]


def test_a_lab_that_was_killed_does_not_live_on_as_a_zombie() -> None:
    """Whoever started it may not have looked yet."""
    child = subprocess.Popen(["sleep", "60"])
    mark = {OWNER: f"{child.pid}-{started(child.pid)}-{machine()}"}

    assert owner_lives(mark)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie until it is waited for
    assert not owner_lives(mark)
    child.wait()
    assert not owner_lives(mark)


def test_the_start_of_a_process_is_read_behind_its_name(tmp_path: Path) -> None:
    """Which may hold blanks and brackets."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_text(f"7 (a) b) S {' '.join(['0'] * 18)} 250 0 0\n")

    assert started(7, tmp_path) == f"{250 / os.sysconf('SC_CLK_TCK'):.2f}"
    assert started(8, tmp_path) is None


@pytest.mark.parametrize("mark", [DEAD, OLDER], ids=["dead", "older"])
def test_a_folder_says_whose_it_is(mark: str) -> None:
    """Also one of an older lab."""
    match = SCRATCH.fullmatch(f"lab-pilot-{mark}-x1_y2")

    assert match is not None
    assert match["owner"] == mark
