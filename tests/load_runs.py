"""Run a locustfile, given as text, against the fake server: what the integration tests of the load stage share."""

from __future__ import annotations

import ssl
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from lab.load.locust_process import SILENCE_S, LoadOutcome, LoadPlan, LoadProcess, loads
from lab.load.place import HERE, Place
from lab.record.types import USER_EVENTS, RequestKind
from tests.fake_server import FakeServer, fake_server
from tests.forked_loads import FORKED

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Run:
    """A finished load run: its outcome, its request table, and what the server saw."""

    outcome: LoadOutcome
    table: pl.DataFrame
    server: FakeServer
    log: str
    events: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=dict(USER_EVENTS)))

    def rows(self, *kinds: RequestKind, phase: str | None = "measure") -> pl.DataFrame:
        """Rows of these kinds (all without any), of one phase or of all."""
        table = self.table.filter(pl.col("kind").is_in([kind.value for kind in kinds])) if kinds else self.table
        return table if phase is None else table.filter(pl.col("phase") == phase)

    def kinds(self) -> Counter[str]:
        """Number of rows of each kind over the whole run."""
        return Counter(self.table["kind"].to_list())


def write_locustfile(directory: Path, text: str, name: str = "locustfile.py") -> Path:
    """Write a locustfile; indented text is welcome."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def make_plan(locustfile: Path, base_url: str, directory: Path, **changes: Any) -> LoadPlan:
    """An open load of 100/s on 8 lanes for about two seconds, except for ``changes``."""
    values: dict[str, Any] = {
        "locustfile": locustfile,
        "root": locustfile.parent,
        "base_url": base_url,
        "rate": 100.0,
        "schedule": "poisson",
        "seed": 7,
        "lanes": 8,
        "load_processes": 1,
        "serving_processes": 1,
        "warmup_s": 0.4,
        "min_warmup_requests": 1,
        "measure_s": 1.5,
        "queue_limit": 400,
        "directory": directory,
    }
    return LoadPlan(**values | changes)


@contextmanager
def start_load(plan: LoadPlan, silence_s: float = SILENCE_S, place: Place = HERE) -> Iterator[LoadProcess]:
    """A single load, which waits for its users."""
    with loads(plan.directory, place) as starter, starter.start(plan, silence_s) as load:
        yield load


def wait_finished(load: LoadProcess) -> None:
    """Poll until the load has finished."""
    give_up_s = time.monotonic() + TIMEOUT_S
    while not load.poll().finished:
        assert time.monotonic() < give_up_s, "the load did not finish"
        time.sleep(0.02)


def run_load(tmp_path: Path, locustfile: str | Path, tls: ssl.SSLContext | None = None, **changes: Any) -> Run:
    """Run a locustfile against a fake server, over TLS if it has a context, and read everything back."""
    path = locustfile if isinstance(locustfile, Path) else write_locustfile(tmp_path / "user", locustfile)
    directory = tmp_path / "trial"
    directory.mkdir(parents=True)
    with fake_server(tls=tls) as server:
        t0 = time.monotonic()
        plan = make_plan(path, server.url, directory, **changes)
        with start_load(plan, place=FORKED) as load, load.users("upstream", "X-Served-By"):
            wait_finished(load)
            outcome = load.result(directory / "requests.parquet", t0)
    log = "".join(plan.log_file(process).read_text() for process in range(plan.load_processes))
    events = directory / "user_events.parquet"
    told = {"events": pl.read_parquet(events)} if events.exists() else {}
    return Run(outcome, pl.read_parquet(directory / "requests.parquet"), server, log, **told)
