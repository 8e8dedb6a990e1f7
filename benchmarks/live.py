"""What the live view costs: CPU of the lab's process with it, beside plain lines, while a run's updates are replayed.

Run: .venv/bin/python -m benchmarks.live [--seconds 20] [--rate 300]
Goal: at most 2 % of a core. A child process writes what sampler and load would write, at their pace, and reads the
terminal; so nothing but the view is in the difference.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from lab.attest.claims import Evidence
from lab.cli.live.view import PlainView, TerminalView
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import ARRIVAL, RequestRecorder
from lab.load.inside.status import Status, write_status
from lab.load.load_plan import LoadPlan
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import Plan, build_plan
from lab.record.folder import RunFolder, new_run_info
from lab.record.schema import HostRow, ProcessRow
from lab.record.types import Environment
from lab.run.steps import Step
from lab.run.view import QuietView
from lab.sampling.recorder import Rows, recorder
from lab.scenario.file import read_scenario

GOAL = 0.02
POLL_S = 0.1  # as trial.POLL_S
STATUS_S = 0.25
SIZE = (200, 50)
ROLES = ("proxy", "proxy", "supervisor", "helper", *("worker",) * 8)


def load_plan(staging: Path, rate: float) -> LoadPlan:
    """A load that nobody sends."""
    return LoadPlan(
        locustfile=Path("none.py"),
        root=Path(),
        base_url="",
        rate=rate,
        schedule="poisson",
        seed=1,
        lanes=32,
        load_processes=1,
        serving_processes=8,
        warmup_s=0.0,
        min_warmup_requests=0,
        measure_s=3600.0,
        queue_limit=64,
        directory=staging,
    )


def write(staging: Path, rate: float, terminal: int) -> None:
    """The child: write a trial's files until it is killed, and read what the terminal shows."""
    plan = LoadPlan.read(staging / "load" / "plan.json")
    os.set_blocking(terminal, False)
    rows, tally, begun = RequestRecorder(plan.recording_file(0)), Tally(), time.monotonic()
    with recorder(staging / "sampling") as readings:
        for step in range(10**9):
            now = time.monotonic()
            while tally.started < (now - begun) * rate:
                at_s = begun + tally.started / rate
                rows.write(
                    ARRIVAL, lane=0, scheduled_s=at_s, sent_s=at_s, done_s=at_s + 0.002, status=200, name="GET /"
                )
                tally.started += 1
                tally.served(f"{4 + tally.started % 8}-abc", upstream=False)
            rows.flush()
            write_status(plan.status_file(0), Status(tally=tally.totals()))
            if step % 2 == 0:
                readings.append(Rows(processes=list(_processes(now - begun)), cgroups=[], host=_host(now - begun)))
            with suppress(BlockingIOError):
                os.read(terminal, 1 << 20)
            time.sleep(STATUS_S)


def _processes(t_s: float) -> Iterator[ProcessRow]:
    for pid, role in enumerate(ROLES, start=4_000_000):
        cpu_s = t_s * 0.1
        yield ProcessRow(
            t_s, pid, 1e9, role, "app", cpu_s, 0.0, cpu_s, 0.0, 40 << 20, 35 << 20, 30 << 20, None, 4, 100, "uvicorn"
        )


def _host(t_s: float) -> HostRow:
    return HostRow(t_s, *(t_s,) * 6, 1 << 30, t_s * 0.3, t_s * 0.3, *(t_s,) * 6)  # type: ignore[arg-type]  # any number


@contextmanager
def replay(rate: float) -> Iterator[tuple[Plan, RunFolder, Console]]:
    """A run folder that grows as during a trial, and a terminal that somebody reads."""
    plan = build_plan(read_scenario(Path("scenarios/quickstart.toml")))
    with tempfile.TemporaryDirectory() as root:
        folder = RunFolder.create(Path(root), new_run_info("live", "quickstart", plan, Environment(facts={}), {}))
        staging = folder.stage(plan.trials[0].id)
        for name in ("load", "sampling"):
            (staging / name).mkdir()
        load_plan(staging, rate).write()
        master, slave = pty.openpty()
        arguments = ["--write", str(staging), "--rate", str(rate), "--terminal", str(master)]
        child = subprocess.Popen([sys.executable, "-m", "benchmarks.live", *arguments], pass_fds=[master])
        try:
            with os.fdopen(slave, "w") as file:
                yield plan, folder, Console(file=file, force_terminal=True, width=SIZE[0], height=SIZE[1])
        finally:
            child.kill()
            child.wait()
            os.close(master)


def cost(view: QuietView, plan: Plan, folder: RunFolder, seconds: float) -> float:
    """Share of a core that this process takes while the view is told what a trial tells."""
    trial, begun = plan.trials[0], time.monotonic()
    view.watch(folder)
    view.trial_started(trial, 1, len(plan.trials))
    view.attested(trial, Evidence(servers={}, roles={}, listeners={}))
    view.trial_step(trial, Step.MEASURE)
    spent_s = time.process_time()
    for number in range(int(seconds / POLL_S)):
        progress = LoadProgress(
            phase="measure",
            finished=False,
            warmup_start_s=begun - 5,
            measure_start_s=begun,
            measure_end_s=begun + seconds,
            sent=number,
            failed=0,
            dropped=0,
        )
        view.progress(trial, progress)
        time.sleep(POLL_S)
    spent_s = time.process_time() - spent_s
    view.close()
    return spent_s / (time.monotonic() - begun)


def main() -> int:
    """Print both figures and the difference; 0 when the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each view")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second that are recorded")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--terminal", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(options.write, options.rate, options.terminal)
    with replay(options.rate) as (plan, folder, console):
        plain = cost(PlainView(), plan, folder, options.seconds)
        live = cost(TerminalView(plan, console), plan, folder, options.seconds)
    found = {"plain": plain, "live": live, "goal": GOAL, "rate": options.rate, "columns": SIZE[0], "rows": SIZE[1]}
    print(json.dumps(found))
    print(f"live view: {live:.2%} of a core, plain lines {plain:.2%}: {live - plain:.2%} more (goal ≤ {GOAL:.0%})")
    return 0 if live - plain <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
