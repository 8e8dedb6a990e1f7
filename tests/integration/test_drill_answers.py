"""Drills against known answers: how long an app takes to start, and a front that asks twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.record.reading import read_trial
from lab.record.schema import STEP_BEGIN
from tests.integration.conftest import OF_THE_APP, REPOSITORY

pytestmark = [pytest.mark.integration, pytest.mark.alone, OF_THE_APP]

STARTUP_S, ALLOWED_S = 3.0, 0.3
HEAD = """
question = "Is the answer known?"

[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
restart = "always"
{app}

[budget]
processes = {processes}

{arms}
[load]
locustfile = "{repository}/locustfiles/identified.py"
rate = 40
lanes = 256
warmup = "1s"
measure = "{measure}"

[[drills]]
{drill}

[trials]
blocks = 1

[compare]
primary = ["drill.harm"]
"""
ARM = '[[arms]]\nname = "{name}"\nmodel = "replicas"\nfront = {front}\nenv = {env}\n\n'


def drilled(folder: Path, **parts: str) -> dict[str, TrialSummary]:
    """The trials of a run of one block, by arm."""
    scenario = folder / "known.toml"
    scenario.write_text(HEAD.format(repository=REPOSITORY, **parts))
    command = [sys.executable, "-m", "lab", "run", str(scenario), "--out", str(folder / "runs"), "--allow-concurrent"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 3), done.stderr
    found = [summarise_trial(read_trial(path)) for path in sorted((folder / "runs").glob("*/trials/b*"))]
    return {trial.record.arm: trial for trial in found}


def test_the_time_that_an_app_takes_to_start_is_recovered(tmp_path: Path) -> None:
    """One process, killed: from when its successor says that its lifespan begins until it answers, and all is well."""
    arms = '[[arms]]\nname = "slow"\nmodel = "workers"\nfront = "direct"\n\n'
    app = f'env = {{ STARTUP_MS = "{STARTUP_S * 1000:g}", PRESTART = "lifespan" }}'
    found = drilled(tmp_path, app=app, arms=arms, drill='verb = "kill"', measure="18s", processes="1")["slow"]
    assert found.aftermath is not None
    assert found.fallout is not None
    begun_s = max(event.t_s - found.aftermath.action_s for event in found.record.events if event.kind == STEP_BEGIN)
    took_s = found.values["drill.process"]

    assert begun_s > 0
    assert took_s is not None
    assert took_s - begun_s == pytest.approx(STARTUP_S, abs=ALLOWED_S)
    assert found.aftermath.recovery_s == pytest.approx(took_s, abs=ALLOWED_S)
    assert (found.fallout.restarts, [each.by for each in found.fallout.detected or ()]) == (1, ["engine"])


def test_a_front_that_asks_again_shows_its_duplicates(tmp_path: Path) -> None:
    """What waits for a process that hangs is asked of another one after a second, and executed by both in the end."""
    env = '{ LOG_REQUESTS = "true" }'
    arms = ARM.format(name="retries", front='{ kind = "nginx", timeout = "1s" }', env=env)
    arms += ARM.format(name="patient", front='{ kind = "nginx", retries = 0 }', env=env)
    found = drilled(tmp_path, app="", arms=arms, drill='verb = "hang"\nhold = "4s"', measure="20s", processes="2")

    assert (found["retries"].values["drill.duplicates"] or 0) > 0
    assert found["patient"].values["drill.duplicates"] == 0
