"""The lab's load, and plain Locust's, at a known server: no arms, no engine, no sampler."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.known.server import Floats, KnownServer
from lab.analysis.trial.latency import measured, response_times, service_times
from lab.load.locust_process import LoadOutcome, LoadPlan, LoadProgress, loads
from lab.plan.loading import queue_limit

RATE = 200.0
WARMUP_S = 1.0
POLL_S = 0.02
USERS = 10
LOCUSTFILE = f"""\
from locust import FastHttpUser, constant_throughput, task


class Client(FastHttpUser):
    wait_time = constant_throughput({RATE / USERS:g})

    @task
    def get(self):
        self.client.get("/")
"""
"""Under plain Locust {USERS} users make RATE requests a second; the lab's open model keeps to its own schedule."""


@dataclass(frozen=True)
class Loaded:
    """What the lab recorded in the measure phase: sorted seconds. Instants in ``outcome`` are CLOCK_MONOTONIC."""

    response_s: Floats
    service_s: Floats
    outcome: LoadOutcome


def drive(
    server: KnownServer,
    directory: Path,
    lanes: int,
    seconds: float,
    watch: Callable[[LoadProgress], None] | None = None,
    client: str = LOCUSTFILE,
) -> Loaded:
    """RATE arrivals a second for ``seconds``; ``watch`` is told now and then how far it is.

    ``client`` is the text of the locustfile.
    """
    plan = LoadPlan(
        locustfile=write_locustfile(directory, client),
        root=directory,
        base_url=server.url,
        rate=RATE,
        schedule="poisson",
        seed=1,
        lanes=lanes,
        load_processes=1,
        serving_processes=1,
        warmup_s=WARMUP_S,
        min_warmup_requests=0,
        measure_s=seconds,
        queue_limit=queue_limit(RATE),
        directory=directory,
    )
    table = directory / "requests.parquet"
    with loads(directory) as starter, starter.start(plan) as load, load.users("upstream", "X-Served-By"):
        while not (progress := load.poll()).finished:
            if watch:
                watch(progress)
            time.sleep(POLL_S)
        outcome = load.result(table, 0.0)
    rows = measured(pl.read_parquet(table))
    return Loaded(response_times(rows, open_model=True), service_times(rows), outcome)


def write_locustfile(directory: Path, text: str = LOCUSTFILE) -> Path:
    """The locustfile; the same one for the lab and for plain Locust."""
    path = directory / "client.py"
    path.write_text(text, encoding="utf-8")
    return path
