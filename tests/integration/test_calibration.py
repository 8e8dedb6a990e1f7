"""The calibration with the real generator and a real nginx."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lab.engines.docker.engine import DockerEngine
from lab.run.calibration import calibration_of
from lab.run.environment import describe_environment
from lab.scenario.load import Load

pytestmark = [pytest.mark.integration, pytest.mark.alone]

LEAST_PER_S = 500.0  # two cores under tests reach ten times as much; a generator that waits for something, less
BUDGET_S = 8.0
CACHED_S = 1.0  # to read a file takes a hundredth of it


def test_the_ceiling_is_measured_once_and_quickly(engine: DockerEngine, tmp_path: Path) -> None:
    """Thousands of requests a second within the budget, then from the cache; the fixture checks what is left."""
    environment = describe_environment(engine.describe())
    said: list[str] = []
    load = Load(locustfile=tmp_path / "unused.py")
    began = time.monotonic()
    first = calibration_of(engine, environment, load, said.append, root=tmp_path)
    measured = time.monotonic()
    second = calibration_of(engine, environment, load, said.append, root=tmp_path)

    assert first is not None
    assert first.ceiling_per_s > LEAST_PER_S
    assert second == first
    assert len(said) == 1
    assert measured - began < 3 * BUDGET_S, "of a quiet machine; one that drains in vain takes 30 s more"
    assert time.monotonic() - measured < CACHED_S
