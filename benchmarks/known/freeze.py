"""A server that stands still for a second: the lab's response times show it, plain Locust's numbers do not."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.known.check import Check
from benchmarks.known.load import USERS, drive, write_locustfile
from benchmarks.known.server import KnownServer, known_server
from lab.load.locust_process import LoadProgress

SERVICE_S = 0.005
TRIAL_S = 10.0
FREEZE_AFTER_S = 4.0
FREEZE_S = 1.0
VISIBLE_S = 0.5
HIDDEN_S = 0.05
SPAWN_S = 2.0  # plain Locust's own start


def check_freeze() -> Iterator[Check]:
    """The same server, locustfile and number of users, once with the lab and once with plain Locust."""
    recorded = _lab_p99()
    planted = f"{FREEZE_S:.0f} s of {TRIAL_S:.0f}"
    yield Check(
        case="server frozen: response p99",
        planted=planted,
        printed=f"{recorded * 1e3:.0f} ms",
        allowed=f"≥ {VISIBLE_S * 1e3:.0f} ms",
        holds=recorded > VISIBLE_S,
    )
    said, longest = _locust_p99()
    yield Check(
        case="server frozen: p99 of plain Locust, which shows nothing",
        planted=planted,
        printed=f"{said * 1e3:.0f} ms (slowest {longest * 1e3:.0f} ms)",
        allowed=f"< {HIDDEN_S * 1e3:.0f} ms",
        holds=said < HIDDEN_S < longest,
    )


def _lab_p99() -> float:
    frozen: list[threading.Thread] = []
    with tempfile.TemporaryDirectory() as folder, known_server(SERVICE_S, Path(folder)) as server:

        def watch(progress: LoadProgress) -> None:
            start_s = progress.measure_start_s
            if start_s is not None and time.monotonic() >= start_s + FREEZE_AFTER_S and not frozen:
                frozen.append(threading.Thread(target=_freeze, args=(server,)))
                frozen[0].start()

        loaded = drive(server, Path(folder), USERS, TRIAL_S, watch)
        frozen[0].join()
    return float(np.quantile(loaded.response_s, 0.99, method="inverted_cdf"))


def _locust_p99() -> tuple[float, float]:
    """The 99 % column of its own statistics, and the largest response time, in seconds."""
    with tempfile.TemporaryDirectory() as folder, known_server(SERVICE_S, Path(folder)) as server:
        command = [sys.executable, "-m", "locust", "-f", str(write_locustfile(Path(folder))), "--headless"]
        command += ["--host", server.url, "-u", str(USERS), "-r", str(USERS), "-t", f"{TRIAL_S:.0f}s"]
        command += ["--csv", f"{folder}/stats", "--only-summary"]
        locust = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(SPAWN_S + FREEZE_AFTER_S)
            _freeze(server)
        finally:
            locust.wait()
        with Path(folder, "stats_stats.csv").open(newline="") as file:
            total = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    return float(total["99%"]) / 1e3, float(total["Max Response Time"]) / 1e3


def _freeze(server: KnownServer) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    time.sleep(FREEZE_S)
    os.kill(server.pid, signal.SIGCONT)
