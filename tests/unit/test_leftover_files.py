"""Files that a killed lab left: found by who owns them, removed, and nobody else's touched."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from lab.engines.leftovers import find_leftover_files, remove_leftover_files
from lab.host.lock import FOLDER_LOCK, MACHINE_LOCK, folder_lock
from lab.host.places import scratch

DEAD = "lab-calibration-999999999-1.00-abcd1234"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder and a cache of one's own."""
    for name in ("tmp", "cache/process-model-lab/wheels", "out/run/trials"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "out/run/run.json").write_text("{}")
    return tmp_path


def found(machine: Path) -> set[str]:
    return {f"{item.kind} {Path(item.name).relative_to(machine)}" for item in find_leftover_files(machine / "out")}


def test_everything_of_a_killed_lab_is_found_and_removed(machine: Path) -> None:
    """Half trial, draft, temporary folders; what was finished, locks and what only looks alike stay."""
    run = machine / "out/run"
    for folder in (run / "trials/.b01-a.part", run / "trials/b02-a", machine / "tmp" / DEAD, machine / "tmp/lab-notes"):
        folder.mkdir()
    (machine / "cache/process-model-lab/wheels" / DEAD).mkdir()
    (machine / "tmp/lab-calibration-1-x").write_text("a file of somebody")
    for file in (run / ".run.json.part", run / FOLDER_LOCK, machine / "tmp" / MACHINE_LOCK):
        file.write_text("")

    assert found(machine) == {
        "folder out/run/trials/.b01-a.part",
        "file out/run/.run.json.part",
        f"folder tmp/{DEAD}",
        f"folder cache/process-model-lab/wheels/{DEAD}",
    }
    remove_leftover_files(find_leftover_files(machine / "out"))
    assert found(machine) == set()
    assert (run / "trials/b02-a").is_dir()
    assert (run / "run.json").exists()
    assert {path.name for path in (machine / "tmp").iterdir()} == {MACHINE_LOCK, "lab-notes", "lab-calibration-1-x"}


def test_what_a_living_lab_uses_is_left_alone(machine: Path) -> None:
    """Its run folder is locked, its temporary folder names it."""
    (machine / "out/run/trials/.b01-a.part").mkdir()
    with folder_lock(machine / "out/run", "run"), scratch("calibration"):
        assert found(machine) == set()
    assert found(machine) == {"folder out/run/trials/.b01-a.part"}
