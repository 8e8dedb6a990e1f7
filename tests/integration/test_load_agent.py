"""Load processes that run in an agent: everything about them is as if they were the lab's own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lab.agent.loading import AgentPlace
from lab.errors import LoadError
from lab.load.locust_process import LoadProcess, Loads
from tests.agents import DEADLINE_S, agent
from tests.certificates import certificate
from tests.fake_server import fake_server
from tests.load_runs import make_plan, wait_finished

pytestmark = pytest.mark.integration
LOCUSTFILE = """
from locust import FastHttpUser, HttpUser, task

class Asking(HttpUser):
    @task
    def ask(self):
        self.client.get("/")

class Careful(FastHttpUser):
    insecure = False

    @task
    def ask(self):
        self.client.get("/careful")
"""


def test_load_processes_are_its_children_and_their_rows_are_here(tmp_path: Path) -> None:
    """The same requests, the same checks: what they write is read here as if they were the lab's own.

    Over TLS, whose authority is known from the plan alone: no request fails.
    """
    path = tmp_path / "locustfile.py"
    path.write_text(LOCUSTFILE)
    trust, tls = certificate()
    with agent() as (talk, _), fake_server(tls=tls) as server:
        starter = Loads(tmp_path, AgentPlace(lambda: talk))
        plan = make_plan(path, server.url, tmp_path / "trial", rate=50.0, measure_s=1.0, trust=trust)
        with starter.start(plan) as load:
            assert len(load.pids) == 2
            with load.users("none", ""):
                began = time.monotonic()
                wait_finished(load)
                found = load.result(tmp_path / "requests.parquet", began)
        starter.close()

    assert found.counters.scheduled == found.counters.started > 40
    assert server.seen["GET /"] > 10
    assert server.seen["GET /careful"] > 10
    assert pl.read_parquet(tmp_path / "requests.parquet")["error"].null_count() == server.seen.total()
    assert "locust.log" in {path.name for path in (tmp_path / "trial").iterdir()}


def test_a_locustfile_that_cannot_be_used_is_refused_as_ever(tmp_path: Path) -> None:
    """With the same sentence, which names the file as it is called here."""
    path = tmp_path / "locustfile.py"
    path.write_text("import no_such_module")
    with agent() as (talk, _):
        starter = Loads(tmp_path, AgentPlace(lambda: talk))
        with (
            pytest.raises(LoadError, match="no_such_module"),
            starter.start(make_plan(path, "http://x", tmp_path / "t")),
        ):
            pytest.fail("it was taken")
        starter.close()


@pytest.mark.parametrize("rate", [60.0, None])
def test_two_machines_share_one_load(tmp_path: Path, rate: float | None) -> None:
    """What both send is exactly the schedule of one, begun at one instant; users of the closed model are shared too."""
    path = tmp_path / "locustfile.py"
    path.write_text(LOCUSTFILE.replace("insecure = False", "insecure = True"))
    with agent(apart=tmp_path) as (one, _), agent(apart=tmp_path) as (two, _), fake_server() as server:
        place = AgentPlace(lambda: one, node="gen1", further=[AgentPlace(lambda: two, node="gen2")])
        starter = Loads(tmp_path, place)
        plan = make_plan(
            path, server.url, tmp_path / "trial", rate=rate, measure_s=1.0, load_processes=2, machines=2, lanes=6
        )
        with starter.start(plan) as load:
            assert [len(pids) for pids in load.pids_by_machine] == [2, 2]
            with load.users("none", ""):
                began = time.monotonic()
                wait_finished(load)
                found = load.result(tmp_path / "requests.parquet", began)
        starter.close()

    table = pl.read_parquet(tmp_path / "requests.parquet")
    assert [part.processes for part in found.parts] == [1, 1]
    assert all(part.rows == part.started > 10 for part in found.parts)
    assert sum(part.started for part in found.parts) == found.counters.started
    assert {lane % 2 for lane in table["lane"]} == {0, 1}
    if rate:
        table = table.filter(pl.col("t_scheduled_s").is_not_null())
        start_s = found.warmup_start_s - began
        due = [arrival.due_s for arrival in plan.timetable(6).warmup(0.0, plan.warmup_s)]
        due += [arrival.due_s for arrival in plan.timetable(6).measure(plan.warmup_s)]
        assert (table["t_scheduled_s"].sort() - start_s).to_list() == pytest.approx(due, abs=1e-6)


SHAPE = (
    LOCUSTFILE.replace("insecure = False", "insecure = True").replace("task\n", "LoadTestShape, task\n", 1)
    + """

class Four(LoadTestShape):
    def tick(self):
        return (4, 100)
"""
)


@contextmanager
def shaped(folder: Path, **changes: Any) -> Iterator[LoadProcess]:
    """A shape that two machines follow together, and that has begun."""
    path = folder / "locustfile.py"
    path.write_text(SHAPE)
    with agent(apart=folder) as (one, _), agent(apart=folder) as (two, _), fake_server() as server:
        place = AgentPlace(lambda: one, node="gen1", further=[AgentPlace(lambda: two, node="gen2")])
        plan = make_plan(
            path, server.url, folder / "trial", rate=None, load_processes=2, machines=2, lanes=6, **changes
        )
        starter = Loads(folder, place)
        with starter.start(plan) as load, load.users("none", ""):
            give_up_at = time.monotonic() + DEADLINE_S
            while load.poll().measure_start_s is None:
                assert time.monotonic() < give_up_at
                time.sleep(0.05)
            yield load
        starter.close()


def test_two_machines_follow_one_shape(tmp_path: Path) -> None:
    """By Locust's own master on the first, whose messages go through both agents; rows are here as ever."""
    with shaped(tmp_path, measure_s=1.5) as load:
        assert [len(pids) for pids in load.pids_by_machine] == [3, 2]
        wait_finished(load)
        found = load.result(tmp_path / "requests.parquet", 0.0)

    assert (found.counters.workers, found.counters.lanes) == (2, 4)
    assert all(part.rows == part.started + part.unfinished > 10 for part in found.parts)
    assert set(pl.read_parquet(tmp_path / "requests.parquet")["lane"]) == {0, 1, 2, 3}


def poll_on(load: LoadProcess) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_at:
        load.poll()
        time.sleep(0.05)


def test_a_shape_ends_with_its_master(tmp_path: Path) -> None:
    """Users that nobody counts any more would be another load: no number is made of them."""
    with shaped(tmp_path, measure_s=60.0) as load:
        os.kill(load.pids_by_machine[0][-1], signal.SIGKILL)
        with pytest.raises(LoadError, match="Locust's master on node gen1 was killed by SIGKILL"):
            poll_on(load)
