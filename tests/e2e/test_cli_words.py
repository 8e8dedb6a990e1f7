"""What the command line says without starting anything: so these tests run beside whatever is deployed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import NO_DOCKER, edit, lab

pytestmark = pytest.mark.e2e


def test_doctor_finds_what_a_run_needs() -> None:
    """Exit 0 on a machine that can run, with the way each image would be had."""
    outcome = lab("doctor", "--json")
    assert outcome.code == 0, outcome.out
    subjects = {finding["subject"]: finding["state"] for finding in json.loads(outcome.out)}
    assert subjects["docker"] == "ok"
    assert subjects["image nginx:stable"] == "ok"


def test_doctor_without_docker_is_exit_4() -> None:
    """What is missing is named, with what to do."""
    outcome = lab("doctor", "--engine", "docker", env=NO_DOCKER)
    assert outcome.code == 4
    assert "no Docker engine answers" in outcome.out
    outcome = lab("doctor", env=NO_DOCKER)
    assert outcome.code == 0, outcome.out
    assert "engine process instead" in outcome.out


def test_no_docker_is_a_sentence(scenario: Path, tmp_path: Path) -> None:
    """Exit 4, no run folder."""
    outcome = lab("run", scenario, "--engine", "docker", "--out", tmp_path / "runs", env=NO_DOCKER)
    outcome.refused(4, "no Docker engine answers", "hint:")
    assert not (tmp_path / "runs").exists()


def test_a_budget_without_cgroups_is_exit_2() -> None:
    """Named by its key before anything starts."""
    lab("run", "scenarios/split_budget.toml", "--engine", "process").refused(2, "budget.cpus: a limit takes cgroups")


def test_a_wrong_scenario_is_exit_2(scenario: Path) -> None:
    """File, key, what was expected; every other mistake goes the same way."""
    lab("run", edit(scenario, "lanes = 8", "lane = 8")).refused(2, str(scenario), "load.lane", "'lanes'")


def test_an_image_that_cannot_be_had_is_exit_4(scenario: Path, tmp_path: Path) -> None:
    """No pull, no base: the image is named."""
    text = scenario.read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("build", "requirements"))]
    scenario.write_text("\n".join(lines).replace("[app]", '[app]\nimage = "no-such-shop:1"'))
    lab("run", scenario, "--out", tmp_path / "runs").refused(4, "no-such-shop:1", "hint:")
