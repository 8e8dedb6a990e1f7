"""A run in a notebook: frames with documented columns, and no report needed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lab import load_run
from lab.errors import RunFolderError
from lab.metrics import METRICS
from lab.record.schema import NAMES
from lab.run.frames import WHICH

RUN = Path(__file__).parent / "data" / "run_v1"


def test_a_run_is_read_as_frames() -> None:
    """Raw rows with the trial that they are of, and every metric of every trial."""
    run = load_run(str(RUN))

    for name in ("requests", "processes", "cgroups", "host"):
        assert tuple(getattr(run, name).columns) == (*WHICH, *NAMES[name])
    assert set(run.requests["arm"]) == {"workers", "replicas"}
    assert set(run.metrics["metric"]) == set(METRICS)
    memory = run.metrics.filter(pl.col("metric") == "memory.pss.total")
    assert memory.height == len(run.info.order)
    assert all(value > 10_000_000 for value in memory["value"])
    assert memory["valid"].all()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    """As everywhere."""
    with pytest.raises(RunFolderError, match=r"run\.json"):
        load_run(tmp_path)
