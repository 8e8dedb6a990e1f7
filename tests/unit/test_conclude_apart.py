"""The report is drawn in a process of its own, which never outlives an interrupt and never hides an error."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lab.errors import InterruptedRunError, LabError, MissingError, RunFolderError
from lab.host.interrupts import Interrupts
from lab.plan.blocks import build_plan
from lab.run.conclude import conclude_apart
from lab.run.run import run_scenario
from lab.run.view import QuietView
from tests.fake_surroundings import FakeSurroundings, shop


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run."""
    around = FakeSurroundings().make()
    return run_scenario(build_plan(shop(tmp_path)), "shop", tmp_path / "runs", QuietView(), around=around).path


def test_a_conclusion_and_an_error_come_back_as_they_are(run: Path, tmp_path: Path) -> None:
    """With its page; with its hint and its exit code."""
    assert conclude_apart(run).written.html.is_file()
    with pytest.raises(RunFolderError, match="not a run folder") as caught:
        conclude_apart(tmp_path / "absent")
    assert caught.value.hint


@pytest.mark.parametrize(("interrupts", "error"), [(2, InterruptedRunError), (0, MissingError)])
def test_a_drawing_process_that_is_killed_is_told(
    run: Path, monkeypatch: pytest.MonkeyPatch, interrupts: int, error: type[LabError]
) -> None:
    """By the second interrupt it was meant; otherwise something is wrong with the machine, memory for example."""
    ours = Interrupts()
    monkeypatch.setattr("lab.run.conclude.INTERRUPTS", ours)
    for second in range(interrupts):
        ours.count(float(second))

    over = threading.Event()

    def kill_it() -> None:
        while not over.wait(0.01):  # until it has started, there is nothing to kill
            ours.hurry()

    killing = threading.Thread(target=kill_it)
    killing.start()
    try:
        with pytest.raises(error) as caught:
            conclude_apart(run)
    finally:
        over.set()
        killing.join()
    assert f"lab report {run}" in caught.value.hint
