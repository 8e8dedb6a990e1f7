"""The closed model inside a real Locust: the locustfile decides when, the lab only watches."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lab.record.types import RequestKind
from tests.load_runs import Run, run_load

pytestmark = pytest.mark.integration

PACED = """
    from locust import FastHttpUser, constant, task

    class Paced(FastHttpUser):
        wait_time = constant(0.1)

        @task
        def two(self):
            self.client.get("/first?ms=20", name="/first")
            self.client.get("/second")
"""


SHAPED = """
from locust import FastHttpUser, LoadTestShape, constant, task

class Shaped(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def work(self):
        self.client.get("{path}", name="/")

class Steps(LoadTestShape):
    def tick(self):
        return {users}
"""


def assert_accounted(run: Run) -> None:
    """Every task that made a request is one arrival row without a schedule."""
    counters, kinds = run.outcome.counters, run.kinds()
    assert counters.scheduled == counters.started + counters.unfinished == kinds["arrival"]
    assert run.table["t_scheduled_s"].null_count() == run.table.height


def test_the_locustfile_paces_itself(tmp_path: Path) -> None:
    """wait_time is honoured; the first request of a task is its arrival, the next one follows; phases by sending."""
    run = run_load(tmp_path, PACED, rate=None, lanes=5, measure_s=1.5)

    assert_accounted(run)
    arrivals = run.rows(RequestKind.ARRIVAL)
    assert arrivals.height <= 5 * 14
    lanes = run.table.sort("lane", "t_sent_s").with_columns(
        (pl.col("t_sent_s") - pl.col("t_done_s").shift(1).over("lane")).alias("pause_s")
    )
    pauses = lanes.filter(pl.col("kind") == "arrival")["pause_s"].drop_nulls()
    assert pauses.min() >= 0.1  # type: ignore[operator]  # polars: of any column
    assert pauses.quantile(0.1) < 0.3  # type: ignore[operator]  # also on a busy machine
    assert set(arrivals["name"]) == {"GET /first"}
    assert set(run.rows(RequestKind.FOLLOW)["name"]) == {"GET /second"}
    start, end = run.outcome.measure_start_s, run.outcome.measure_end_s
    assert end - start == pytest.approx(1.5)
    phases = run.rows(RequestKind.ARRIVAL, phase=None).sort("t_sent_s")["phase"].rle().struct.field("value").to_list()
    assert phases in (["warmup", "measure"], ["warmup", "measure", "cooldown"])  # one sent while users are stopped
    assert run.outcome.counters.dispatch_lag_p99_s is None
    assert not run.outcome.counters.open_model


def test_load_processes_divide_lanes(tmp_path: Path) -> None:
    """Five lanes over two load processes are five lanes."""
    run = run_load(tmp_path, PACED, rate=None, lanes=5, load_processes=2)

    assert_accounted(run)
    assert run.outcome.counters.lanes == 5
    assert set(run.table["lane"]) == set(range(5))


def test_a_load_shape_decides_how_many_users_there_are(tmp_path: Path) -> None:
    """A LoadTestShape runs as under plain Locust, and users that it stops may finish their task."""
    run = run_load(
        tmp_path,
        SHAPED.format(
            path="/?ms=30",
            users="(2, 100) if self.get_run_time() < 4 else (6, 100) if self.get_run_time() < 7 else (1, 100)",
        ),
        rate=None,
        warmup_s=0.5,
        measure_s=10.0,
    )

    assert_accounted(run)
    assert run.outcome.counters.lanes == 6
    assert run.outcome.counters.unfinished == 0
    lanes = run.rows(RequestKind.ARRIVAL).with_columns(
        ((pl.col("t_sent_s") - pl.col("t_sent_s").min()) // 1.0).alias("second")
    )
    used = lanes.group_by("second").agg(pl.col("lane").n_unique()).sort("second")["lane"].to_list()
    assert used[0] == 2
    assert max(used) == 6
    assert used[-1] == 1


def test_a_load_shape_is_followed_by_several_load_processes_together(tmp_path: Path) -> None:
    """Locust's own master deals its users out, which the outcome says; every request is recorded where it was sent."""
    run = run_load(
        tmp_path,
        SHAPED.format(path="/", users="(2, 100) if self.get_run_time() < 6 else (6, 100)"),
        rate=None,
        load_processes=2,
        warmup_s=3.0,  # by then both are there, and no more for a while
        measure_s=6.0,
    )

    assert_accounted(run)
    assert run.outcome.counters.workers == 2
    assert run.outcome.counters.lanes == 6
    assert run.outcome.counters.ramp == 4
    assert run.outcome.counters.unfinished == 0
    lanes = set(run.rows(RequestKind.ARRIVAL)["lane"])
    assert sorted(lane % 2 for lane in lanes) == [0, 0, 0, 1, 1, 1]


def test_users_that_stop_are_replaced(tmp_path: Path) -> None:
    """Stopping users leave the lanes constant, and the outcome says how often it happened."""
    run = run_load(
        tmp_path,
        """
        from locust import HttpUser, constant, task
        from locust.exception import StopUser

        class Quits(HttpUser):
            wait_time = constant(0.01)

            @task
            def work(self):
                self.client.get("/")
                raise StopUser()
        """,
        rate=None,
        lanes=4,
    )

    assert_accounted(run)
    assert run.outcome.replaced >= 20
    assert set(run.rows(RequestKind.ARRIVAL)["lane"]) == set(range(4))


def test_hanging_tasks_are_cut_after_the_drain(tmp_path: Path) -> None:
    """A request without an answer becomes a row without an end."""
    run = run_load(
        tmp_path,
        """
        from locust import HttpUser, constant, task

        class Hangs(HttpUser):
            wait_time = constant(0.01)

            @task
            def work(self):
                self.client.get("/ok")
                self.client.get("/never?hang=1", name="/never")
        """,
        rate=None,
        lanes=3,
        measure_s=2.0,  # in which each of them comes to where it hangs
    )

    assert_accounted(run)
    cut = run.table.filter(pl.col("t_done_s").is_null())
    assert cut["error"].to_list() == ["unfinished"] * 3
    assert set(cut["kind"]) == {"follow"}
