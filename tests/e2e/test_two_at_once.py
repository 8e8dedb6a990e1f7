"""Two labs at once on one machine: the second one is told who measures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.host.lock import machine_lock
from tests.e2e.conftest import edit, lab

pytestmark = pytest.mark.e2e

NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


@pytest.mark.parametrize("verb", ["run", "selfcheck"])
def test_the_second_lab_is_refused_before_it_touches_anything(scenario: Path, tmp_path: Path, verb: str) -> None:
    """Exit 4, with process, run and since when; no run folder."""
    with machine_lock("20261124T041500Z-first", print):
        refused = lab(verb, scenario, "--out", tmp_path / "runs")

    refused.refused(4, f"another lab measures on this machine (pid {os.getpid()}, run 20261124T041500Z-first, since 20")
    assert "--allow-concurrent" in refused.err
    assert not (tmp_path / "runs").exists()


def test_whoever_does_not_mind_may_run_beside_another(scenario: Path, tmp_path: Path) -> None:
    """It is said, and the run goes on, here to the next thing that is missing."""
    edit(scenario, 'question = "Does it work?"', 'question = "Does it work?"\nengine = "docker"')
    with machine_lock("first", print):
        going = lab("run", scenario, "--out", tmp_path / "runs", "--allow-concurrent", env=NO_DOCKER)

    going.refused(4, "expect both runs to be disturbed", "no Docker engine answers")
