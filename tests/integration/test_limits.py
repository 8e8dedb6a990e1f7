"""A search for memory limits on real containers: one that is too small for an arm, and one that is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.limit_search import Bracket, Fate
from lab.plan.blocks import build_plan
from lab.record.folder import RunFolder, new_run_info
from lab.record.types import Environment
from lab.run.inside import searched_in
from lab.run.limits import Search, try_limit, without_limit
from lab.run.surroundings import BESIDE_OTHERS
from lab.run.view import QuietView
from lab.scenario.limits import LimitSearch
from lab.scenario.model import Arm
from lab.units import MIB
from tests.integration.conftest import app_of_repository, scenario_of

pytestmark = pytest.mark.integration

BALLAST_MB = 200  # an interpreter with the app takes some 50 more
TOO_LITTLE, ENOUGH = 100 * MIB, 512 * MIB


def test_too_little_memory_is_a_result_and_enough_of_it_holds(tmp_path: Path) -> None:
    """The kernel kills the one before it serves; of the other the anonymous memory is known.

    That ends at once. An interpreter that does not fit itself may only be late: it reads its own pages again and again.
    """
    limits = LimitSearch(modes=("split",), slo="p50 <= 20000ms and errors <= 90%", measure=10.0)
    app = app_of_repository(env={"BALLAST_MB": str(BALLAST_MB)}, ready_timeout=60.0)
    arm = Arm(name="workers", model="workers", front="direct")
    scenario = replace(scenario_of(arm, processes=1, app=app), limits=limits)
    asked = without_limit(replace(scenario, load=replace(scenario.load, rate=10.0, warmup=1.0)))
    info = new_run_info("search", "search", build_plan(asked), Environment(facts={}), {})
    folder = RunFolder.create(tmp_path, info)
    within = Search(
        folder=folder, scenario=asked, view_of=lambda _plan: QuietView(), say=lambda _text: None, around=BESIDE_OTHERS
    )
    found = Bracket(arm="workers", mode="split")
    for limit in (TOO_LITTLE, TOO_LITTLE, ENOUGH):  # one that is late, without a sign of its end, is tried once more
        if limit != found.fails_bytes:
            try_limit(within, found, limit)
            (found,) = searched_in(folder.path, info)
    fates = {one.limit_bytes: one for one in found.tries}

    assert fates[TOO_LITTLE].fate in (Fate.DOWN, Fate.KILLED)
    assert fates[TOO_LITTLE].detail
    assert fates[ENOUGH].fate is Fate.HELD
    assert BALLAST_MB * 1e6 < (fates[ENOUGH].anon_bytes or 0) < 300 * MIB
    assert (found.fails_bytes, found.holds_bytes) == (TOO_LITTLE, ENOUGH)
