"""Memory limits on real containers: a search with one that is too small and one that is not, and endings by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import docker
import pytest

from lab.analysis.limit_search import Bracket, Fate
from lab.engines.docker.engine import DockerEngine
from lab.engines.thrashing import FULL, memory_now
from lab.errors import DeploymentError, LateError
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.record.folder import RunFolder, new_run_info
from lab.record.types import Environment
from lab.run.inside import searched_in
from lab.run.limits import Search, try_limit, without_limit
from lab.run.surroundings import BESIDE_OTHERS
from lab.run.view import QuietView
from lab.scenario.budget import Budget, Quota
from lab.scenario.limits import LimitSearch
from lab.scenario.model import Arm, Scenario
from lab.units import MIB
from tests.integration.conftest import app_of_repository, running, scenario_of
from tests.late import late_when
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration

Build = Callable[[Scenario], Topology]
WORKERS = Arm(name="workers", model="workers", front="direct")
HELD_MB = 200  # an interpreter with the app takes some 50 more
TOO_LITTLE, ENOUGH = 100 * MIB, 512 * MIB
# All of it at a stroke, inside the kernel: page by page, an interpreter may for long drop its own program instead.
SERVE = f"""
import mmap, sys
held = mmap.mmap(-1, {HELD_MB} * 10**6, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
import uvicorn
uvicorn.run("app.main:app", host=sys.argv[1], port=int(sys.argv[2]))
"""
LIMIT, FILE = 32 * MIB, 64 * MIB
FULL_S = 3.0  # for so long at its limit: the program that was read meanwhile has been dropped, or is kept for good
# A file with nothing in it costs no disk, and its pages have to be read all the same.
OPEN = f"""
import mmap, random
file = open("/pages", "w+b", buffering=0)
file.truncate({FILE})
"""
THRASH = f"""{OPEN}
pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
pages.madvise(mmap.MADV_RANDOM)
while True: pages[random.randrange({FILE})]
"""
STREAM = f"""{OPEN}
room = bytearray({MIB})
while True:
    file.seek(0)
    while file.readinto(room): pass
"""


def test_too_little_memory_is_a_result_and_enough_of_it_holds(tmp_path: Path) -> None:
    """The kernel kills the one before it serves, for certain; of the other the anonymous memory is known."""
    limits = LimitSearch(modes=("split",), slo="p50 <= 20000ms and errors <= 90%", measure=10.0)
    app = app_of_repository(command=f"python -c '{SERVE}' {{host}} {{port}} {{workers}}", ready_timeout=120.0)
    scenario = replace(scenario_of(WORKERS, processes=1, app=app), limits=limits)
    asked = without_limit(replace(scenario, load=replace(scenario.load, rate=10.0, warmup=1.0)))
    info = new_run_info("search", "search", build_plan(asked), Environment(facts={}), {})
    folder = RunFolder.create(tmp_path, info)
    within = Search(
        folder=folder, scenario=asked, view_of=lambda _plan: QuietView(), say=lambda _text: None, around=BESIDE_OTHERS
    )
    found = Bracket(arm="workers", mode="split")
    for limit in (TOO_LITTLE, ENOUGH):
        try_limit(within, found, limit)
        (found,) = searched_in(folder.path, info)
    fates = {one.limit_bytes: one for one in found.tries}

    assert fates[TOO_LITTLE].fate is Fate.DOWN
    assert "killed" in fates[TOO_LITTLE].detail
    assert "100.0 MiB, its limit" in fates[TOO_LITTLE].detail
    assert fates[ENOUGH].fate is Fate.HELD
    assert HELD_MB * 1e6 < (fates[ENOUGH].anon_bytes or 0) < 300 * MIB
    assert (found.fails_bytes, found.holds_bytes) == (TOO_LITTLE, ENOUGH)


def late(
    client: docker.DockerClient,
    engine: DockerEngine,
    topology_of: Build,
    program: str,
    mode: Literal["split", "pooled"],
) -> DeploymentError:
    """What is told of a container with little memory that goes on with this, and never serves, once it is full."""

    def full() -> bool:
        looks = [memory_now(first, container, mode == "pooled") for first, container in running(client)]
        return any((look.usage_bytes or 0) >= FULL * LIMIT for look in looks)

    command = f"python -c '{program}' {{port}} {{workers}}"
    app = app_of_repository(command=command, user="0:0", read_only=False, ready_timeout=PATIENCE_S)
    budget = Budget(processes=1, memory=Quota(mode=mode, amount=LIMIT))
    topology = topology_of(scenario_of(WORKERS, processes=1, app=app, budget=budget))
    with pytest.raises(DeploymentError) as caught, late_when(full, FULL_S), engine.deploy(topology):
        pytest.fail("must not come up")
    return caught.value


@pytest.mark.parametrize(("mode", "who"), [("split", "app"), ("pooled", "the arm")])
def test_an_arm_that_reads_its_pages_again_for_ever_is_told_to_be_at_its_limit(
    client: docker.DockerClient,
    engine: DockerEngine,
    topology_of: Build,
    mode: Literal["split", "pooled"],
    who: str,
) -> None:
    """Nobody is killed, and nothing answers: it is its memory, whoever has the limit."""
    error = late(client, engine, topology_of, THRASH, mode)

    assert type(error) is LateError
    assert f"nothing answered at all: {who} is at its memory limit, 3" in str(error)
    assert "of 32.0 MiB: in 3 s " in str(error)
    assert "times for a page to be read" in str(error)
    assert error.hint.startswith("raise budget.memory")


def test_an_arm_that_only_reads_a_large_file_is_not(
    client: docker.DockerClient, engine: DockerEngine, topology_of: Build
) -> None:
    """Its files fill the limit as well, and it would not be quicker with more."""
    error = late(client, engine, topology_of, STREAM, "split")

    assert str(error).endswith("nothing answered at all")
