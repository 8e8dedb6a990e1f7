"""Load processes that run in an agent: everything about them is as if they were the lab's own."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from lab.agent.loading import AgentPlace
from lab.errors import LoadError
from lab.load.locust_process import Loads
from tests.agents import DEADLINE_S, agent
from tests.certificates import certificate
from tests.fake_server import fake_server
from tests.load_runs import make_plan

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
                while not load.poll().finished and time.monotonic() < began + DEADLINE_S:
                    time.sleep(0.05)
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
