"""A sweep of the rate, within a memory limit, on real containers: each point is what it is called."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.e2e.conftest import OF_ITS_OWN_IMAGE, REPOSITORY, check_done, run_beside_others
from tests.integration.conftest import own_arguments

pytestmark = OF_ITS_OWN_IMAGE

RATES = {"r20-s300mib": 20, "r60-s300mib": 60}
SCENARIO = f"""question = "Which, at two rates?"
[app]
build = "{REPOSITORY}"
requirements = "{REPOSITORY}/requirements/app.txt"
{own_arguments()}
[budget]
processes = 2
[[arms]]
name = "workers"
model = "workers"
front = "direct"
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "{REPOSITORY}/locustfiles/json_api.py"
rate = 10
warmup = "1s"
measure = "4s"
[sweep]
rate = {list(RATES.values())}
memory = ["split:300MiB"]
[trials]
blocks = 1
"""


def test_every_point_is_driven_at_its_rate_and_reported(tmp_path: Path) -> None:
    """Both arms of a point answer the same arrivals; the report has each point and the curves across them."""
    (tmp_path / "rates.toml").write_text(SCENARIO)
    run_beside_others(tmp_path / "rates.toml", "--out", tmp_path / "runs")
    (run,) = (tmp_path / "runs").iterdir()
    told = json.loads((run / "comparison.json").read_text())
    report = (run / "report.md").read_text()

    check_done(run)
    for point, rate in RATES.items():
        due = [arrivals(run / "trials" / f"b01-{point}-{arm}") for arm in ("workers", "replicas")]
        assert due[0] == due[1]
        assert len(due[0]) == pytest.approx(4 * rate, abs=4 * (4 * rate) ** 0.5)
        assert (run / "points" / point / "report.html").is_file()
    assert list(told["points"]) == list(RATES)
    assert all(f"{rate} requests a second, 300.0 MiB split" in report for rate in RATES.values())
    assert "by requests a second" in report


def arrivals(trial: Path) -> list[float]:
    """When requests of the measure phase were due, after the first of them."""
    rows = pl.read_parquet(trial / "requests.parquet").filter(
        (pl.col("phase") == "measure") & (pl.col("kind") == "arrival")
    )
    due = rows["t_scheduled_s"].drop_nulls().sort()
    return [round(at_s - due[0], 3) for at_s in due]
