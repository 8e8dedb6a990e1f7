"""The client's port of every request to the app, over both HTTP clients of Locust."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from lab.record.types import CONNECTIONS
from tests.fake_server import fake_server
from tests.load_runs import make_plan, start_load, wait_finished, write_locustfile

pytestmark = pytest.mark.integration

LOCUSTFILE = """
    from locust import FastHttpUser, HttpUser, task

    class Requests(HttpUser):
        @task
        def both(self):
            self.client.get("/own?nobody=1", name="/own")
            self.client.get("{arm}/absolute?nobody=1", name="/absolute")

    class Geventhttpclient(FastHttpUser):
        @task
        def both(self):
            self.client.get("/own?nobody=1", name="/own")
            self.client.get("{arm}/absolute?nobody=1", name="/absolute")
    """


def test_requests_to_the_app_know_their_connection(tmp_path: Path) -> None:
    """Each has the port of a connection that the server has seen, also where the locustfile names the arm itself."""
    with fake_server() as server:
        locustfile = write_locustfile(tmp_path / "user", LOCUSTFILE.replace("{arm}", server.url))
        plan = make_plan(locustfile, server.url, tmp_path)
        t0 = time.monotonic()
        with start_load(plan) as load, load.users("socket", "X-Served-By"):
            wait_finished(load)
            readings = [
                (t_s, client_port, client_port % 1000, "app", "127.0.0.1")
                for t_s in range(int(time.monotonic() - t0) + 2)
                for client_port in server.client_ports
            ]
            connections = pl.DataFrame(readings, schema=dict(CONNECTIONS), orient="row")
            outcome = load.result(tmp_path / "requests.parquet", t0, connections)

    table = pl.read_parquet(tmp_path / "requests.parquet")
    own, absolute = (table.filter(pl.col("name") == f"GET {path}") for path in ("/own", "/absolute"))
    assert outcome.attribution == "socket"
    assert absolute.height > 100
    for asked in (own, absolute):
        assert asked["served_by"].null_count() == 0
    assert set(table["served_by"].drop_nulls()) == {f"app:{port % 1000}" for port in server.client_ports}
