"""What recording costs: throughput of the same closed locustfile with the recorder and under plain Locust, alternating
in one run; and how much the load process grows at a fixed rate.

    python -m benchmarks.recorder --windows 20 --growth-minutes 10

Goals: throughput ratio at least 0.90, growth at most 20 MB over 10 minutes at 500/s.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from lab.load.locust_process import LoadPlan, loads
from lab.plan.loading import queue_limit

LOCUSTFILE = Path(__file__).parents[1] / "locustfiles" / "json_api.py"
LANES = 16
WARMUP_S = 2.0
WARM_REQUESTS = 2000
WINDOW_S = 1.0
SETTLE_WINDOW_S = 0.2
RATIO_GOAL = 0.90
GROWTH_RATE = 500.0
GROWTH_GOAL_MB = 20.0
SETTLE_S = 5.0  # buffers and tables of the first seconds are not growth


def main() -> int:
    """Print both figures; exit code 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--growth-minutes", type=float, default=10.0)
    options = parser.parse_args()
    missed = False
    with local_server() as url:
        if options.windows:
            missed |= compare_throughput(url, options.windows) < RATIO_GOAL
        if options.growth_minutes:
            missed |= measure_growth(url, options.growth_minutes * 60) > GROWTH_GOAL_MB
    return int(missed)


def compare_throughput(url: str, windows: int) -> float:
    """Ratio of the median throughputs, recorder ÷ plain Locust.

    Both run the whole time and take turns: one is stopped while the other has its window, so that a machine which is
    busy with something else for a while disturbs both alike. The server counts.
    """
    with plain_locust(url) as plain, recorded_locust(url) as recorded:
        measured = [(throughput(url, plain), throughput(url, recorded)) for _ in range(windows)]
    plain_s, recorded_s = (statistics.median(side) for side in zip(*measured, strict=True))
    ratios = sorted(b / a for a, b in measured)
    print(
        f"{windows} pairs of {WINDOW_S:.0f} s windows: plain {plain_s:.0f}/s, recorder {recorded_s:.0f}/s, ratio "
        f"{recorded_s / plain_s:.3f}, median of pairs {statistics.median(ratios):.3f} (goal at least {RATIO_GOAL:.2f})"
    )
    return float(recorded_s / plain_s)


def throughput(url: str, pid: int) -> float:
    """Requests a second while only this Locust runs."""
    os.kill(pid, signal.SIGCONT)
    time.sleep(SETTLE_WINDOW_S)
    before, began_s = served(url), time.monotonic()
    time.sleep(WINDOW_S)
    rate = (served(url) - before) / (time.monotonic() - began_s)
    os.kill(pid, signal.SIGSTOP)
    return rate


def served(url: str) -> int:
    """How many requests the server has seen."""
    with urllib.request.urlopen(f"{url}/?count=1") as response:
        return int(response.headers["x-count"])


@contextmanager
def plain_locust(url: str) -> Iterator[int]:
    """Plain Locust on the same locustfile, warm and stopped."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--host", url]
    command += ["-u", str(LANES), "-r", str(LANES)]
    before = served(url)
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while served(url) < before + WARM_REQUESTS:
            time.sleep(0.1)
        os.kill(child.pid, signal.SIGSTOP)
        yield child.pid
    finally:
        child.kill()
        child.wait()


@contextmanager
def recorded_locust(url: str) -> Iterator[int]:
    """The same load with the recorder, in its measure phase and stopped."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        starter = stack.enter_context(loads(folder))
        load = stack.enter_context(starter.start(load_plan(url, folder, rate=None, measure_s=3600.0)))
        stack.enter_context(load.users("upstream", "X-Served-By"))
        while load.poll().phase != "measure":
            time.sleep(0.1)
        (pid,) = load.pids
        os.kill(pid, signal.SIGSTOP)
        stack.callback(os.kill, pid, signal.SIGCONT)
        yield pid


def measure_growth(url: str, seconds: float) -> float:
    """Growth of the load process's resident memory in MB between the first seconds and the largest later reading."""
    with tempfile.TemporaryDirectory() as folder:
        plan = load_plan(url, Path(folder), rate=GROWTH_RATE, measure_s=seconds)
        readings: list[float] = []
        with loads(Path(folder)) as starter, starter.start(plan) as load, load.users("upstream", "X-Served-By"):
            process = psutil.Process(load.pids[0])
            while not (progress := load.poll()).finished:
                settled = progress.measure_start_s and time.monotonic() >= progress.measure_start_s + SETTLE_S
                if settled and progress.phase == "measure":
                    readings.append(process.memory_info().rss / 1e6)
                time.sleep(1.0)
            outcome = load.result(Path(folder) / "requests.parquet", 0.0)
    growth = max(readings) - readings[0]
    print(
        f"growth over {seconds / 60:.1f} min at {GROWTH_RATE:.0f}/s: {growth:.1f} MB (from {readings[0]:.1f} to "
        f"{max(readings):.1f} MB, {outcome.rows} rows; goal at most {GROWTH_GOAL_MB:.0f} MB in 10 min); "
        f"dispatcher lag p99 {1e3 * (outcome.counters.dispatch_lag_p99_s or 0):.2f} ms"
    )
    return growth


def load_plan(url: str, folder: Path, *, rate: float | None, measure_s: float) -> LoadPlan:
    """The load of this benchmark, open or closed."""
    return LoadPlan(
        locustfile=LOCUSTFILE,
        root=LOCUSTFILE.parent,
        base_url=url,
        rate=rate,
        schedule="poisson",
        seed=1,
        lanes=LANES,
        load_processes=1,
        serving_processes=1,
        warmup_s=WARMUP_S,
        min_warmup_requests=0,
        measure_s=measure_s,
        queue_limit=queue_limit(rate or 0.0),
        directory=folder,
    )


@contextmanager
def local_server() -> Iterator[str]:
    """The test server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "tests.fake_server", "--port", str(port)])
    try:
        give_up_s = time.monotonic() + 10.0
        while not answers(port):
            if time.monotonic() > give_up_s:
                raise TimeoutError("the test server did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def answers(port: int) -> bool:
    """Does something listen?"""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    raise SystemExit(main())
