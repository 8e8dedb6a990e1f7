"""A container at its memory limit in which nobody is killed is told from one that only reads much, by two looks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from lab.agent.calls import There, call_of, carry_out, result_of
from lab.engines.images.images import ImageRecord, Way
from lab.engines.known_endings import Sign
from lab.engines.late import Watched, kills, late_error
from lab.engines.running import Running, signs_of
from lab.engines.thrashing import FULL, MANY_FAULTS, MANY_REFAULTS, Counters, Limited, memory_now, thrashing
from lab.errors import LateError
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint, Service, Topology
from lab.scenario.budget import Limits
from lab.units import MIB
from tests.unit.test_cgroups import ALL_TREES, CONTAINER, INIT, TREES

LIMIT = 64 * MIB
HITS = {"v1": ("memory.failcnt", r"^(\d+)"), "v2": ("memory.events", r"(?m)^max (\d+)")}
FAULTS = {"v1": r"(?m)^total_pgmajfault (\d+)", "v2": r"(?m)^pgmajfault (\d+)"}
REFAULTS = r"(?m)^workingset_refault_file (\d+)"  # in the trees of version 2 alone


def memory_of(root: Path) -> Path:
    """The directory with the memory of the container in a recorded tree."""
    return next(root.rglob("memory.stat")).parent


def grow(directory: Path, name: str, pattern: str, by: int) -> None:
    """A counter in one of the kernel's files has grown."""
    text = (directory / name).read_text()
    found = re.search(pattern, text)
    assert found is not None
    (directory / name).write_text(text[: found.start(1)] + str(int(found[1]) + by) + text[found.end(1) :])


def met_and_waited(directory: Path, tree: str, hits: int, faults: int, refaults: int | None = None) -> None:
    """The limit was met so often more, and so many pages had to be read: all of them again, if nothing else is said."""
    version = tree[:2]
    grow(directory, *HITS[version], hits)
    grow(directory, "memory.stat", FAULTS[version], faults)
    if version == "v2":
        grow(directory, "memory.stat", REFAULTS, faults if refaults is None else refaults)


def looked_at(root: Path, *, pooled: bool = False) -> Limited:
    """The container of a tree, or the arm around it."""

    def there(function: Callable[..., Any], /, *args: Any) -> Any:
        return function(*args, root)

    return Limited(
        who="the arm" if pooled else "app-1",
        first=INIT,
        container_id=CONTAINER,
        pooled=pooled,
        limit_bytes=LIMIT,
        there=cast(There, there),
    )


@ALL_TREES
@pytest.mark.parametrize("pooled", [False, True])
def test_a_limit_that_is_met_while_pages_are_read_again_is_told(tmp_path: Path, tree: str, pooled: bool) -> None:
    """Of the container's own cgroup, or of the one above it: there the limit of a pool is met."""
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)
    directory = memory_of(tmp_path)
    if pooled:
        for path in [*directory.glob("memory.*")]:
            path.rename(directory.parent / path.name)
        directory = directory.parent

    told = thrashing([looked_at(tmp_path, pooled=pooled)], lambda _: met_and_waited(directory, tree, 310, MANY_FAULTS))

    assert told.startswith(f"{'the arm' if pooled else 'app-1'} is at its memory limit, 50.1 MiB of 64.0 MiB: ")
    assert f": in 3 s it met that 310 times more, after {34 if tree.startswith('v1') else 14}, and its" in told
    assert f"waited {MANY_FAULTS} times for a page" in told


def test_a_container_that_thrashed_is_told_from_what_the_kernel_wrote() -> None:
    """Recorded 3 s apart: a process that reads a mapped file twice as large as its limit, at random; Linux 6.18."""
    recorded = [looked_at(TREES / "v1-thrashing" / when) for when in ("before", "after")]
    turns = iter(recorded)

    def there(_: Callable[..., Any], /, *__: Any) -> Any:
        return next(turns).look()

    told = thrashing([replace(recorded[0], limit_bytes=32 * MIB, there=cast(There, there))], lambda _: None)

    assert told == (
        "app-1 is at its memory limit, 32.0 MiB of 32.0 MiB: in 3 s it met that 149,782 times more, after 166,894, "
        "and its processes waited 147,181 times for a page to be read"
    )


@ALL_TREES
@pytest.mark.parametrize(
    ("part", "faults", "thrashes"),
    [(FULL, MANY_FAULTS, True), (FULL - 0.01, 500, False), (1.0, MANY_FAULTS - 1, False), (1.0, 500, True)],
)
def test_whoever_is_at_the_limit_need_not_be_counted(
    tmp_path: Path, tree: str, part: float, faults: int, thrashes: bool
) -> None:
    """Linux 6.18 with cgroups of version 1 leaves both counts of a container at 0."""
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)
    directory = memory_of(tmp_path)
    for name in ("memory.failcnt", "memory.memsw.failcnt"):
        (directory / name).write_text("0\n")
    usage = memory_now(INIT, CONTAINER, False, tmp_path).usage_bytes or 0
    limited = replace(looked_at(tmp_path), limit_bytes=int(usage / part))

    told = thrashing([limited], lambda _: met_and_waited(directory, tree, 0, faults))

    assert bool(told) is thrashes
    assert not thrashes or f": in 3 s its processes waited {faults} times for a page to be read" in told


@ALL_TREES
@pytest.mark.parametrize(("hits", "faults"), [(0, 500), (310, MANY_FAULTS - 1), (310, 0), (0, 0)])
def test_one_of_both_alone_is_no_thrashing(tmp_path: Path, tree: str, hits: int, faults: int) -> None:
    """Whoever reads a large file meets the limit; whoever starts with a cold disk waits for pages."""
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)

    assert thrashing([looked_at(tmp_path)], lambda _: met_and_waited(memory_of(tmp_path), tree, hits, faults)) == ""


@pytest.mark.parametrize(("refaults", "thrashes"), [(0, False), (MANY_REFAULTS - 1, False), (MANY_REFAULTS, True)])
@pytest.mark.parametrize("hits", [0, 310])
def test_pages_that_are_read_for_the_first_time_are_none(
    tmp_path: Path, hits: int, refaults: int, *, thrashes: bool
) -> None:
    """An app that imports its libraries waits for them as often, and a page cache may fill its limit meanwhile."""
    shutil.copytree(TREES / "v2-cgroupfs", tmp_path, dirs_exist_ok=True)
    directory = memory_of(tmp_path)
    usage = memory_now(INIT, CONTAINER, False, tmp_path).usage_bytes or 0
    limited = replace(looked_at(tmp_path), limit_bytes=usage)

    told = thrashing([limited], lambda _: met_and_waited(directory, "v2", hits, 500, refaults))

    assert bool(told) is thrashes


@pytest.mark.parametrize(
    ("tree", "lines", "refaults"),
    [
        ("v1-systemd", "", None),
        ("v1-systemd", "workingset_refault_file 1\ntotal_workingset_refault_file 7\n", 7),
        ("v1-systemd", "workingset_refault 1\ntotal_workingset_refault 8\n", 8),
        ("v2-cgroupfs", "", 0),
    ],
)
def test_a_second_read_has_a_counter_of_several_names(
    tmp_path: Path, tree: str, lines: str, refaults: int | None
) -> None:
    """By version and kernel; one that counts none is asked for waits alone."""
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)
    with (memory_of(tmp_path) / "memory.stat").open("a") as stat:
        stat.write(lines)

    assert memory_now(INIT, CONTAINER, False, tmp_path).refaults == refaults


def test_nobody_waits_where_no_limit_was_ever_met(tmp_path: Path) -> None:
    """An arm that is late for another reason is told at once."""
    shutil.copytree(TREES / "v1-systemd", tmp_path, dirs_exist_ok=True)
    for name in ("memory.failcnt", "memory.memsw.failcnt"):
        (memory_of(tmp_path) / name).write_text("0\n")

    assert thrashing([looked_at(tmp_path)], lambda _: pytest.fail("must not wait")) == ""
    assert thrashing([], lambda _: pytest.fail("must not wait")) == ""


@ALL_TREES
@pytest.mark.parametrize("gone", ["proc", "sys"])
def test_a_container_that_ends_between_the_looks_tells_nothing(tmp_path: Path, tree: str, gone: str) -> None:
    """Its end is told by whoever watches for ends; the kernel removes the process, and then the cgroup."""
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)
    going = tmp_path / "proc" if gone == "proc" else memory_of(tmp_path)

    def end(_: float) -> None:
        shutil.rmtree(going)

    assert thrashing([looked_at(tmp_path)], end) == ""
    assert memory_now(INIT, CONTAINER, False, tmp_path) == Counters()
    assert thrashing([looked_at(tmp_path)], lambda _: pytest.fail("must not wait")) == ""


def test_counters_of_a_cgroup_that_began_anew_are_no_growth(tmp_path: Path) -> None:
    """A container that the engine starts again has a new one, which has counted little."""
    shutil.copytree(TREES / "v2-cgroupfs", tmp_path, dirs_exist_ok=True)
    directory = memory_of(tmp_path)

    assert thrashing([looked_at(tmp_path)], lambda _: met_and_waited(directory, "v2", -10, -20)) == ""


def test_a_kernel_that_counts_neither_tells_nothing(tmp_path: Path) -> None:
    """Without the memory controller."""
    shutil.copytree(TREES / "v2-cgroupfs", tmp_path, dirs_exist_ok=True)
    for path in memory_of(tmp_path).glob("memory.*"):
        path.unlink()

    assert memory_now(INIT, CONTAINER, False, tmp_path) == Counters()
    assert thrashing([looked_at(tmp_path)], lambda _: pytest.fail("must not wait")) == ""


@pytest.mark.parametrize("look", [Counters(), Counters(5, 4, 3, 2)])
def test_a_look_comes_back_from_an_agent_as_it_was(look: Counters) -> None:
    """It is made where the container is."""
    call = call_of(memory_now, (2**22 + 1, CONTAINER, True))

    assert carry_out(call) == list(Counters())
    assert result_of(memory_now, list(look)) == look


class Containers:
    """A machine with containers, of which those with the pids ``thrash`` do so more from look to look."""

    def __init__(self, *thrash: int, killed: int = 0) -> None:
        self.thrash, self.killed, self.looks = thrash, killed, list[tuple[int, bool]]()
        self.there = cast(There, self._answer)

    def _answer(self, function: Callable[..., Any], /, *args: Any) -> Any:
        if function is kills:
            return self.killed
        if function is memory_now:
            pid, _, pooled = args
            self.looks.append((pid, pooled))
            often = len(self.looks) * 1000 if pid in self.thrash else 1
            return Counters(LIMIT, often, often, often)
        return frozenset()


def apps(limits: Limits) -> list[Running]:
    """Two containers of an app."""
    image = ImageRecord(name="app", id="1", digest="1", origin=Way.PRESENT, detail="")
    services = [
        Service(name=f"app-{n}", kind=ServiceKind.APP, image="app", argv=(), ports=(20000 + n,), limits=limits)
        for n in (1, 2)
    ]
    return [
        Running(service=each, image=image, pid=n, argv=(), log=lambda _: "", container_id=f"c{n}")
        for n, each in enumerate(services, start=1)
    ]


@pytest.mark.parametrize(
    ("own", "pool", "who", "looks"),
    [
        (LIMIT, None, "app-2 is at its memory limit", [(1, False), (2, False)]),
        (None, LIMIT, "the arm is at its memory limit", [(1, True)]),
        (None, None, "", []),
    ],
)
def test_limits_are_looked_at_where_they_are(
    own: int | None, pool: int | None, who: str, looks: list[tuple[int, bool]]
) -> None:
    """Of a split budget in each container, of a pooled one above them, of none nowhere."""
    machine = Containers(1 if pool else 2)

    signs = signs_of(apps(Limits(memory_bytes=own)), Limits(memory_bytes=pool), machine.there, lambda _: None)
    told = signs[Sign.MEMORY]

    assert told.startswith(who)
    assert bool(told) == bool(who)
    assert machine.looks == [*looks, *looks]


def test_a_kill_tells_more_than_a_shortage() -> None:
    """Then nobody looks any further."""
    machine = Containers(1, killed=1)

    signs = signs_of(apps(Limits(memory_bytes=LIMIT)), Limits(), machine.there, lambda _: None)

    assert signs[Sign.EXIT] == "out of memory at 64.0 MiB"
    assert (signs[Sign.MEMORY], machine.looks) == ("", [])


def test_an_arm_that_thrashes_is_late_for_want_of_memory() -> None:
    """A busy machine makes it worse, so that it is not at fault for sure; what is known otherwise tells more."""
    asked = Topology(
        trial_id="b01-arm",
        services=(),
        entry=Endpoint(port=1),
        app=(Endpoint(port=1),),
        processes=1,
        ready_path="/ready",
        ready_timeout_s=30.0,
    )
    short = "app is at its memory limit, 63.9 MiB of 64.0 MiB: it had met that 9 times"
    error = late_error(asked, Watched(), {Sign.MEMORY: short})

    assert type(error) is LateError
    assert str(error).endswith(f"nothing answered at all: {short}")
    assert error.hint.startswith("raise budget.memory")
    for sign, text, told in ((Sign.LISTENS, "8000", "it listens on 8000"), (Sign.EXIT, "out of memory", "killed")):
        assert told in str(late_error(asked, Watched(), {Sign.MEMORY: short, sign: text}))
