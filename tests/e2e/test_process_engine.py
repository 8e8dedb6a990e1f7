"""A whole run of plain processes: it touches no Docker engine, and runs beside whatever is deployed there."""

from pathlib import Path

import polars as pl
import pytest

from tests.e2e.conftest import NO_DOCKER, check_done, run_beside_others

# Of tests/integration/test_process_engine.py, whose processes would be strangers to these.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("process")]


def test_the_process_engine_needs_no_docker(tmp_path: Path) -> None:
    """The smoke scenario with the Docker socket out of reach: every number but those of cgroups, and a plain word."""
    run_beside_others("scenarios/smoke.toml", "--engine", "process", "--out", tmp_path, env=NO_DOCKER)

    (folder,) = tmp_path.iterdir()
    check_done(folder)
    report = (folder / "report.md").read_text()
    assert "engine process (plain processes" in report
    assert "engine was process" in report
    for trial, roles in (("b01-workers", {"supervisor", "helper", "worker"}), ("b01-replicas", {"proxy", "worker"})):
        processes = pl.read_parquet(folder / "trials" / trial / "processes.parquet")
        assert set(processes["role"]) == roles
        assert pl.read_parquet(folder / "trials" / trial / "cgroups.parquet").is_empty()
