"""What the sampler costs: its CPU in percent of a core while it follows N idle processes of about 50 MB.

    python benchmarks/sampler.py                        # N plain processes, made to look like one container
    python benchmarks/sampler.py --image IMAGE          # N containers of an image that has python3

Goals: what METHOD 4.4 allows, at most 1 % for 8 processes and 2 % for 16, in a measure phase of 6 s and in a long one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl

from lab.plan.kinds import ServiceKind
from lab.sampling.cgroups import locate
from lab.sampling.grid import Cost
from lab.sampling.plan import SamplerPlan, SampleTarget
from lab.sampling.sampler import start_sampler

# It listens, and waits for connections, as a worker does: of a process that may begin to serve more is asked.
IDLE = (
    "import asyncio, json, select, socket, ssl, time; ballast = bytearray(28 << 20); "
    "listener = socket.create_server(('127.0.0.1', 0)); epoll = select.epoll(); epoll.register(listener); "
    "time.sleep(3600)"
)
LABEL = "lab.run=benchmark-sampler"
FAKE = "f" * 64  # a container's id for the folder that is shown as one
SETTLE_S = 3.0
WARMUP_S = 2.0
MEASURE_S = {"short": 6.0, "long": 60.0}


@contextmanager
def plain_processes(count: int) -> Iterator[tuple[Path, tuple[SampleTarget, ...]]]:
    """Processes of this machine under a folder that shows them as the members of one cgroup (version 2)."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        processes = [subprocess.Popen([sys.executable, "-c", IDLE]) for _ in range(count)]
        for process in processes:
            stack.callback(process.wait)
            stack.callback(process.kill)
        unified = root / "sys/fs/cgroup"
        unified.mkdir(parents=True)
        (unified / "cgroup.controllers").write_text("cpu memory pids\n")
        (root / "proc").symlink_to("/proc")
        cgroup = locate(processes[0].pid, "", root).members
        cgroup.mkdir(parents=True, exist_ok=True)
        (cgroup / "cgroup.procs").write_text("".join(f"{process.pid}\n" for process in processes))
        yield root, (SampleTarget(service="app", kind=ServiceKind.APP, container_id=FAKE, init_pid=processes[0].pid),)


@contextmanager
def containers(count: int, image: str) -> Iterator[tuple[Path, tuple[SampleTarget, ...]]]:
    """One process in each of ``count`` containers."""
    run = ["docker", "run", "-d", "--network", "host", "--label", LABEL, image, "python3", "-c", IDLE]
    with ExitStack() as stack:
        targets = []
        for number in range(count):
            identity = subprocess.check_output(run, text=True).strip()
            stack.callback(subprocess.run, ["docker", "rm", "-f", identity], stdout=subprocess.DEVNULL, check=True)
            pid = subprocess.check_output(["docker", "inspect", "-f", "{{.State.Pid}}", identity], text=True)
            targets.append(
                SampleTarget(service=f"app-{number}", kind=ServiceKind.APP, container_id=identity, init_pid=int(pid))
            )
        yield Path("/"), tuple(targets)


def measure(grid: str, options: argparse.Namespace, root: Path, targets: tuple[SampleTarget, ...]) -> bool:
    """Sample for a while and print the cost; whether the goal is met."""
    goal = Cost(0.0, 0.0, options.processes).budget
    with tempfile.TemporaryDirectory() as folder:
        plan = SamplerPlan(
            targets=targets,
            t0_monotonic_s=time.monotonic(),
            measure_s=MEASURE_S[grid],
            lab_pid=os.getpid(),
            load_pids=(os.getpid(),),
            directory=Path(folder),
            root=root,
        )
        with start_sampler(plan) as sampler:
            time.sleep(WARMUP_S + options.seconds)
            facts = sampler.result(Path(folder)).facts
        host = pl.read_parquet(Path(folder) / "host.parquet")
        rows = pl.read_parquet(Path(folder) / "processes.parquet").height
    measured = host.filter(pl.col("t_s") - host["t_s"][0] >= WARMUP_S)  # where the gate sampler.cpu looks
    first, last = measured.row(0, named=True), measured.row(-1, named=True)
    share = (last["sampler_cpu_s"] - first["sampler_cpu_s"]) / (last["t_s"] - first["t_s"])
    print(
        f"{grid:5} grid: {share:6.2%} of a core (goal ≤ {goal:.2%}) · "
        f"a round {facts.reading_s * 1e3:.1f} ms, a look {facts.reading_with_pss_s * 1e3:.2f} ms (each process "
        f"every {facts.pss_interval_s:.1f} s) · {facts.achieved_readings:.0f} of "
        f"{facts.planned_readings:.0f} readings · {rows} rows · RSS {last['sampler_rss_bytes'] / 1e6:.0f} MB · "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    return bool(share <= goal)


def main() -> int:
    """Run both grids; 0 when both goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30.0, help="for each grid")
    parser.add_argument("--image", default="", help="follow containers of this image instead of plain processes")
    options = parser.parse_args()
    made = containers(options.processes, options.image) if options.image else plain_processes(options.processes)
    with made as (root, targets):
        time.sleep(SETTLE_S)
        met = [measure(grid, options, root, targets) for grid in MEASURE_S]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
