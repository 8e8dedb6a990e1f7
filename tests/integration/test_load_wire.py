"""The generator's own work is in no service time, whichever of Locust's two clients made the request."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lab.record.types import RequestKind
from tests.load_runs import run_load

pytestmark = [pytest.mark.integration, pytest.mark.alone]

BUSY_LANES = """
    import time
    from locust import FastHttpUser, HttpUser, User, task

    class Fast(FastHttpUser):
        weight = 4

        @task
        def get(self):
            self.client.get("/x?ms=50", name="FastHttpUser")

    class Plain(HttpUser):
        weight = 4

        @task
        def get(self):
            self.client.get("/x?ms=50", name="HttpUser")

    class Busy(User):
        weight = 1

        @task
        def compute(self):
            until = time.perf_counter() + 0.1
            while time.perf_counter() < until:
                pass
    """


def test_a_lane_that_computes_does_not_make_answers_late(tmp_path: Path) -> None:
    """Much of the time the event loop stands still for 100 ms; the server needs 50 ms, and so it is recorded."""
    run = run_load(tmp_path, BUSY_LANES, rate=36.0, lanes=18, measure_s=7.0)

    for client in ("FastHttpUser", "HttpUser"):
        rows = run.rows(RequestKind.ARRIVAL).filter(name=f"GET {client}")
        service_s = rows.select(pl.col("t_done_s") - pl.col("t_sent_s")).to_series()

        assert len(rows) > 80
        assert float(service_s.min()) >= 0.05  # type: ignore[arg-type]  # not empty, so not None
        assert float(service_s.quantile(0.9)) < 0.09, client  # type: ignore[arg-type]
