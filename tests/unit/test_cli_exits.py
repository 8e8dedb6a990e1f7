"""How a command ends that starts nothing: its exit code and its sentence, and that it touched nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.cli import main

SCENARIOS = Path(__file__).parents[2] / "scenarios"

Ends = Callable[..., int]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """The exit code of ``lab`` with these words, where no Docker engine can be reached."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    def run(*words: object) -> int:
        monkeypatch.setattr("sys.argv", ["lab", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


def test_plan_needs_no_docker_and_touches_nothing(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Arms, full commands, nginx.conf, order and duration, with the engine out of reach."""
    monkeypatch.chdir(tmp_path)

    assert ends("plan", SCENARIOS / "quickstart.toml") == 0
    told = capsys.readouterr().out
    for expected in ("--workers 4", "proxy_pass http://app;", "block 6:", "18 trials, about"):
        assert expected in told
    assert list(tmp_path.iterdir()) == []


def test_a_budget_without_cgroups_is_exit_2(ends: Ends, capsys: pytest.CaptureFixture[str]) -> None:
    """Named by its key, by plan already."""
    assert ends("plan", SCENARIOS / "split_budget.toml", "--engine", "process") == 2
    assert "budget.cpus: a limit takes cgroups" in capsys.readouterr().err


def test_a_wrong_option_is_exit_2(ends: Ends) -> None:
    """Usage errors have the code of usage errors."""
    assert ends("run", SCENARIOS / "smoke.toml", "--nonsense") == 2


def test_a_command_that_judges_nothing_does_not_wait_for_scipy() -> None:
    """Importing it takes a quarter of a second, of every process that the lab starts."""
    ask = "import sys, lab.cli; print([name for name in sys.modules if name.startswith('scipy')])"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"
