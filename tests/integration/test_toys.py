"""A trial with a front, a process model and an engine of another package: attested, recorded, reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.toys_run import installed, scenario_file

# The engine runs the same environment of the app as engine process, which would call its processes strangers.
pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("process")]
BUSY = 3  # exit code where the machine was too busy for a valid block; the trials are complete all the same


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one block: an arm with the model, an arm with the front, on the engine."""
    folder = tmp_path_factory.mktemp("toys")
    command = [sys.executable, "-m", "lab", "run", str(scenario_file(folder)), "--out", str(folder / "runs")]
    command += ["--allow-concurrent"]  # nothing here asserts a time
    done = subprocess.run(command, capture_output=True, text=True, env=installed(folder), check=False, timeout=240)
    assert done.returncode in (0, BUSY), done.stderr
    (path,) = (folder / "runs").iterdir()
    return path


def record(run: Path, arm: str) -> dict[str, Any]:
    """The record of the arm's trial."""
    found: dict[str, Any] = json.loads((run / "trials" / f"b01-{arm}" / "record.json").read_text())
    return found


def roles(run: Path, arm: str) -> dict[str, int]:
    """The processes in the ledger of the measure phase, by role."""
    window = record(run, arm)["phases"]["measure"]
    rows = pl.read_parquet(run / "trials" / f"b01-{arm}" / "processes.parquet")
    seen = rows.filter(pl.col("t_s").is_between(window["start_s"], window["end_s"])).unique(["pid"])
    return dict(seen["role"].value_counts().iter_rows())


def test_the_model_is_attested_and_its_processes_have_roles(run: Path) -> None:
    """Its launcher is the supervisor of two workers, in one service without a front."""
    found = record(run, "forked")

    assert (found["state"], found["model"], found["front"]) == ("done", "forked", "direct")
    assert found["attestation"]["roles"] == {"app": {"supervisor": 1, "worker": 2}}
    assert len(found["attestation"]["servers"]) == 2
    assert roles(run, "forked") == {"supervisor": 1, "worker": 2}


def test_the_front_is_attested_by_its_own_header(run: Path) -> None:
    """Every probe passed it, to both processes of the app; it is the proxy of the ledger."""
    found = record(run, "turned")
    ports = [port for service in found["services"] if service["kind"] == "app" for port in service["ports"]]

    assert (found["state"], found["model"], found["front"]) == ("done", "replicas", "turnstile")
    assert set(found["attestation"]["upstreams"]) == {f"127.0.0.1:{port}" for port in ports}
    assert roles(run, "turned") == {"proxy": 1, "worker": 2}
    assert found["load"]["started"] > 0


def test_the_engine_is_the_one_of_the_run(run: Path) -> None:
    """As the environment and the report say, which also say that it has no containers."""
    info = json.loads((run / "run.json").read_text())

    facts = info["environment"]["facts"]
    assert (facts["engine"], facts["contained"]) == ("bare", False)
    assert "engine bare (plain processes, no containers)" in (run / "report.md").read_text()
    assert info["images"]["turnstile"]["name"].startswith("python3 ")


def test_the_report_shows_titles_and_files_but_no_key(run: Path) -> None:
    """What each arm was, in words, and what the front ran; the key is in no file of the run."""
    text = (run / "report.md").read_text()

    assert "forked (imported by each)" in text
    assert "front turnstile (long queue)" in text
    assert "/etc/toys/turnstile.py of turned" in text
    assert [path for path in run.rglob("*") if path.is_file() and b"private key" in path.read_bytes()] == []
