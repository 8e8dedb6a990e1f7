"""The whole job from the command line, and what a person sees when something is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from tests.e2e.conftest import ON_THE_ENGINE, Outcome, edit, lab

pytestmark = ON_THE_ENGINE


def test_a_run_ends_with_the_path_of_its_report(smoke: tuple[Outcome, Path]) -> None:
    """Exit 0; the last line names a page that exists, every trial is on disk with its four tables."""
    outcome, folder = smoke
    assert outcome.code == 0, outcome.err
    assert folder.parents[1] / outcome.out.splitlines()[-1].removeprefix("report: ") == folder / "report.html"
    assert (folder / "report.html").stat().st_size > 100_000
    for trial in ("b01-workers", "b01-replicas"):
        names = {path.name for path in (folder / "trials" / trial).glob("*.parquet")}
        assert names == {"requests.parquet", "processes.parquet", "cgroups.parquet", "host.parquet"}


def test_both_arms_did_the_same_work_and_all_of_it(smoke: tuple[Outcome, Path]) -> None:
    """The arms of a block share their measured arrivals to the microsecond, and none is lost."""
    _, folder = smoke
    offsets = []
    for trial in ("b01-workers", "b01-replicas"):
        rows = pl.read_parquet(folder / "trials" / trial / "requests.parquet").filter(
            (pl.col("phase") == "measure") & (pl.col("kind") == "arrival")
        )
        assert rows["error"].null_count() == rows.height, "no request may fail"
        record = json.loads((folder / "trials" / trial / "record.json").read_text())
        started = record["phases"]["measure"]["start_s"]
        offsets.append((rows.sort("t_scheduled_s")["t_scheduled_s"] - started).round(6).to_list())
        names = rows.sort("t_scheduled_s")["name"].to_list()
        offsets.append(names)
    assert offsets[0] == pytest.approx(offsets[2], abs=2e-6)
    assert offsets[1] == offsets[3]


def test_replicas_share_evenly_and_the_ledger_has_every_role(smoke: tuple[Outcome, Path]) -> None:
    """Two serving processes with near-equal shares behind nginx; supervisor, helper and proxy are accounted for."""
    _, folder = smoke
    rows = pl.read_parquet(folder / "trials" / "b01-replicas" / "requests.parquet").filter(pl.col("phase") == "measure")
    shares = rows.group_by("served_by").len()["len"] / rows.height
    assert sorted(shares.to_list()) == pytest.approx([0.5, 0.5], abs=0.02)
    roles = {
        trial: set(pl.read_parquet(folder / "trials" / trial / "processes.parquet")["role"])
        for trial in ("b01-workers", "b01-replicas")
    }
    assert roles["b01-workers"] >= {"supervisor", "helper", "worker"}
    assert roles["b01-replicas"] >= {"proxy", "worker"}
    assert "supervisor" not in roles["b01-replicas"]


def test_a_report_is_rebuilt_from_raw_to_the_same_bytes(smoke: tuple[Outcome, Path], tmp_path: Path) -> None:
    """Nothing in a report comes from anywhere but the run folder."""
    _, folder = smoke
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    (copy / "report.html").unlink()
    (copy / "report.md").unlink()

    outcome = lab("report", copy)

    assert outcome.code == 0, outcome.err
    for name in ("report.html", "report.md"):
        assert (copy / name).read_bytes() == (folder / name).read_bytes()


def test_a_bundle_holds_the_whole_run(smoke: tuple[Outcome, Path], tmp_path: Path) -> None:
    """Every file that a real run wrote belongs in it, and the report that is made of it is that of the run."""
    _, folder = smoke
    bundle = tmp_path / "smoke.zip"
    outcome = lab("bundle", folder, "--out", bundle)
    assert outcome.code == 0, outcome.err
    outcome = lab("report", bundle)

    assert outcome.code == 0, outcome.err
    assert (tmp_path / "smoke-report" / "report.html").read_bytes() == (folder / "report.html").read_bytes()


def test_list_shows_the_run(smoke: tuple[Outcome, Path]) -> None:
    """Folder, how many trials are done, valid blocks, and what came out."""
    _, folder = smoke
    outcome = lab("list", "--out", folder.parent)
    assert f"{folder}  2 done  " in outcome.out
    assert "/1 valid  " in outcome.out


def test_an_app_that_exits_is_exit_3_with_its_last_words(scenario: Path, tmp_path: Path) -> None:
    """An environment variable that the app refuses: its own sentence is in ours."""
    edit(scenario, "[app]", '[app]\nenv = { BALLAST_MB = "a lot" }')
    lab("run", scenario, "--out", tmp_path / "runs").refused(3, "ended with exit code", "BALLAST_MB")


def test_an_app_that_never_becomes_ready_is_exit_3(scenario: Path, tmp_path: Path) -> None:
    """The deadline, how many answered, and the last status."""
    edit(scenario, "[app]", '[app]\nready_path = "/nope"\nready_timeout = "20s"')
    lab("run", scenario, "--out", tmp_path / "runs").refused(3, "not ready after 20 s", "the last other answer was 404")


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
