"""Drills against known answers: how long an app takes to start, and a front that asks twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.known.drills import ALLOWED_S, BACK, STARTUP_S, asked_again, killed_once, repeats, startup_of
from tests.integration.conftest import own_arguments

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("images")]


@pytest.mark.alone
def test_the_time_that_an_app_takes_to_start_is_recovered(tmp_path: Path) -> None:
    """One process, killed: from when its successor says that its lifespan begins until it answers, and all is well."""
    arms = '[[arms]]\nname = "slow"\nmodel = "workers"\nfront = "direct"\n\n'
    app = f'env = {{ STARTUP_MS = "{STARTUP_S * 1000:g}", PRESTART = "lifespan" }}'
    found = killed_once(tmp_path, app=app, arms=arms)["slow"]

    assert startup_of(found) == pytest.approx(dict.fromkeys(BACK, STARTUP_S), abs=ALLOWED_S)
    assert found.fallout is not None
    assert (found.fallout.restarts, [each.by for each in found.fallout.detected or ()]) == (1, ["engine"])


def test_a_front_that_asks_again_shows_its_duplicates(tmp_path: Path) -> None:
    """What waits for a process that hangs is asked of another one after a second, and executed by both in the end."""
    found = repeats(tmp_path, own_arguments())

    assert found["retries"].values["drill.duplicates"] == asked_again(tmp_path) > 0
    assert found["patient"].values["drill.duplicates"] == 0
