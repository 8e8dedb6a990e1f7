"""A load generator that stands still: arrivals are sent late, and the lab says so of all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.known.check import Check
from benchmarks.known.load import RATE, WARMUP_S, drive
from benchmarks.known.server import known_server
from lab.analysis.gates.limits import LAG

SERVICE_S = 0.002
LANES = 4
TRIAL_S = 3.0
STALL_S = 0.25
STALL_AT = round(RATE * (WARMUP_S + TRIAL_S / 2))  # requests
ALLOWED_S = (0.20, 0.25)  # one arrival in a hundred waits longer than all but a ninth of those that meet the stall
LOCUSTFILE = f"""\
from itertools import count

from gevent.monkey import get_original
from locust import FastHttpUser, task

made = count(1)
stand_still = get_original("time", "sleep")


class Client(FastHttpUser):
    @task
    def get(self):
        if next(made) == {STALL_AT}:
            stand_still({STALL_S})
        self.client.get("/")
"""


def check_stall() -> Iterator[Check]:
    """Few lanes, so that most arrivals of the stall wait for one: they are late all the same."""
    with tempfile.TemporaryDirectory() as folder, known_server(SERVICE_S, Path(folder)) as server:
        loaded = drive(server, Path(folder), LANES, TRIAL_S, client=LOCUSTFILE)
    lag_s = loaded.outcome.counters.dispatch_lag_p99_s or 0.0
    case, planted = "generator stands still once", f"{STALL_S * 1e3:.0f} ms of {TRIAL_S:.0f} s"
    low, high = ALLOWED_S
    yield Check(
        case=f"{case}: dispatcher lag, p99",
        planted=planted,
        printed=f"{lag_s * 1e3:.1f} ms",
        allowed=f"{low * 1e3:.0f} to {high * 1e3:.0f} ms",
        holds=low <= lag_s <= high,
    )
    outcome = LAG.outcome(lag_s)
    yield Check(
        case=f"{case}: its gate", planted=planted, printed=outcome, allowed="invalid", holds=outcome == "invalid"
    )
