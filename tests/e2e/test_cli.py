"""The whole job from the command line: what it printed, what is on disk, and that a report is made of nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.e2e.conftest import ON_THE_ENGINE, Outcome, lab

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
