"""What a person sees when a run fails: a sentence, its exit code, and nothing that goes on."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.conftest import OF_ITS_OWN_IMAGE, edit, lab

pytestmark = OF_ITS_OWN_IMAGE


def test_an_app_that_exits_is_exit_3_with_its_last_words(scenario: Path, tmp_path: Path) -> None:
    """An environment variable that the app refuses: its own sentence is in ours."""
    edit(scenario, "[app]", '[app]\nenv = { BALLAST_MB = "a lot" }')
    lab("run", scenario, "--out", tmp_path / "runs").refused(3, "ended with exit code", "BALLAST_MB")


def test_an_app_that_never_becomes_ready_is_exit_3(scenario: Path, tmp_path: Path) -> None:
    """The deadline, how many answered, and the last status."""
    edit(scenario, "[app]", '[app]\nready_path = "/nope"\nready_timeout = "40s"')
    lab("run", scenario, "--out", tmp_path / "runs").refused(3, "not ready after 40 s", "the last other answer was 404")


def test_an_exhausted_port_range_is_exit_4(scenario: Path, tmp_path: Path) -> None:
    """Two ports are needed, the range has one."""
    edit(scenario, 'front = "direct"', 'front = "nginx"')
    edit(scenario, 'question = "Does it work?"', 'question = "Does it work?"\nports = "23456-23456"')
    lab("run", scenario, "--out", tmp_path / "runs").refused(4, "2 free ports are needed", "range 23456-23456")


def test_a_broken_locustfile_is_a_sentence(scenario: Path, tmp_path: Path) -> None:
    """A syntax error in the user's locustfile is told as such; the containers are gone."""
    (tmp_path / "broken.py").write_text("def (:\n")
    lines = [
        'locustfile = "broken.py"' if line.startswith("locustfile") else line
        for line in scenario.read_text().splitlines()
    ]
    scenario.write_text("\n".join(lines))
    outcome = lab("run", scenario, "--out", tmp_path / "runs")
    assert outcome.code in (2, 3), outcome.err
    assert "broken.py" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_full_disk_is_exit_4_and_keeps_what_was_finished(scenario: Path, tmp_path: Path) -> None:
    """A file system with room for less than one trial: a sentence, nothing left running, no half trial."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    try:
        outcome = lab("run", scenario, "--out", small / "runs")
        outcome.refused(4, "No space left on device", "free some space")
        trials = [path.name for folder in (small / "runs").iterdir() for path in (folder / "trials").iterdir()]
        assert "b01-workers" not in trials
    finally:
        subprocess.run(["umount", str(small)], check=True)
