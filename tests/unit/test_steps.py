"""The steps of a trial: announced as they begin, and named when something cuts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.run.steps import STEPS_FILE, WHILE, Step, Steps


def read(folder: Path) -> list[str]:
    return [json.loads(line)["step"] for line in (folder / STEPS_FILE).read_text().splitlines()]


def test_each_step_is_written_once_when_it_begins(tmp_path: Path) -> None:
    """With its instant; told to whoever watches."""
    told: list[str] = []
    now = iter([10.0, 10.0, 11.5])
    steps = Steps(tmp_path, told.append, clock=lambda: next(now))
    steps.enter(Step.PREPARE)
    steps.enter(Step.DEPLOY)
    steps.enter(Step.DEPLOY)

    lines = (tmp_path / STEPS_FILE).read_text().splitlines()
    assert list(map(json.loads, lines)) == [{"t_s": 0.0, "step": "prepare"}, {"t_s": 1.5, "step": "deploy"}]
    assert told == ["prepare", "deploy"]


def test_the_step_that_was_cut_is_remembered_through_the_tear_down(tmp_path: Path) -> None:
    """The tear-down follows everything, and does not hide where it was cut."""
    steps = Steps(tmp_path)
    steps.enter(Step.WARM_UP)
    with pytest.raises(KeyboardInterrupt), steps.then_tear_down():
        raise KeyboardInterrupt

    assert read(tmp_path) == ["warm up", "tear down"]
    assert steps.said == "it warmed up"


def test_every_step_can_be_said() -> None:
    """In a sentence: while it …"""
    assert set(WHILE) == set(Step)
