"""Drills against known answers: how long an app takes to start, and a front that asks twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.record.reading import read_trial
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
processes = 2

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
    """Two arms that differ in STARTUP_MS alone differ by that in when a new process answers."""
    arms = ARM.format(name="quick", front='"nginx"', env="{}")
    arms += ARM.format(name="slow", front='"nginx"', env=f'{{ STARTUP_MS = "{STARTUP_S * 1000:g}" }}')
    found = drilled(tmp_path, app="", arms=arms, drill='verb = "kill"', measure="16s")
    took_s = {arm: trial.values["drill.process"] for arm, trial in found.items()}

    assert took_s["slow"] is not None
    assert took_s["quick"] is not None
    assert took_s["slow"] - took_s["quick"] == pytest.approx(STARTUP_S, abs=ALLOWED_S)
    assert all(trial.fallout and trial.fallout.restarts == 1 for trial in found.values())


def test_a_front_that_asks_again_shows_its_duplicates(tmp_path: Path) -> None:
    """What waits for a process that hangs is asked of another one after a second, and executed by both in the end."""
    env = '{ LOG_REQUESTS = "true" }'
    arms = ARM.format(name="retries", front='{ kind = "nginx", timeout = "1s" }', env=env)
    arms += ARM.format(name="patient", front='{ kind = "nginx", retries = 0 }', env=env)
    found = drilled(tmp_path, app="", arms=arms, drill='verb = "hang"\nhold = "4s"', measure="20s")

    assert (found["retries"].values["drill.duplicates"] or 0) > 0
    assert found["patient"].values["drill.duplicates"] == 0
